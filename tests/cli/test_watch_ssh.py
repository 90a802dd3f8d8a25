"""`veeamcheck watch` with the reach of `veeamcheck run`, while SSH servers come and go."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Veeamcheck, one_flow
from tests.cli.test_run_ssh import Everything
from veeamcheck.auditing.settings import Settings
from veeamcheck.cli import _auditor
from veeamcheck.model import Inventory, Observation, Signal
from veeamcheck.net import ssh
from veeamcheck.net.interface import Done, VantageError

PORT = 8006
SOON = ("watch", "--every", "0.01s", "--rule", "worker-pve-api")
SITE = """
[hosts.worker1]
address = "198.51.100.10"
roles = ["worker"]
ssh = true
"""
PVE = """
[hosts.pve{0}]
address = "198.51.100.{0}"
roles = ["proxmox-ve"]
"""
FLOWS = [f"worker-pve-api@worker1>pve{number}" for number in (21, 22, 23)]


class Works(Everything):
    """A network in which the service answers, and nothing else."""

    seen = Observation(Signal.OPEN, attributed=True)

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        done(port, self.seen if port == PORT else Observation(Signal.REFUSED, attributed=True))


class Firewalled(Works):
    """A network in which a firewall rejects what is for the service."""

    seen = Observation(Signal.REJECTED, attributed=True, by="198.51.100.1")


NETWORKS = {"p": Works, "f": Firewalled}


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What each run finds through SSH: p, all open; f, all rejected; t, no SSH."""

    def script(letters: str) -> None:
        left = list(letters)

        def reach(_: Inventory) -> Callable[[str], AbstractAsyncContextManager[Everything]]:
            @asynccontextmanager
            async def one(_name: str) -> AsyncIterator[Everything]:
                letter = left.pop(0)
                if letter == "t":
                    raise VantageError("its SSH server sleeps; wake it")
                yield NETWORKS[letter]()

            return one

        monkeypatch.setattr(ssh, "reach", reach)

    return script


@pytest.fixture
def inventory(tmp_path: Path, listening: int) -> Path:
    file = tmp_path / "inventory.toml"
    hosts = "".join(map(PVE.format, (21, 22, 23)))
    file.write_text(one_flow(listening) + SITE + hosts)
    return file


def replace_text(inventory: Path, text: str) -> None:
    """As somebody else would, meanwhile."""
    inventory.write_text(text)


def told(out: str) -> list[str]:
    """The lines without their times."""
    return [line.partition(" ")[2] for line in out.splitlines()]


@pytest.mark.parametrize(
    ("letters", "options", "expected"),
    [
        ("pfp", [], ["fail", "fixed"]),
        ("pttp", ["--confirm=2"], ["untested", "tested"]),
        ("ptp", ["--confirm=2"], []),
        ("fftf", ["--confirm=2"], ["fail"]),
        ("ftf", [], ["fail", "untested", "tested"]),
        ("ftp", [], ["fail", "untested", "fixed"]),
        ("ptf", [], ["untested", "fail"]),
    ],
)
@pytest.mark.usefixtures("inventory")
def test_a_host_that_cannot_be_reached_has_no_news_of_its_flows(
    veeamcheck: Veeamcheck, through: Any, letters: str, options: list[str], expected: list[str]
) -> None:
    """All three flows of that host in one line each time."""
    through(letters)
    result = veeamcheck(*SOON, "--from", "worker1", "--runs", len(letters), *options)
    lines = told(result.out)
    assert (result.status, [line.split()[0] for line in lines]) == (0, expected)
    for line in lines:
        assert "3 flows: " in line
        assert all(flow in line for flow in FLOWS)
        assert ("worker1 could not be used over SSH: its SSH server sleeps; wake it" in line) is (
            line.startswith("untested")
        )


@pytest.mark.usefixtures("inventory")
def test_a_host_that_is_not_reached_at_first_is_named(veeamcheck: Veeamcheck, through: Any) -> None:
    through("tp")
    result = veeamcheck(*SOON, "--all", "--runs", "2")
    assert told(result.out)[0].startswith("tested    judged now, pass (was not tested): 3 flows")
    assert (
        "3 flows: 3 untested; a run about every 0.01 s\nwarning: worker1 could not be used"
        in result.err
    )
    assert veeamcheck("diff").status == 0
    assert "Judged now, not before (3)" in veeamcheck("diff").out


@pytest.mark.usefixtures("inventory")
def test_a_lost_proof_is_said_by_diff(veeamcheck: Veeamcheck, through: Any) -> None:
    through("pt")
    veeamcheck(*SOON, "--all", "--runs", "2", "-q")
    result = veeamcheck("diff")
    assert (result.status, "No longer judged (3)" in result.out) == (1, True)


