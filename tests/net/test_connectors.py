"""TCP attempts over real loopback sockets, on both means: writer callbacks and the portable one."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from veeamcheck.model import Observation, Signal
from veeamcheck.net.portable import TaskConnector
from veeamcheck.net.sockets import close_at_once

LINUX = sys.platform == "linux"


class Connector(Protocol):
    def connect(
        self, address: str, port: int, timeout: float, done: Callable[[int, Observation], None]
    ) -> None: ...

    def close(self) -> None: ...


def writers() -> Connector:
    from veeamcheck.net.writers import WriterConnector

    return WriterConnector()


def portable() -> Connector:
    return TaskConnector(attributes=False)


@pytest.fixture(params=[writers, portable] if LINUX else [portable])
async def connector(request: pytest.FixtureRequest) -> AsyncIterator[Connector]:
    made: Connector = request.param()
    yield made
    made.close()
    await asyncio.sleep(0)


async def attempt(
    connector: Connector, port: int, address: str = "127.0.0.1", timeout: float = 5
) -> Observation:
    told: asyncio.Future[tuple[int, Observation]] = asyncio.get_running_loop().create_future()
    connector.connect(address, port, timeout, lambda *seen: told.set_result(seen))
    about, seen = await asyncio.wait_for(told, 20)
    assert about == port
    return seen


@contextmanager
def listening(address: str = "127.0.0.1", backlog: int = 16) -> Iterator[int]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen(backlog)
        yield listener.getsockname()[1]


@contextmanager
def closed(address: str = "127.0.0.1") -> Iterator[int]:
    """A port that is taken, so that nobody else can take it, but does not listen."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as holder:
        holder.bind((address, 0))
        yield holder.getsockname()[1]


@contextmanager
def full() -> Iterator[int]:
    """A listener that takes no more connections: a SYN gets no answer."""
    with listening(backlog=0) as port:
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        yield port
        for one in waiting:
            one.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_open(connector: Connector, address: str) -> None:
    with listening(address) as port:
        seen = await attempt(connector, port, address)

    assert seen.signal is Signal.OPEN
    assert seen.rtt is not None
    assert seen.rtt >= 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_refused(connector: Connector, address: str) -> None:
    with closed(address) as port:
        seen = await attempt(connector, port, address)

    assert seen.signal is Signal.REFUSED
    assert seen.attributed is not isinstance(connector, TaskConnector)


@pytest.mark.skipif(not LINUX, reason="only Linux leaves a full listener's SYN unanswered")
async def test_silent(connector: Connector) -> None:
    with full() as port:
        seen = await attempt(connector, port, timeout=0.2)

    assert seen.signal is Signal.SILENT


