"""Other hosts as vantages, over SSH. Nothing is installed there, and nothing is written.

Where python3 is found on a host, a prober runs there from standard input (`net.remote`); else its
SSH server makes the connections itself (`net.ssh_forward`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncssh

from veeamcheck.model import Inventory, SshAccess
from veeamcheck.net import ssh_files
from veeamcheck.net.interface import Network, VantageError
from veeamcheck.net.remote import COMMAND, RemoteNetwork, start_prober
from veeamcheck.net.ssh_forward import ForwardedNetwork, forwarded
from veeamcheck.places import expanded

_TIME_LIMIT = 15.0
"""Seconds for a connection, from the first packet to the login."""
_PROBER_STARTS = 10.0
"""Seconds."""
_ALIVE_EVERY = 5.0
"""Seconds; three unanswered ones end the connection."""
_GOODBYE = 2.0
"""Seconds."""

# What it logs as a warning, we raise or put into evidence.
asyncssh.set_log_level(logging.CRITICAL)


def reach(inventory: Inventory) -> Callable[[str], AbstractAsyncContextManager[Network]]:
    """How to probe from the hosts of an inventory over SSH, by name.

    What it opens raises VantageError, with what to do, where a host cannot be probed from. It never
    asks for anything: keys, the agent and known hosts are those of the SSH client here.
    """
    return lambda name: _vantage(inventory, name)


@asynccontextmanager
async def _vantage(inventory: Inventory, name: str) -> AsyncIterator[Network]:
    async def connect() -> asyncssh.SSHClientConnection:
        return await _connect(inventory, name)

    connection = await connect()
    try:
        network = await _prober(connection) or await forwarded(connection, connect)
        try:
            async with _while_it_lasts(network):
                yield network
        finally:
            network.close()
    finally:
        connection.abort()
        try:
            async with asyncio.timeout(_GOODBYE):
                await connection.wait_closed()
        except TimeoutError:
            pass


@asynccontextmanager
async def _while_it_lasts(network: RemoteNetwork | ForwardedNetwork) -> AsyncIterator[None]:
    """Cancels the body once nothing more can be probed; VantageError then says why."""
    reason: str | None = None
    try:
        async with asyncio.timeout(None) as scope:

            def lost(why: str) -> None:
                nonlocal reason
                if reason is None:
                    reason = why
                    scope.reschedule(0)  # which has long been

            network.on_lost = lost
            try:
                yield
            finally:
                network.on_lost = None
    except TimeoutError:
        if reason is None:
            raise
        raise VantageError(reason) from None


async def _prober(connection: asyncssh.SSHClientConnection) -> RemoteNetwork | None:
    """The prober on that host; None where no python3 can be run."""
    try:
        async with asyncio.timeout(_PROBER_STARTS):
            process = await connection.create_process(
                COMMAND, encoding=None, stderr=asyncssh.DEVNULL, request_pty=False
            )
            return await start_prober(process.stdout, process.stdin)
    except (TimeoutError, OSError, asyncssh.Error):
        return None


# --- connections -----------------------------------------------------------------------------


async def _connect(
    inventory: Inventory, name: str, through: tuple[str, ...] = ()
) -> asyncssh.SSHClientConnection:
    """A connection to an inventory host; `through`: the hosts for which it is the way."""
    if name in through:
        circle = " > ".join((*through, name))
        raise VantageError(f"its jump hosts go in a circle ({circle}); correct hosts.{name}.ssh")
    access = inventory.hosts[name].ssh or SshAccess()
    login = _Login(name, access.host or inventory.hosts[name].address[0], access)
    jump: asyncssh.SSHClientConnection | None = None
    if access.jump and access.jump in inventory.hosts:
        try:
            jump = await _connect(inventory, access.jump, (*through, name))
        except VantageError as error:
            raise VantageError(f"its jump host {access.jump} cannot be used: {error}") from None
    try:
        connection = await login.connect(jump)
    except BaseException:
        if jump:
            jump.abort()
        raise
    if jump:
        connection.set_tunnel(jump)  # which then ends with it
    return connection


class _Login:
    """One way to log in, and what to do where it does not work."""

    def __init__(self, name: str, address: str, access: SshAccess) -> None:
        self._name = name
        self._address = address
        self._access = access
        self._fingerprint = ""

    async def connect(
        self, jump: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        """Raises VantageError."""
        access = self._access
        given: dict[str, Any] = {
            "port": access.port,
            "username": access.user,
            "client_keys": str(expanded(access.key)) if access.key else None,
            "tunnel": jump or access.jump,
        }
        # What is not given is as the client's configuration says.
        given = {key: value for key, value in given.items() if value is not None}
        try:
            known_hosts = ssh_files.known_hosts(self._address, user=access.user, port=access.port)
            async with asyncio.timeout(_TIME_LIMIT):
                return await asyncssh.connect(
                    self._address,
                    client_factory=self._client,
                    connect_timeout=None,
                    keepalive_interval=_ALIVE_EVERY,
                    ignore_encrypted=True,
                    agent_forwarding=False,
                    x11_forwarding=False,
                    config=ssh_files.configuration(),
                    known_hosts=known_hosts,
                    **given,
                )
        except (OSError, ValueError, asyncssh.Error) as error:
            raise VantageError(self._remedy(error)) from None

    def _client(self) -> asyncssh.SSHClient:
        login = self

        class Client(asyncssh.SSHClient):
            def validate_host_public_key(
                self, host: str, addr: str, port: int, key: asyncssh.SSHKey
            ) -> bool:
                """Asked about a key that is not known: nobody is here to accept it."""
                login._fingerprint = key.get_fingerprint()
                return False

        return Client()

    def _remedy(self, error: Exception) -> str:
        """What went wrong, and what to do."""
        ssh = self._command
        where = f"hosts.{self._name}.ssh"
        match error:
            case asyncssh.HostKeyNotVerifiable():
                return (
                    f"its host key {self._fingerprint or '(unnamed)'} is not the one in known_hosts"
                    f", or none is; run `{ssh}` once, compare the key with the host's own and "
                    "accept it"
                )
            case asyncssh.PermissionDenied():
                return (
                    f"its SSH server accepts no key that is at hand; try `{ssh}`, then name the "
                    f"key in {where}.key, or load it with ssh-add if it has a passphrase (a "
                    "password is never asked for)"
                )
            case asyncssh.ChannelOpenError():
                return f"its jump host cannot reach {self._address}: {error.reason}; see {where}"
            case asyncssh.KeyImportError():
                return f"the key cannot be used: {error}; see {where}.key"
            case asyncssh.Error():
                return f"SSH with {self._address} failed: {error.reason}; try `{ssh}`"
            case TimeoutError():
                return (
                    f"no answer from {self._address} within {_TIME_LIMIT:g} s; is SSH allowed from "
                    f"here? Try `{ssh}`, or name another way in {where}"
                )
            case socket.gaierror():
                return f"{self._address} has no address here; name the host to dial in {where}.host"
            case FileNotFoundError() if error.filename:
                return f"there is no key {error.filename}; correct {where}.key"
            case OSError():
                # asyncio's own words name the address, not the error.
                why = os.strerror(error.errno) if error.errno else error
                return f"SSH to {self._address} failed: {why}; try `{ssh}`, or see {where}"
            case _:
                return f"SSH to {self._address} cannot be set up: {error}; see {where}"

    @property
    def _command(self) -> str:
        """What to type to log in alike."""
        access = self._access
        user = f"{access.user}@" if access.user else ""
        options = (("-p", access.port), ("-i", access.key), ("-J", access.jump))
        given = [f"{option} {value}" for option, value in options if value is not None]
        return " ".join(("ssh", *given, f"{user}{self._address}"))
