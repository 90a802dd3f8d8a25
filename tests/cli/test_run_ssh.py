"""`veeamcheck run` with `--all`, and with `--from` another host: which hosts it probes from."""

import errno
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Veeamcheck, one_flow
from veeamcheck.farside.keyfile import make_key
from veeamcheck.model import Inventory, Observation, Signal
from veeamcheck.net import ssh
from veeamcheck.net.interface import Datagram, Done, Stream, VantageError

UNREACHABLE = "down1"

OTHERS = """
[hosts.log1]
address = "198.51.100.10"
roles = ["log-shipping-server"]
ssh = true

[hosts.sql1]
address = "198.51.100.9"
roles = ["vm-guest"]
os = "windows"
databases = ["mssql"]

[hosts.db1]
address = "198.51.100.11"
roles = ["vm-guest"]
os = "linux"
databases = ["postgresql"]
stand_in = "log1"
ssh = true

[hosts.down1]
address = "198.51.100.12"
roles = ["vm-guest"]
os = "linux"
databases = ["postgresql"]
ssh = true

[hosts.repo1]
address = "198.51.100.13"
roles = ["repository"]
os = "linux"
"""


class Everything:
    """A network in which all is open."""

    means = "a test"
    attributes = True
    least_timeout = 0.0
    missing_evidence: tuple[str, ...] = ()

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        done(port, Observation(Signal.OPEN, attributed=True))

    async def exchange(
        self, address: str, port: int, payload: bytes, accept: object, timeout: float
    ) -> Datagram:
        raise AssertionError("no flow here is over UDP")

    async def open_stream(self, address: str, port: int, timeout: float) -> Stream:
        raise OSError(errno.EOPNOTSUPP, "no conversations here")

    async def check(self) -> None:
        pass

    async def resolve(self, name: str) -> tuple[str, ...]:
        return (name,)

    def local_address(self, address: str) -> str | None:
        return None

    def close(self) -> None:
        pass


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were dialled."""
    dialled: list[str] = []

    def reach(_: Inventory) -> Callable[[str], AbstractAsyncContextManager[Everything]]:
        @asynccontextmanager
        async def one(name: str) -> AsyncIterator[Everything]:
            dialled.append(name)
            if name == UNREACHABLE:
                raise VantageError("its SSH server sleeps; wake it")
            yield Everything()

        return one

    monkeypatch.setattr(ssh, "reach", reach)
    return dialled


@pytest.fixture
def inventory(tmp_path: Path, listening: int) -> Path:
    file = tmp_path / "inventory.toml"
    file.write_text(one_flow(listening) + OTHERS)
    return file


@pytest.mark.usefixtures("inventory")
def test_all_probes_from_here_and_from_every_host_with_ssh(
    veeamcheck: Veeamcheck, used: list[str]
) -> None:
    rules = ("*self*", "log-shipping-repository*", "guest-log-shipping*")
    result = veeamcheck("run", "--all", "-o", "json", *(f"--rule={rule}" for rule in rules))

    assert sorted(used) == ["down1", "log1"]  # db1 has a stand-in
    assert sorted(result.json["run"]["vantages"]) == ["log1", "vbr1"]
    flows = {(flow["source"], flow["target"]): flow for flow in result.json["flows"]}
    assert flows["vbr1", "vbr1"]["verdict"] == "pass"
    assert flows["log1", "repo1"]["evidence"][0]["means"] == "a test"
    assert flows["down1", "log1"]["verdict"] == "untested"
    assert "its SSH server sleeps; wake it" in flows["down1", "log1"]["reason"]
    why = "down1 could not be used over SSH: its SSH server sleeps; wake it"
    assert why in result.json["warnings"]


@pytest.mark.usefixtures("inventory")
def test_a_host_where_no_flow_starts_is_only_asked_for_a_listener(
    veeamcheck: Veeamcheck, used: list[str], tmp_path: Path
) -> None:
    """With the key that listeners share; it is no vantage, and failing to reach it is told."""
    make_key(tmp_path / "key")
    narrow = ("--rule", "log-shipping-repository-*", "-o", "json")
    inventory = tmp_path / "inventory.toml"
    inventory.write_text(
        inventory.read_text().replace(
            'address = "198.51.100.13"', 'address = "198.51.100.13"\nssh = true'
        )
    )

    without = veeamcheck("run", "--all", *narrow)
    assert used == ["log1"]
    used.clear()
    asked = veeamcheck("run", "--all", *narrow, "--key-file", "key")

    assert sorted(used) == ["log1", "repo1"]
    assert asked.json["run"]["vantages"] == without.json["run"]["vantages"] == ["log1"]


@pytest.mark.usefixtures("inventory")
def test_from_a_host_that_is_not_this_machine_is_over_its_ssh(
    veeamcheck: Veeamcheck, used: list[str]
) -> None:
    result = veeamcheck("run", "--from", "db1", "-o", "json", "--host", "db1")

    assert used == ["db1"]
    assert result.json["run"]["vantages"] == ["db1"]
    judged = [flow for flow in result.json["flows"] if flow["verdict"] != "untested"]
    assert {flow["runs_from"] for flow in judged} == {"db1"}  # itself, not its stand-in


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize("name", ["vbr1", "repo1"])
def test_from_this_machine_or_a_host_without_ssh_is_from_here(
    veeamcheck: Veeamcheck, used: list[str], name: str
) -> None:
    veeamcheck("run", "--from", name, "-o", "json", "--rule", "*self*")

    assert used == []


def test_all_from_a_machine_that_is_no_host(
    veeamcheck: Veeamcheck, inventory: Path, used: list[str]
) -> None:
    inventory.write_text(inventory.read_text().replace("127.0.0.1", "198.51.100.1"))

    result = veeamcheck("run", "--all", "-o", "json", "--rule", "log-shipping-repository-*")

    assert used == ["log1"]
    assert result.json["run"]["vantages"] == ["log1"]


def test_all_where_no_other_host_has_ssh_says_so(
    veeamcheck: Veeamcheck, tmp_path: Path, listening: int, used: list[str]
) -> None:
    (tmp_path / "inventory.toml").write_text(one_flow(listening))

    alone = veeamcheck("run", "--all", "-o", "json")
    told = veeamcheck("run", "-o", "json")

    assert used == []
    (warning,) = set(alone.json["warnings"]) - set(told.json["warnings"])
    assert warning.startswith("--all audited from this host alone")


def test_all_where_no_host_has_ssh_and_none_is_this_machine(
    veeamcheck: Veeamcheck, tmp_path: Path, used: list[str]
) -> None:
    (tmp_path / "inventory.toml").write_text(one_flow(1).replace("127.0.0.1", "198.51.100.1"))

    result = veeamcheck("run", "--all")

    assert (result.status, used) == (2, [])
    assert "no host has an address of this machine" in result.err


@pytest.mark.usefixtures("inventory")
def test_without_asyncssh(veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "veeamcheck.net.ssh")
    monkeypatch.setitem(sys.modules, "asyncssh", None)

    result = veeamcheck("run", "--all")

    assert (result.status, result.out) == (2, "")
    assert "pip install 'veeamcheck[ssh]'" in result.err
