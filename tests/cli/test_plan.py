"""`veeamcheck plan`."""

from pathlib import Path

import pytest

from tests.cli.conftest import Veeamcheck

SITE = """\
[hosts.vbr1]
address = "198.51.100.1"
roles = ["backup-server"]

[hosts.pve1]
address = "198.51.100.2"
roles = ["proxmox-ve"]

[hosts.worker1]
address = "198.51.100.3"
roles = ["worker"]
stand_in = "pve1"
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text(SITE)


def test_json(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("plan", "--from", "vbr1", "-o", "json")
    assert result.status == 0
    plan = result.json
    assert (plan["schema_version"], plan["kind"], plan["vantage"]) == (1, "plan", "vbr1")
    flow = next(flow for flow in plan["flows"] if flow["id"] == "worker-pve-api@worker1>pve1")
    assert (flow["ports"], flow["runs_from"], flow["address"]) == ("8006", "pve1", ["198.51.100.2"])
    assert {"rule", "source", "target", "reason"} <= set(plan["skipped"][0])


def test_without_a_vantage_the_plan_stands(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("plan", "-o", "json")
    assert (result.status, result.json["vantage"]) == (0, None)
    assert "--from HOST" in result.err


def test_the_table_names_every_flow(veeamcheck: Veeamcheck) -> None:
    flows = veeamcheck("plan", "-o", "json").json["flows"]
    result = veeamcheck("plan", "--quiet")
    assert (result.status, result.err) == (0, "")
    for flow in flows:
        assert flow["rule"] in result.out


def test_files(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    result = veeamcheck("plan", "-o", "json=plan.json", "-o", "table=plan.txt")
    assert result.status == 0
    assert '"kind": "plan"' in (tmp_path / "plan.json").read_text()
    assert "worker-pve-api" in (tmp_path / "plan.txt").read_text()
    assert veeamcheck("plan", "-o", "json=missing/plan.json").status == 4


def test_filters(veeamcheck: Veeamcheck) -> None:
    plan = veeamcheck("plan", "-o", "json", "--rule", "*-ssh", "--host", "worker*").json
    assert [flow["id"] for flow in plan["flows"]] == ["worker-pve-ssh@worker1>pve1"]
    assert veeamcheck("plan", "--host", "repo*").status == 2


@pytest.mark.parametrize("arguments", [["--from", "vbr"], ["-o", "html"], ["-i", "none.toml"]])
def test_wrong_input(veeamcheck: Veeamcheck, arguments: list[str]) -> None:
    result = veeamcheck("plan", *arguments)
    assert (result.status, result.out) == (2, "")
    assert "Traceback" not in result.err


@pytest.mark.parametrize(("ssh", "where"), [("ssh = true", "over SSH"), ("", "this machine")])
def test_how_the_vantage_is_probed_from(
    veeamcheck: Veeamcheck, tmp_path: Path, ssh: str, where: str
) -> None:
    site = SITE.replace('roles = ["proxmox-ve"]', f'roles = ["proxmox-ve"]\n{ssh}')
    (tmp_path / "inventory.toml").write_text(site)
    assert veeamcheck("plan", "--from", "pve1", "-o", "table=plan.txt").status == 0
    for table in (veeamcheck("plan", "--from", "pve1").out, (tmp_path / "plan.txt").read_text()):
        assert f"From pve1 ({where}):" in table
        assert f"from pve1 ({where})" in table