def test_hosts_that_get_ssh_are_audited_from_then_on(
    veeamcheck: Veeamcheck, inventory: Path, through: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = inventory.read_text()
    inventory.write_text(text.replace("ssh = true", ""))
    through("p")
    audit = _auditor.audit
    rounds = 0

    async def with_ssh_from_the_second(*arguments: Any, **more: Any) -> Any:
        nonlocal rounds
        rounds += 1
        report = await audit(*arguments, **more)
        replace_text(inventory, text)
        return report

    monkeypatch.setattr(_auditor, "audit", with_ssh_from_the_second)
    result = veeamcheck(*SOON, "--all", "--runs", "2")
    assert [line.split()[0] for line in told(result.out)] == ["tested"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("[hosts.worker1]", "[hosts.worker2]"), "has no host 'worker1'"),
        (('roles = ["proxmox-ve"]', "roles = []"), "no flow of"),
    ],
)
def test_an_inventory_that_no_longer_has_what_was_asked_for(
    veeamcheck: Veeamcheck,
    inventory: Path,
    through: Any,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    problem: str,
) -> None:
    """The last one is used, and the reason said once."""
    through("ppp")
    text = inventory.read_text()
    audit = _auditor.audit

    async def changing(*arguments: Any, **more: Any) -> Any:
        replace_text(inventory, text.replace(*change))
        return await audit(*arguments, **more)

    monkeypatch.setattr(_auditor, "audit", changing)
    result = veeamcheck(*SOON, "--from", "worker1", "--runs", "3")
    assert (result.status, result.out) == (0, "")
    assert result.err.count(problem) == 1
    assert result.err.count("going on with the inventory as it was") == 1


def test_a_machine_stays_itself_while_its_network_is_down(
    veeamcheck: Veeamcheck, inventory: Path, through: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that is gone makes nobody else of it: its flows are not left to SSH."""
    inventory.write_text(inventory.read_text().replace("roles = ", "ssh = true\nroles = ", 1))
    through("ppp")
    seen: list[Settings] = []
    audit = _auditor.audit

    async def spy(given: Inventory, settings: Settings, **more: Any) -> Any:
        seen.append(settings)
        monkeypatch.setattr(_auditor, "is_over_ssh", lambda *_: True)
        monkeypatch.setattr(_auditor, "own_hosts", lambda *_: [])
        return await audit(given, settings, **more)

    monkeypatch.setattr(_auditor, "audit", spy)
    assert veeamcheck(*SOON, "--all", "--runs", "2").status == 0
    assert [(each.vantage, each.beyond) for each in seen] == [("vbr1", ("worker1",))] * 2


SAME_IN_RUN_AND_WATCH: Mapping[str, tuple[str, object]] = {
    "--full-range": ("full_range", True),
    "--check-failover": ("check_failover", True),
    "--checks=connect": ("checks", "connect"),
    "--pace=polite": ("pace", "polite"),
}


@pytest.mark.parametrize("command", [("run",), ("watch", "--runs=1")])
@pytest.mark.usefixtures("inventory")
def test_options_reach_the_audit(
    veeamcheck: Veeamcheck,
    through: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: tuple[str, ...],
) -> None:
    key = tmp_path / "key"
    key.write_text(f"{'5' * 64}\n")
    key.chmod(0o600)
    through("p")
    seen: list[tuple[Inventory, Settings]] = []
    audit = _auditor.audit

    async def spy(given: Inventory, settings: Settings, **more: Any) -> Any:
        seen.append((given, settings))
        return await audit(given, settings, **more)

    monkeypatch.setattr(_auditor, "audit", spy)
    options = [*SAME_IN_RUN_AND_WATCH, "--phase=predeploy", f"--key-file={key}"]
    veeamcheck(*command, "--all", "--host=pve21", "--rule=worker-pve-api", *options)
    ((given, settings),) = seen
    for name, value in SAME_IN_RUN_AND_WATCH.values():
        assert getattr(settings, name) == value
    assert (given.phase, settings.key is None) == ("predeploy", False)
    assert (settings.vantage, settings.beyond) == ("vbr1", ("worker1",))
    assert settings.selection.hosts == ("pve21",)


@pytest.mark.usefixtures("inventory")
def test_without_asyncssh(veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "veeamcheck.net.ssh")
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    result = veeamcheck("watch", "--all", "--runs", "1")
    assert (result.status, result.out) == (2, "")
    assert "pip install 'veeamcheck[ssh]'" in result.err
