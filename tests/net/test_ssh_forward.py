"""Connections through another host's SSH server: a server of our own on loopback, and its words."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest
from asyncssh import constants

from tests.net.test_connectors import attempt, listening
from veeamcheck.model import Observation, Signal
from veeamcheck.net import ssh_forward
from veeamcheck.net.interface import VantageError
from veeamcheck.net.ssh_forward import ForwardedNetwork, forwarded

FAILED = constants.OPEN_CONNECT_FAILED


@dataclass
class Doors:
    """What the SSH server does when it is asked for a connection to a port."""

    answers: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Refuse with this code and these words."""
    silent: set[int] = field(default_factory=set)
    really: set[int] = field(default_factory=set)
    """Dial it."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)


class Server(asyncssh.SSHServer):
    def __init__(self, doors: Doors) -> None:
        self.doors = doors

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.doors.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return False

    async def _connect(self, port: int) -> asyncssh.SSHTCPSession[bytes]:
        if port in self.doors.silent:
            await asyncio.Event().wait()
        raise asyncssh.ChannelOpenError(*self.doors.answers.get(port, (FAILED, "Timed out")))

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> object:
        self.doors.asked.set()
        return dest_port in self.doors.really or self._connect(dest_port)


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
async def connect(
    doors: Doors, tmp_path: Path
) -> AsyncIterator[Callable[[], "asyncio.Future[asyncssh.SSHClientConnection]"]]:
    """Opens a connection to the server."""
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: Server(doors),
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
    )
    port = server.get_port()
    opened: list[asyncssh.SSHClientConnection] = []

    async def dial() -> asyncssh.SSHClientConnection:
        connection = await asyncssh.connect(
            "127.0.0.1", port, known_hosts=None, config=None, username="me",
            client_keys=None, agent_path=None,
        )  # fmt: skip
        opened.append(connection)
        return connection

    yield lambda: asyncio.ensure_future(dial())
    for connection in opened:
        connection.abort()
        await connection.wait_closed()
    server.close()
    await server.wait_closed()


@pytest.fixture
async def network(
    connect: Callable[[], "asyncio.Future[asyncssh.SSHClientConnection]"],
) -> AsyncIterator[ForwardedNetwork]:
    made = ForwardedNetwork(await connect(), connect, lag=0.05)
    yield made
    made.close()


async def test_a_connection_that_is_made(network: ForwardedNetwork, doors: Doors) -> None:
    with listening() as port:
        doors.really = {port}
        seen = await attempt(network, port)

    assert (seen.signal, seen.attributed) == (Signal.OPEN, False)
    assert seen.rtt is not None


@pytest.mark.parametrize(
    ("code", "words", "signal"),
    [
        (FAILED, "Connection refused", Signal.REFUSED),
        (FAILED, "connection refused", Signal.REFUSED),
        (FAILED, "No route to host", Signal.UNREACHABLE),
        (FAILED, "Network is unreachable", Signal.UNREACHABLE),
        (FAILED, "host unreachable", Signal.UNREACHABLE),
        (FAILED, "Host is down", Signal.UNREACHABLE),
        (FAILED, "Connection timed out", Signal.SILENT),
        (FAILED, "Operation timed out", Signal.SILENT),
        (FAILED, "Name or service not known", Signal.UNRESOLVED),
        (FAILED, "unknown host", Signal.UNRESOLVED),
        (FAILED, "Too many open files", Signal.LOCAL_ERROR),
        (FAILED, "Permission denied", Signal.LOCAL_ERROR),
        (FAILED, "something else", Signal.LOCAL_ERROR),
        (FAILED, "", Signal.LOCAL_ERROR),
        (constants.OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed", Signal.LOCAL_ERROR),
        (constants.OPEN_RESOURCE_SHORTAGE, "Connection refused", Signal.LOCAL_ERROR),
    ],
)
async def test_what_the_server_says(
    network: ForwardedNetwork, doors: Doors, code: int, words: str, signal: Signal
) -> None:
    doors.answers[9] = (code, words)

    assert (await attempt(network, 9)).signal is signal


async def test_our_own_timer_ends_an_attempt(network: ForwardedNetwork, doors: Doors) -> None:
    doors.silent = {9}

    assert (await attempt(network, 9, timeout=0.05)).signal is Signal.SILENT


async def test_a_server_that_waits_for_many_is_left_for_a_fresh_connection(
    network: ForwardedNetwork, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was abandoned ends with its connection; what is still awaited is not lost."""
    monkeypatch.setattr(ssh_forward, "_AT_ONCE", 8)
    network._most_abandoned = 16
    doors.silent = set(range(1, 65))
    doors.answers[99] = (FAILED, "Connection refused")
    told: dict[int, Signal] = {}
    ended = asyncio.Event()

    def done(port: int, seen: Observation) -> None:
        told[port] = seen.signal
        if len(told) == 65:
            ended.set()

    for port in (*range(1, 65), 99):
        network.connect("127.0.0.1", port, 0.05, done)
    await asyncio.wait_for(ended.wait(), 20)

    assert told == {**dict.fromkeys(range(1, 65), Signal.SILENT), 99: Signal.REFUSED}
    assert len(doors.connections) > 1
    first = doors.connections[0]
    await asyncio.wait_for(first.wait_closed(), 20)


