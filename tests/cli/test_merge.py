"""`veeamcheck script` and `veeamcheck merge`, one after the other."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Veeamcheck, one_flow

MINE = "backup-server-self-database@vbr1>vbr1"


@pytest.fixture
def site(tmp_path: Path, listening: int) -> Path:
    """An inventory whose one flow passes."""
    file = tmp_path / "inventory.toml"
    file.write_text(one_flow(listening))
    return file


def run_script(veeamcheck: Veeamcheck, *arguments: str) -> str:
    """What the sh script for vbr1 prints here."""
    made = veeamcheck("script", "--from", "vbr1", "--format", "sh", *arguments)
    assert made.status == 0
    ran = subprocess.run(
        ["sh"], input=made.out, capture_output=True, text=True, check=True, timeout=60
    )
    return ran.stdout


@pytest.mark.usefixtures("site")
def test_a_script_and_a_run_become_one_report(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    (tmp_path / "observations.json").write_text(run_script(veeamcheck))
    assert veeamcheck("run", "-o", "json=run.json").status == 0

    result = veeamcheck("merge", "run.json", "observations.json", "-o", "json")

    assert (result.status, result.err) == (0, "inventory: inventory.toml\n")
    (flow,) = result.json["flows"]
    assert (flow["id"], flow["verdict"]) == (MINE, "pass")
    assert flow["origin"].startswith("vbr1, ")
    assert [row["means"] for row in flow["evidence"]] != ["script: bash"]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_script_alone_however_its_shell_wrote_it(
    veeamcheck: Veeamcheck, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "o.json").write_text(run_script(veeamcheck), encoding=encoding)

    result = veeamcheck("merge", "o.json")

    assert result.status == 0
    assert "backup-server-self-database" in result.out


@pytest.mark.usefixtures("site")
def test_reports_alone_need_no_inventory(veeamcheck: Veeamcheck, site: Path) -> None:
    assert veeamcheck("run", "-o", "json=run.json").status == 0
    site.unlink()

    result = veeamcheck("merge", "run.json", "-o", "json=all.json", "-q")

    assert (result.status, result.err) == (0, "")
    assert veeamcheck("merge", "all.json", "run.json").status == 0


@pytest.mark.usefixtures("site")
def test_reports_of_different_deployments(
    veeamcheck: Veeamcheck, tmp_path: Path, closed: int
) -> None:
    veeamcheck("run", "-o", "json=one.json")
    (tmp_path / "inventory.toml").write_text(one_flow(closed))
    veeamcheck("run", "-o", "json=other.json")

    result = veeamcheck("merge", "one.json", "other.json")

    assert (result.status, result.out) == (2, "")
    assert f"{MINE} has ports " in result.err


@pytest.mark.usefixtures("site")
def test_the_policy_is_applied_anew(
    veeamcheck: Veeamcheck, tmp_path: Path, site: Path, closed: int
) -> None:
    site.write_text(one_flow(closed))
    (tmp_path / "o.json").write_text(run_script(veeamcheck))

    assert veeamcheck("merge", "o.json").status == 1
    assert veeamcheck("merge", "o.json", "--phase", "predeploy").status == 3
    allowed = ("--allow-unproven", "refusal-unattributed")
    assert veeamcheck("merge", "o.json", "--phase", "predeploy", *allowed).status == 0
    assert veeamcheck("merge", "o.json", "--allow-unproven", "no-listener").status == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", "this is not JSON"),
        (b"\xff\xfe\x00", "neither UTF-8 nor UTF-16"),
        (b"\x80", "neither UTF-8 nor UTF-16"),
        (b'{"kind": "plan"}', "this is a plan, not a report"),
        (b'{"kind": "observations"}', "vantage: Field required"),
    ],
)
def test_files_that_cannot_be_merged(
    veeamcheck: Veeamcheck, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    result = veeamcheck("merge", "a.json")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("a.json:1")
    assert message in result.err


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "vbr2", "--format", "sh"], "has no host 'vbr2'"),
        (["--from", "vbr1", "--format", "powershel"], "did you mean 'powershell'?"),
        (["--format", "sh"], "--from"),
    ],
)
def test_scripts_that_cannot_be_written(
    veeamcheck: Veeamcheck, arguments: list[str], message: str
) -> None:
    result = veeamcheck("script", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


def test_a_host_without_flows(veeamcheck: Veeamcheck, tmp_path: Path, site: Path) -> None:
    with site.open("a") as file:
        file.write('[hosts.alone]\naddress = "198.51.100.7"\nroles = []\n')
    result = veeamcheck("script", "--from", "alone", "--format", "sh")
    assert (result.status, result.out) == (2, "")
    assert "no flow that a script could test runs from alone" in result.err


@pytest.mark.usefixtures("site")
def test_observations_are_json_of_the_declared_kind(veeamcheck: Veeamcheck) -> None:
    observed = json.loads(run_script(veeamcheck, "--full-range"))
    assert (observed["kind"], observed["vantage"]) == ("observations", "vbr1")
    assert observed["full_range"] is True
