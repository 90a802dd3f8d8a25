"""Far ends of SSH vantages, on this machine: a prober, and an SSH server that obeys a test."""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncssh
from asyncssh import constants

from veeamcheck.net.remote import COMMAND

FAILED = constants.OPEN_CONNECT_FAILED
Connect = Callable[[], Awaitable[asyncssh.SSHClientConnection]]


@asynccontextmanager
async def prober_process() -> AsyncIterator[asyncio.subprocess.Process]:
    """What `COMMAND` starts over there, started here."""
    python, *arguments = shlex.split(COMMAND)
    assert python == "python3"
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    yield started
    assert started.stdin is not None
    started.stdin.close()
    assert await asyncio.wait_for(started.wait(), 20) in {0, -9}


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
    host_key: asyncssh.SSHKey = field(
        default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519")
    )
    port: int = 0
    """Of the SSH server, once it stands."""


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


@asynccontextmanager
async def ssh_server(doors: Doors) -> AsyncIterator[Connect]:
    """Gives what opens a connection to it."""
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: Server(doors),
        server_host_keys=[doors.host_key],
    )
    doors.port = server.get_port()
    opened: list[asyncssh.SSHClientConnection] = []

    async def dial() -> asyncssh.SSHClientConnection:
        connection = await asyncssh.connect(
            "127.0.0.1", doors.port, known_hosts=None, config=None, username="me",
            client_keys=None, agent_path=None,
        )  # fmt: skip
        opened.append(connection)
        return connection

    yield dial
    for connection in opened:
        connection.abort()
        await connection.wait_closed()
    server.close()
    await server.wait_closed()
