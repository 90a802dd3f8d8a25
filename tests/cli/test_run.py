"""`veeamcheck run`: what it reads, prints, writes and exits with."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Veeamcheck, one_flow
from veeamcheck.cli import _auditor

MINE = "backup-server-self-database@vbr1>vbr1"

ELSEWHERE = """
[hosts.sql1]
address = "198.51.100.9"
roles = ["vm-guest"]
os = "windows"
databases = ["mssql"]

[hosts.log1]
address = "198.51.100.10"
roles = ["log-shipping-server"]
"""


@pytest.fixture
def passing(tmp_path: Path, listening: int) -> Path:
    """An inventory whose one flow passes."""
    file = tmp_path / "inventory.toml"
    file.write_text(one_flow(listening))
    return file


@pytest.fixture
def failing(tmp_path: Path, closed: int) -> Path:
    """An inventory whose one flow fails: nothing listens."""
    file = tmp_path / "inventory.toml"
    file.write_text(one_flow(closed))
    return file


@pytest.mark.usefixtures("passing")
def test_a_pass_exits_0_and_says_which_inventory_it_used(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("run")
    assert result.status == 0
    assert result.err == "inventory: inventory.toml\n"
    assert "backup-server-self-database" in result.out


@pytest.mark.usefixtures("failing")
def test_a_failure_exits_1(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("run", "-o", "json")
    assert result.status == 1
    (flow,) = result.json["flows"]
    assert (flow["id"], flow["verdict"], flow["reason_code"]) == (MINE, "fail", "no-listener")


def test_the_inventory_named_by_the_environment(
    veeamcheck: Veeamcheck, passing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = passing.rename(passing.with_name("site.toml"))
    monkeypatch.setenv("VEEAMCHECK_INVENTORY", str(named))
    result = veeamcheck("run")
    assert (result.status, result.err) == (0, f"inventory: {named}\n")


def test_an_option_goes_before_the_environment(
    veeamcheck: Veeamcheck, passing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEEAMCHECK_INVENTORY", "not-there.toml")
    assert veeamcheck("run", "-i", passing).status == 0


def test_no_inventory(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("run")
    assert (result.status, result.out) == (2, "")
    assert "veeamcheck init" in result.err


def test_every_mistake_of_an_inventory_at_once(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text(
        '[hosts.a]\naddress = "10.0.0.300"\nroles = ["backup-sever"]\n'
    )
    result = veeamcheck("run")
    assert (result.status, result.out) == (2, "")
    first, second = result.err.splitlines()
    assert first.startswith("inventory.toml:2: hosts.a.address: ")
    assert second.startswith("inventory.toml:3: hosts.a.roles: ")
    assert "did you mean 'backup-server'?" in second


@pytest.mark.usefixtures("passing")
def test_quiet_says_nothing_on_stderr(veeamcheck: Veeamcheck) -> None:
    assert veeamcheck("run", "--quiet").err == ""


@pytest.mark.usefixtures("passing")
def test_quiet_and_verbose_exclude_each_other(veeamcheck: Veeamcheck) -> None:
    assert veeamcheck("run", "--quiet", "--verbose").status == 2


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("198.51.100.77", "no host has an address of this machine; say with --from"),
        ('127.0.0.1"\nroles = []\n[hosts.twin]\naddress = "127.0.0.2', "several hosts have"),
    ],
)
def test_which_host_this_is_has_to_be_clear(
    veeamcheck: Veeamcheck, tmp_path: Path, address: str, message: str
) -> None:
    (tmp_path / "inventory.toml").write_text(f'[hosts.vbr1]\naddress = "{address}"\n')
    result = veeamcheck("run")
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert "vbr1" in result.err.splitlines()[-1]


@pytest.mark.usefixtures("passing")
def test_an_unknown_vantage(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("run", "--from", "vbr2")
    assert result.status == 2
    assert "has no host 'vbr2'; it has: vbr1; did you mean 'vbr1'?" in result.err


@pytest.mark.usefixtures("passing")
@pytest.mark.parametrize(
    "filters",
    [
        ["--rule", "nothing*"],
        ["--host", "pve1"],
        ["--section", "workers"],
        ["--host", "vbr1", "--section", "workers"],
    ],
)
def test_filters_that_match_nothing(veeamcheck: Veeamcheck, filters: list[str]) -> None:
    result = veeamcheck("run", *filters)
    assert (result.status, result.out) == (2, "")
    assert "no flow of 1 matches the filters" in result.err


@pytest.mark.usefixtures("passing")
def test_filters_ignore_case_and_repeat(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("run", "--host", "other", "--host", "VBR*", "--section", "backup server")
    assert result.status == 0


def test_what_starts_elsewhere_counts_only_if_asked(veeamcheck: Veeamcheck, passing: Path) -> None:
    with passing.open("a") as file:
        file.write(ELSEWHERE)
    arguments = ("run", "--from", "vbr1", "-o", "json", "--rule", "*self*", "--rule", "guest-*")
    result = veeamcheck(*arguments)
    assert (result.status, result.json["summary"]["untested"] > 0) == (0, True)
    assert veeamcheck(*arguments, "--require-complete").status == 3


def test_nothing_starts_here(veeamcheck: Veeamcheck, passing: Path) -> None:
    with passing.open("a") as file:
        file.write(ELSEWHERE)
    assert veeamcheck("run", "--from", "log1").status == 3


@pytest.mark.usefixtures("failing")
def test_the_phase_overrides_the_inventory(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("run", "--phase", "predeploy", "-o", "json")
    assert result.json["run"]["phase"] == "predeploy"
    assert result.json["flows"][0]["verdict"] != "fail"


@pytest.mark.usefixtures("passing")
def test_files_beside_the_report_on_stdout(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    result = veeamcheck("run", "-o", "json=report.json", "-o", "terminal=report.txt")
    assert result.status == 0
    assert "backup-server-self-database" in result.out
    assert '"kind": "report"' in (tmp_path / "report.json").read_text()
    assert "backup-server-self-database" in (tmp_path / "report.txt").read_text()


@pytest.mark.usefixtures("failing")
def test_a_report_that_cannot_be_written(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    result = veeamcheck("run", "-o", "json=missing/report.json", "-o", "terminal=report.txt")
    assert result.status == 4
    assert "backup-server-self-database" in result.out
    assert "cannot write missing" in result.err
    assert (tmp_path / "report.txt").exists()


@pytest.mark.usefixtures("passing")
@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ("idle-silnt", "did you mean 'idle-silent'?"),
        ("no-listener", "'no-listener' is no reason to be unproven"),
        ("", "'' is no reason to be unproven"),
        ("idle-silent,", "'' is no reason to be unproven"),
    ],
)
def test_reasons_that_cannot_be_allowed(veeamcheck: Veeamcheck, codes: str, message: str) -> None:
    result = veeamcheck("run", "--allow-unproven", codes)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


def test_options_reach_the_audit(
    veeamcheck: Veeamcheck, passing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    audit = _auditor.audit

    async def spy(inventory: Any, settings: Any, **more: Any) -> Any:
        seen.append(settings)
        return await audit(inventory, settings, **more)

    monkeypatch.setattr(_auditor, "audit", spy)
    assert passing.exists()
    veeamcheck(
        *("run", "--full-range", "--check-failover", "--checks", "connect", "--pace", "fast"),
        *("--fail-on", "degraded", "--allow-unproven", "idle-silent,not-running"),
        *("--allow-unproven", "local-error", "--require-complete", "--host", "vbr1"),
    )
    (settings,) = seen
    assert settings.vantage == "vbr1"
    assert settings.full_range
    assert settings.check_failover
    assert (settings.checks, settings.pace) == ("connect", "fast")
    assert settings.selection.hosts == ("vbr1",)
    assert settings.policy.fail_on_degraded
    assert settings.policy.require_complete
    assert settings.policy.allow_unproven == {"idle-silent", "not-running", "local-error"}


@pytest.mark.usefixtures("passing")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    audit = _auditor.audit

    async def interrupted(*arguments: Any, stop: Any, **more: Any) -> Any:
        signal.raise_signal(number)
        await stop.wait()
        return await audit(*arguments, stop=stop, **more)

    monkeypatch.setattr(_auditor, "audit", interrupted)
    result = veeamcheck("run", "-o", "json")
    assert result.status == 130
    assert result.json["run"]["interrupted"] is True
    assert [flow["id"] for flow in result.json["flows"]] == [MINE]


def test_a_rule_set_of_ones_own(veeamcheck: Veeamcheck, tmp_path: Path, listening: int) -> None:
    (tmp_path / "mine.toml").write_text(
        f"""\