async def test_a_lost_connection_says_nothing_of_the_path(
    network: ForwardedNetwork, doors: Doors
) -> None:
    doors.silent = {9}
    waiting = asyncio.ensure_future(attempt(network, 9, timeout=10))
    await asyncio.wait_for(doors.asked.wait(), 20)
    doors.connections[0].abort()

    for seen in (await waiting, await attempt(network, 9)):
        assert seen.signal is Signal.LOCAL_ERROR
        assert "lost" in str(seen.detail)


async def test_datagrams_cannot_be_sent(network: ForwardedNetwork) -> None:
    answer = await network.exchange("127.0.0.1", 123, b"x", bool, 1)

    assert answer.failure is not None
    assert answer.failure.signal is Signal.LOCAL_ERROR
    assert "UDP" in str(answer.failure.detail)


async def test_names_without_an_address_here_are_left_to_the_server(
    network: ForwardedNetwork,
) -> None:
    assert await network.resolve("127.0.0.1") == ("127.0.0.1",)
    assert await network.resolve("no.such.name.invalid") == ("no.such.name.invalid",)


async def test_close_abandons_every_attempt(network: ForwardedNetwork, doors: Doors) -> None:
    told: list[int] = []
    doors.silent = {9}
    network.connect("127.0.0.1", 9, 0.05, lambda about, _: told.append(about))
    await asyncio.sleep(0)
    network.close()
    await asyncio.sleep(0.2)

    assert told == []


@pytest.mark.parametrize(
    "code", [constants.OPEN_ADMINISTRATIVELY_PROHIBITED, constants.OPEN_UNKNOWN_CHANNEL_TYPE]
)
async def test_a_server_that_does_not_forward_is_no_vantage(
    connect: Callable[[], "asyncio.Future[asyncssh.SSHClientConnection]"],
    doors: Doors,
    code: int,
) -> None:
    connection = await connect()
    doors.answers[connection.get_extra_info("peername")[1]] = (code, "open failed")

    with pytest.raises(VantageError, match=r"AllowTcpForwarding.*python3"):
        await forwarded(connection, connect)


async def test_a_server_that_forwards_is_one(
    connect: Callable[[], "asyncio.Future[asyncssh.SSHClientConnection]"], doors: Doors
) -> None:
    network = await forwarded(await connect(), connect)

    doors.answers[9] = (FAILED, "Connection refused")
    assert (await attempt(network, 9)).signal is Signal.REFUSED
    assert network.least_timeout == 0
    network.close()


async def test_a_windows_server_takes_its_time_to_refuse(
    connect: Callable[[], "asyncio.Future[asyncssh.SSHClientConnection]"],
) -> None:
    connection = await connect()
    connection.set_extra_info(server_version="SSH-2.0-OpenSSH_for_Windows_9.5")

    network = ForwardedNetwork(connection, connect, lag=0)

    assert network.least_timeout > 3
    network.close()
