"""The prober for other hosts, run here: what it sees, and what becomes of one that is lost."""

import ast
import asyncio
import json
import socket
import struct
import sys
from collections.abc import AsyncIterator

import pytest

from tests.net.test_connectors import LINUX, attempt, closed, full, listening
from veeamcheck.model import Observation, Signal
from veeamcheck.net import remote, remote_prober
from veeamcheck.net.interface import UnresolvedError, VantageError
from veeamcheck.net.remote import PROGRAM, RemoteNetwork, start_prober

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the prober needs a POSIX system")


@pytest.fixture
async def network(process: asyncio.subprocess.Process) -> AsyncIterator[RemoteNetwork]:
    assert process.stdin is not None
    assert process.stdout is not None
    made = await start_prober(process.stdout, process.stdin)
    assert made is not None
    yield made
    made.close()


def test_the_prober_is_python_3_6_with_nothing_but_its_library() -> None:
    tree = ast.parse(PROGRAM.decode("ascii"), feature_version=(3, 6))

    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_open_and_refused(network: RemoteNetwork, address: str) -> None:
    with listening(address) as opened, closed(address) as refused:
        seen = [await attempt(network, port, address) for port in (opened, refused)]

    assert [each.signal for each in seen] == [Signal.OPEN, Signal.REFUSED]
    assert {each.attributed for each in seen} == {LINUX}
    assert all(each.rtt is not None and each.rtt >= 0 for each in seen)


@pytest.mark.skipif(not LINUX, reason="only Linux leaves a full listener's SYN unanswered")
async def test_silent(network: RemoteNetwork) -> None:
    with full() as port:
        assert (await attempt(network, port, timeout=0.2)).signal is Signal.SILENT


@pytest.mark.skipif(not LINUX, reason="each system has its own error for this")
async def test_no_route_is_unreachable(network: RemoteNetwork) -> None:
    assert (await attempt(network, 9, "224.0.0.1")).signal is Signal.UNREACHABLE


async def test_an_address_that_is_none_says_nothing_of_a_path(network: RemoteNetwork) -> None:
    assert (await attempt(network, 9, "fe80::1%nosuchcard")).signal is Signal.LOCAL_ERROR


async def test_a_connection_that_is_reset_at_once_was_made(network: RemoteNetwork) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        trying = asyncio.ensure_future(attempt(network, listener.getsockname()[1]))
        connection, _ = await loop.sock_accept(listener)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

        assert (await trying).signal is Signal.OPEN


async def test_many_at_once_each_tells_its_own(network: RemoteNetwork) -> None:
    told: dict[int, Signal] = {}
    ended = asyncio.Event()
    with listening() as opened, closed() as refused:

        def done(port: int, seen: Observation) -> None:
            told[port] = seen.signal
            if len(told) == 301:
                ended.set()

        ports = [opened, refused, *(p for p in range(1, 400) if p not in {opened, refused})][:301]
        for port in ports:
            network.connect(
                "127.0.0.1" if port in {opened, refused} else "127.9.9.9", port, 5, done
            )
        await asyncio.wait_for(ended.wait(), 20)

    assert (told[opened], told[refused]) == (Signal.OPEN, Signal.REFUSED)
    assert told.keys() == set(ports)


