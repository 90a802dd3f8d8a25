"""`veeamcheck listen`: what it opens, says, writes and exits with."""

import asyncio
import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Result, Veeamcheck
from veeamcheck.farside.binding import Bound, bind
from veeamcheck.farside.keyfile import make_key
from veeamcheck.farside.listener import Listener
from veeamcheck.farside.visits import Visits
from veeamcheck.model import Transport

SITE = """
[hosts.vbr1]
address = "127.0.0.1"
roles = ["backup-server"]

[hosts.pve1]
address = "{address}"
roles = ["proxmox-ve"]
ports = {{ "8006" = "{port}", "22" = "{port}" }}
"""


@pytest.fixture
def free(closed: int) -> int:
    """A port of 127.0.0.1 that nobody listens on; another address of loopback has it free."""
    return closed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--for", "0s"], "90s, 30m or 2h"),
        (["--for", "30"], "90s, 30m or 2h"),
        (["--for", "8d"], "90s, 30m or 2h"),
        (["--for", "169h"], "at most 168h"),
        (["--ports", "70000"], "port 70000 is not between 1 and 65535"),
        (["--udp", "x"], "'x' is no port or run of ports"),
        (["--ports", "6162", "--host", "pve1"], "not with --ports"),
        (["-o", "yaml"], "'yaml' is no format"),
        (["-i", "missing.toml"], "missing.toml"),
        ([], "there is no inventory.toml here"),
    ],
)
def test_what_is_wrong_exits_2_and_opens_nothing(
    veeamcheck: Veeamcheck, arguments: list[str], says: str
) -> None:
    result = veeamcheck("listen", *arguments)
    assert (result.status, result.out) == (2, "")
    assert says in result.err.replace("\n", " ")


def test_a_host_that_is_elsewhere_is_told_where_to_listen(
    veeamcheck: Veeamcheck, tmp_path: Path
) -> None:
    (tmp_path / "inventory.toml").write_text(SITE.format(address="192.0.2.9", port=4242))
    result = veeamcheck("listen", "--host", "pve1")
    assert result.status == 2
    assert "this machine has no address of pve1 (192.0.2.9)" in result.err


def test_an_unknown_host_is_named(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text(SITE.format(address="192.0.2.9", port=4242))
    result = veeamcheck("listen", "--host", "pve")
    assert result.status == 2
    assert "--host" in result.err
    assert "did you mean 'pve1'?" in result.err


def test_it_listens_for_its_time_and_tells_who_came(
    veeamcheck: Veeamcheck, tmp_path: Path, free: int
) -> None:
    (tmp_path / "inventory.toml").write_text(SITE.format(address="127.0.0.2", port=free))
    result = veeamcheck(
        *("listen", "--host", "pve1", "--for", "1s", "--key-file", "key", "-o", "json=s.json")
    )
    assert result.status == 0
    assert "made a new key: key" in result.err
    assert f"listening on 127.0.0.2 tcp {free}" in result.err
    assert "vbr1                 never came" in result.out
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["opened"] == [{"address": "127.0.0.2", "transport": "tcp", "ports": str(free)}]
    assert summary["never_came"] == ["vbr1"]

    again = veeamcheck("listen", "--host", "pve1", "--for", "1s", "--key-file", "key", "-q")
    assert (again.status, again.err) == (0, "")


def test_given_ports_need_no_inventory_and_the_key_has_its_usual_place(
    veeamcheck: Veeamcheck,
) -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as server:
        port = server.getsockname()[1]
    result = veeamcheck("listen", "--ports", port, "--for", "1s")
    assert result.status == 0
    assert f"listening on 0.0.0.0 tcp {port}" in result.err
    assert str(Path("veeamcheck", "listener.key")) in result.err
    assert "nobody came" in result.out


def test_a_key_that_others_can_read_is_refused(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("00" * 32)
    file.chmod(0o644)
    for arguments in (["listen", "--ports", "6162"], ["run", "-i", "inventory.toml"]):
        (tmp_path / "inventory.toml").write_text(SITE.format(address="127.0.0.2", port=4242))
        options = ["--from", "vbr1"] if arguments[0] == "run" else []
        result = veeamcheck(*arguments, *options, "--key-file", file)
        assert result.status == 2
        assert f"others can read this key; run: chmod 600 {file}" in result.err


def test_where_everything_is_held_there_is_nothing_to_do(
    veeamcheck: Veeamcheck, listening: int, tmp_path: Path
) -> None:
    (tmp_path / "inventory.toml").write_text(
        SITE.replace('"127.0.0.1"', '"127.0.0.3"').format(address="127.0.0.1", port=listening)
    )
    result = veeamcheck("listen", "--host", "pve1", "--key-file", "key")
    assert result.status == 2
    assert f"not on 127.0.0.1 tcp {listening}: held by a service: left to it" in result.err
    assert "no port is left to listen on" in result.err


def test_an_audit_with_the_key_recognises_it(
    veeamcheck: Veeamcheck, tmp_path: Path, free: int
) -> None:
    (tmp_path / "inventory.toml").write_text(SITE.format(address="127.0.0.2", port=free))
    key = make_key(tmp_path / "key")
    bound = bind("127.0.0.2", free, Transport.TCP)
    assert isinstance(bound, Bound)
    with in_background(bound, key):
        known = audit(veeamcheck, "--key-file", "key")
        connect = audit(veeamcheck, "--key-file", "key", "--checks", "connect")
        plain = audit(veeamcheck)
    assert known == {("pass", "open", True)}
    assert connect == plain == {("pass", "open", False)}


def test_a_single_probe_with_the_key_recognises_it(
    veeamcheck: Veeamcheck, tmp_path: Path, free: int
) -> None:
    key = make_key(tmp_path / "key")
    bound = bind("127.0.0.2", free, Transport.TCP)
    assert isinstance(bound, Bound)
    with in_background(bound, key):
        known = veeamcheck("probe", "127.0.0.2", free, "--key-file", "key")
        plain = veeamcheck("probe", "127.0.0.2", free)
    assert (known.status, plain.status) == (0, 0)
    assert "proven by listener" in known.out
    assert "listener" not in plain.out


def audit(veeamcheck: Veeamcheck, *options: str) -> set[tuple[str, str, bool]]:
    result: Result = veeamcheck("run", "--from", "vbr1", "--host", "pve1", "-o", "json", *options)
    return {
        (flow["verdict"], flow["reason_code"], flow["evidence"][0]["proven"])
        for flow in result.json["flows"]
        if flow["source"] == "vbr1"
    }


@contextmanager
def in_background(bound: Bound, key: bytes) -> Iterator[None]:
    """A listener in a thread with an event loop of its own."""
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        task = asyncio.ensure_future(Listener([bound], key, Visits([])).serve())
        ready.set()
        await asyncio.to_thread(stop.wait)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