[rule_set]
id = "mine"
title = "Mine"
product_version = "1"
revision = "1"
document = "https://example.com/ports"

[roles.app]
title = "Application"

[[rules]]
id = "app-itself"
section = "Applications"
row = 1
source = "app"
target = "self"
transport = "tcp"
ports = {{ all = [{listening}] }}
service = "tcp"
purpose = "It talks to itself."
breaks = "It falls silent."
"""
    )
    (tmp_path / "inventory.toml").write_text(
        '[audit]\nrule_sets = ["mine"]\n[hosts.a]\naddress = "127.0.0.1"\nroles = ["app"]\n'
    )
    assert veeamcheck("run").status == 2
    result = veeamcheck("run", "--rules", "mine.toml", "-o", "json")
    assert result.status == 0
    assert [flow["id"] for flow in result.json["flows"]] == ["app-itself@a>a"]


@pytest.mark.usefixtures("passing")
def test_a_home_that_is_somebody_elses(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `sudo -u` leaves it: where the listeners' key would be cannot be looked at."""

    def forbidden(_: Path, **__: Any) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("veeamcheck.farside.keyfile.Path.exists", forbidden)
    result = veeamcheck("run", "-i", "inventory.toml", "-o", "json")
    assert (result.status, result.json["summary"]["pass"]) == (0, 1)
