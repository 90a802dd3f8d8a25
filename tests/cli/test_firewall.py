"""`veeamcheck firewall`: what it reads, what it refuses, and where its words go."""

import csv
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from tests.cli.conftest import Result, Veeamcheck
from tests.samples import everything, flow, report, seen
from veeamcheck.model import ReasonCode, Report, Signal, Verdict
from veeamcheck.reports.json import render

INVENTORY = """\
[hosts.vbr1]
address = "10.0.10.5"
roles = ["backup-server"]
[hosts.pve1]
address = "10.0.10.20"
roles = ["proxmox-ve"]
[hosts.worker1]
address = "worker1.localhost"
roles = ["worker"]
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """An inventory where commands look for one, with a host that is known by name only."""
    file = tmp_path / "inventory.toml"
    file.write_text(INVENTORY)
    return file


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """A report with every verdict in it, as a file."""
    made = everything()
    rules = tuple(replace(rule, allow_list=()) for rule in made.rules)
    return write(tmp_path, replace(made, rules=rules))


def write(directory: Path, made: Report) -> str:
    (directory / "report.json").write_text(render(made))
    return "report.json"


def rows(result: Result) -> list[dict[str, str]]:
    assert result.status == 0, result.err
    return list(csv.DictReader(StringIO(result.out)))


@pytest.mark.usefixtures("inventory")
def test_all_that_an_inventory_needs(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("firewall", "--format", "csv")
    assert [(row["source"], row["destination"], row["ports"]) for row in rows(result)] == [
        ("vbr1, worker1", "pve1", "22, 8006"),
        ("worker1", "vbr1", "2500-3300, 10006"),
        ("vbr1", "worker1", "443, 19000"),
    ]
    assert "inventory: inventory.toml" in result.err
    assert "within one host" in result.err  # 6172, which the backup server needs of itself


@pytest.mark.usefixtures("inventory")
def test_a_name_is_left_out_or_resolved_where_addresses_are_needed(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "# not in here: vbr1 (10.0.10.5) -> worker1 (worker1.localhost)"
    left_out = veeamcheck("firewall", "--format", "nftables")
    assert missing in left_out.out
    assert missing.removeprefix("# ") in left_out.err

    monkeypatch.setattr("veeamcheck.net.names._addresses", lambda name: ("10.0.20.11",))
    resolved = veeamcheck("firewall", "--format", "nftables", "--resolve", "--quiet")
    assert missing not in resolved.out
    assert "ip saddr 10.0.10.5 ip daddr 10.0.20.11 tcp dport { 443, 19000 }" in resolved.out
    assert resolved.err == ""

    def unknown(name: str) -> tuple[str, ...]:
        raise OSError(None, "Name or service not known")

    monkeypatch.setattr("veeamcheck.net.names._addresses", unknown)
    failed = veeamcheck("firewall", "--format", "nftables", "--resolve")
    assert failed.status == 0
    assert "worker1.localhost: Name or service not known" in failed.err
    assert missing in failed.out


def test_of_a_report_what_failed_needs_no_inventory(veeamcheck: Veeamcheck, kept: str) -> None:
    result = veeamcheck("firewall", kept, "--only", "failed", "--format", "csv")
    assert [(row["source"], row["destination"], row["ports"]) for row in rows(result)] == [
        ("vbr1", "pve2", "22, 8006"),
        ("vbr1", "repo1", "6162"),
        ("vbr1", "sql1", "2500-3300"),
    ]
    assert "vbr1 (10.0.10.5) -> pve1 (10.0.10.20) tcp 22 (backup-server-pve-ssh): the path is" in (
        result.err
    )
    every = rows(veeamcheck("firewall", kept, "--format", "csv", "--with-failover"))
    assert len(every) > 3
    assert "2500-3300, 6162" in {row["ports"] for row in every}


def test_filters_and_a_host_narrow_it_down(veeamcheck: Veeamcheck, kept: str) -> None:
    by_host = rows(veeamcheck("firewall", kept, "--format", "csv", "--host", "pve2"))
    assert {row["destination"] for row in by_host} == {"pve2"}
    own = rows(veeamcheck("firewall", kept, "--format", "csv", "--for", "worker1"))
    assert {"worker1"} <= {row["source"] for row in own} | {row["destination"] for row in own}
    assert all("worker1" in (row["source"], row["destination"]) for row in own)
    assert veeamcheck("firewall", kept, "--format", "csv", "--rule", "nothing").status == 2


def test_an_inventory_beside_the_report_knows_more_addresses(
    veeamcheck: Veeamcheck, tmp_path: Path
) -> None:
    stood_in = flow(
        "worker-pve-ssh", "worker1", "pve1", "22", Verdict.FAIL, ReasonCode.BLOCKED_SILENT,
        [seen("22", Signal.SILENT)], runs_from="pve2",
    )  # fmt: skip
    file = write(tmp_path, report([stood_in]))
    asked = ("firewall", file, "--only", "failed", "--format", "nftables")
    assert "no address of worker1 is known" in veeamcheck(*asked).out

    named = tmp_path / "named.toml"
    named.write_text(INVENTORY.replace("worker1.localhost", "10.0.20.11"))
    assert "ip saddr 10.0.20.11 ip daddr 10.0.10.20" in veeamcheck(*asked, "-i", named).out


def test_rules_of_one_report_do_not_replace_those_of_another(
    veeamcheck: Veeamcheck, kept: str
) -> None:
    only = ("firewall", kept, "--only", "failed", "--format", "nftables")
    assert "add chain inet filter veeamcheck-20261122-100000\n" in veeamcheck(*only).out
    assert "add chain inet filter mine\n" in veeamcheck(*only, "--name", "mine").out
    every = veeamcheck("firewall", kept, "--format", "nftables")
    assert "add chain inet filter veeamcheck\n" in every.out


def test_what_cannot_be_a_name_is_not_resolved_and_no_defect(
    veeamcheck: Veeamcheck, tmp_path: Path
) -> None:
    odd = flow(
        "ssh", "vbr1", "pve1", "22", Verdict.FAIL, ReasonCode.UNRESOLVED, address=("a\x00b",)
    )
    file = write(tmp_path, report([odd]))
    result = veeamcheck("firewall", file, "--resolve", "--format", "nftables")
    assert result.status == 0
    assert "accept" not in result.out


def test_nothing_is_blocked(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    passing = flow("ssh", "vbr1", "pve1", "22", Verdict.PASS, ReasonCode.OPEN)
    file = write(tmp_path, report([passing]))
    result = veeamcheck("firewall", file, "--only", "failed", "--format", "pve")
    assert result.status == 0
    assert "nothing is blocked" in result.err
    assert "ACCEPT" not in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "nftable"], "did you mean 'nftables'"),
        (["--format", "csv", "--only", "failed"], "veeamcheck run -o json=report.json"),
        (["--format", "windows"], "say with --for which host's"),
        (["--format", "windows", "--for", "vbr"], "'vbr'; did you mean 'vbr1'"),
        (["--format", "csv", "--chain", "inet filter forward"], "csv has no chains"),
        (["--format", "nftables", "--chain", "forward"], "'forward' is no chain"),
        (["--format", "nftables", "--name", "a b"], "'a b' is not a letter with"),
        (["--format", "csv", "none.json"], "none.json:1: cannot be read"),
    ],
)
@pytest.mark.usefixtures("inventory")
def test_what_cannot_be_is_refused_with_a_remedy(
    veeamcheck: Veeamcheck, arguments: list[str], message: str
) -> None:
    result = veeamcheck("firewall", *arguments)
    assert result.status == 2
    assert message in " ".join(result.err.split())
    assert result.out == ""