async def test_a_connection_that_is_reset_at_once_was_made(connector: Connector) -> None:
    """However late we look: a service that hangs up rudely is there."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        def hang_up() -> None:
            connection, _ = listener.accept()
            close_at_once(connection)

        told: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
        connector.connect("127.0.0.1", port, 5, lambda _, seen: told.set_result(seen))
        await asyncio.sleep(0)  # the attempt is on its way
        hang_up()  # and reset before the loop can look again
        seen = await asyncio.wait_for(told, 20)

    assert seen.signal is Signal.OPEN


async def test_a_socket_that_met_itself_met_nobody(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closed() as port:
        pass

    class FromTheSamePort(socket.socket):
        def __init__(self, *arguments: int) -> None:
            super().__init__(*arguments)
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind(("127.0.0.1", port))

    monkeypatch.setattr(socket, "socket", FromTheSamePort)
    if LINUX:
        monkeypatch.setattr("veeamcheck.net.writers.socket", FromTheSamePort)

    seen = await attempt(connector, port)

    assert seen.signal is Signal.REFUSED


@pytest.mark.skipif(not LINUX, reason="each system has its own error for this")
async def test_no_route_is_unreachable(connector: Connector) -> None:
    seen = await attempt(connector, 9, "224.0.0.1")  # TCP to many is refused by our own kernel

    assert seen.signal is Signal.UNREACHABLE


async def test_an_address_that_is_none_is_our_own_fault(connector: Connector) -> None:
    seen = await attempt(connector, 9, "fe80::1%nosuchcard")

    assert seen.signal is Signal.LOCAL_ERROR


async def test_many_at_once_each_tells_its_own(connector: Connector) -> None:
    told: dict[int, Signal] = {}
    ended = asyncio.Event()
    with listening() as first, closed() as second, listening() as third, closed() as fourth:
        ports = {first: Signal.OPEN, second: Signal.REFUSED}
        ports |= {third: Signal.OPEN, fourth: Signal.REFUSED}

        def done(port: int, seen: Observation) -> None:
            told[port] = seen.signal
            if told.keys() == ports.keys():
                ended.set()

        for port in ports:
            connector.connect("127.0.0.1", port, 5, done)
        await asyncio.wait_for(ended.wait(), 20)

    assert told == ports


@pytest.mark.skipif(not LINUX, reason="only Linux leaves a full listener's SYN unanswered")
async def test_attempts_may_start_attempts(connector: Connector) -> None:
    """What a callback starts ends too, and keeps nothing else from ending."""
    told: list[Signal] = []
    ended = asyncio.Event()
    with full() as port, closed() as other:

        def again(_: int, seen: Observation) -> None:
            told.append(seen.signal)
            if seen.signal is Signal.SILENT:
                connector.connect("127.0.0.1", other, 0.03, again)
            if len(told) == 12:
                ended.set()

        for number in range(6):
            connector.connect("127.0.0.1", port, 0.02 + number / 100, again)
        await asyncio.wait_for(ended.wait(), 20)

    assert sorted(told) == [Signal.REFUSED] * 6 + [Signal.SILENT] * 6


@pytest.mark.skipif(not LINUX, reason="counts descriptors in /proc")
async def test_close_abandons_every_attempt_and_every_descriptor(connector: Connector) -> None:
    told: list[int] = []
    before = descriptors()
    with full() as port:
        for _ in range(20):
            connector.connect("127.0.0.1", port, 0.1, lambda about, _: told.append(about))
        await asyncio.sleep(0)
        connector.close()
        connector.close()  # again is once
        await asyncio.sleep(0.2)

    assert told == []
    assert descriptors() <= before


@pytest.mark.skipif(not LINUX, reason="counts descriptors in /proc")
async def test_attempts_leave_no_descriptors(connector: Connector) -> None:
    with listening() as opened, closed() as refused, full() as silent:
        await attempt(connector, refused)
        before = descriptors()
        for port in (opened, refused, silent):
            await attempt(connector, port, timeout=0.05)
        assert descriptors() == before


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


_OUT_OF_DESCRIPTORS = """
import asyncio, resource, sys
from veeamcheck.net.system import SystemNetwork

async def main():
    network = SystemNetwork(portable=sys.argv[1] == "portable")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in __import__("os").listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))
    held = []
    try:
        while True:
            held.append(open("/dev/null"))
    except OSError:
        pass
    told = asyncio.get_running_loop().create_future()
    network.connect("127.0.0.1", 9, 5, lambda _, seen: told.set_result(seen))
    print((await told).signal, (await told).detail["exhausted"])
    answer = await network.exchange("127.0.0.1", 9, b"", bool, 1)
    print(answer.failure.signal)

asyncio.run(main())
"""


@pytest.mark.skipif(not LINUX, reason="lowers a limit that only POSIX has")
@pytest.mark.parametrize("means", ["writers", "portable"])
def test_without_descriptors_nothing_is_said_of_the_path(means: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _OUT_OF_DESCRIPTORS, means],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip

    assert ran.stdout.split() == ["local-error", "True", "local-error"], ran.stderr