class Echo(asyncio.DatagramProtocol):
    """Answers each datagram with these in turn."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, sender: object) -> None:
        for answer in self.answers:
            self.transport.sendto(answer + data, sender)  # type: ignore[attr-defined]


async def test_datagrams_come_back(network: RemoteNetwork) -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Echo(b"no", b"yes"), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]

    answer = await network.exchange(
        "127.0.0.1", port, b"\0\xff", lambda data: data.startswith(b"yes"), 5
    )
    transport.close()

    assert (answer.data, answer.failure) == (b"yes\0\xff", None)
    assert answer.sent <= answer.received


async def test_datagrams_that_nobody_takes(network: RemoteNetwork) -> None:
    with Held(listening=False) as port, Held(listening=True) as silent:
        refused = await network.exchange("127.0.0.1", port, b"x", bool, 5)
        nothing = await network.exchange("127.0.0.1", silent, b"x", bool, 0.1)

    assert refused.failure is not None
    assert refused.failure.signal is Signal.REFUSED
    assert nothing.failure is not None
    assert nothing.failure.signal is Signal.SILENT


class Held:
    """A UDP port that nobody answers: with a socket, or without one but lately ours."""

    def __init__(self, *, listening: bool) -> None:
        self.listening = listening

    def __enter__(self) -> int:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        port = int(self.sock.getsockname()[1])
        if not self.listening:
            self.sock.close()
        return port

    def __exit__(self, *_: object) -> None:
        self.sock.close()


async def test_names_and_where_probes_leave_from(network: RemoteNetwork) -> None:
    assert await network.resolve("127.0.0.1") == ("127.0.0.1",)
    assert network.local_address("127.0.0.1") == "127.0.0.1"
    assert network.local_address("127.0.0.2") is None  # nobody has asked for it
    assert "127.0.0.1" in await network.resolve("localhost")
    for name in ("no.such.name.invalid", "x" * 300):
        with pytest.raises(UnresolvedError):
            await network.resolve(name)


async def test_a_prober_that_ends_leaves_nobody_waiting(
    process: asyncio.subprocess.Process, network: RemoteNetwork
) -> None:
    with Held(listening=True) as port:
        waiting = asyncio.ensure_future(network.exchange("127.0.0.1", port, b"x", bool, 60))
        trying = asyncio.ensure_future(attempt(network, 9, "127.0.0.1"))
        await trying
        process.kill()
        answer = await asyncio.wait_for(waiting, 20)

    assert answer.failure is not None
    assert answer.failure.signal is Signal.LOCAL_ERROR
    assert "lost" in str(answer.failure.detail)
    later = await attempt(network, 9)
    assert later.signal is Signal.LOCAL_ERROR
    assert (await network.exchange("127.0.0.1", 9, b"", bool, 1)).failure == later
    with pytest.raises(VantageError, match="lost"):
        await network.resolve("localhost")


async def test_close_abandons_every_attempt(network: RemoteNetwork) -> None:
    told: list[int] = []
    with full() as port:
        network.connect("127.0.0.1", port, 0.05, lambda about, _: told.append(about))
        await asyncio.sleep(0)
        network.close()
        await asyncio.sleep(0.2)

    assert told == []


# --- a far end that misbehaves ---------------------------------------------------------------


class Far:
    """Says these lines, then waits, or ends."""

    def __init__(self, *lines: bytes, ends: bool = True) -> None:
        self.lines = list(lines)
        self.ends = ends
        self.told: list[bytes] = []

    async def readline(self) -> bytes:
        if self.lines:
            await asyncio.sleep(0)
            return self.lines.pop(0)
        if not self.ends:
            await asyncio.Event().wait()
        return b""

    def write(self, data: bytes) -> None:
        self.told.append(data)


READY = json.dumps({"ready": True, "error_queue": True}).encode() + b"\n"


async def test_what_a_shell_says_first_is_passed_over() -> None:
    far = Far(b"Welcome!\n", b"[1, 2]\n", b"{}\n", READY, ends=False)

    network = await start_prober(far, far)

    assert network is not None
    assert network.attributes
    network.close()


@pytest.mark.parametrize("lines", [[], [b"python3: not found\n"], [b"1\n"] * 200])
async def test_what_is_no_prober_is_none(lines: list[bytes]) -> None:
    far = Far(*lines)

    assert await start_prober(far, far) is None


@pytest.mark.parametrize(
    "line",
    [b"garbage\n", b"[]\n", b'{"seen": 1}\n', b'{"seen": [[1]]}\n', b'{"reply": [1, 2]}\n',
     b"\xff\n", b'{"seen": [[1, "ECONNREFUSED", 0.1, ["zz"]]]}\n'],
)  # fmt: skip
async def test_nothing_is_believed_of_what_makes_no_sense(line: bytes) -> None:
    far = Far(READY, line, ends=False)
    network = await start_prober(far, far)
    assert network is not None

    seen = await attempt(network, 9)

    assert seen.signal is Signal.LOCAL_ERROR
    network.close()


async def test_an_error_that_this_system_does_not_know_is_named() -> None:
    far = Far(READY, b'{"seen": [[1, "ESTRANGE", 0.1, []]]}\n', ends=False)
    network = await start_prober(far, far)
    assert network is not None

    seen = await attempt(network, 9)

    assert seen.signal is Signal.LOCAL_ERROR
    assert seen.detail == {"meaning": "an error called ESTRANGE"}
    network.close()


async def test_a_prober_that_goes_quiet_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_GRACE", 0.05)
    far = Far(READY, ends=False)
    network = await start_prober(far, far)
    assert network is not None

    seen = await attempt(network, 9, timeout=0.01)
    answer = await network.exchange("127.0.0.1", 9, b"", bool, 0.01)

    assert seen.signal is Signal.LOCAL_ERROR
    assert answer.failure == seen
    network.close()


def test_the_prober_is_the_file_that_is_checked() -> None:
    assert remote_prober.__doc__ is not None
    assert remote_prober.__doc__.encode() in PROGRAM
