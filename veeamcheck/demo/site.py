"""A small deployment on loopback: real listeners for a real audit, without hosts or a network.

Two of its services are down, one port is deaf beside a failover range that is not, an NTP server
answers, and one host's connections start where this machine cannot test them.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files

from veeamcheck.auditing.audit import audit
from veeamcheck.auditing.settings import Settings
from veeamcheck.demo.services import HangUp, HttpsServer, SshServer, end, tls_context
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import Inventory, Progress, Report, Verdict

VANTAGE = "vbr1"

EXPECTED = {
    "backup-server-pve-api@vbr1>pve1": Verdict.PASS,
    "backup-server-pve-api@vbr1>pve2": Verdict.FAIL,
    "backup-server-self-database@vbr1>vbr1": Verdict.PASS,
    "backup-server-worker-updater@vbr1>worker1": Verdict.WAIVED,
    "guest-log-shipping-logs@sql1>vbr1": Verdict.UNTESTED,
    "log-shipping-repository-logs@vbr1>repo1": Verdict.DEGRADED,
    "worker-ntp-server-time@worker1>ntp1": Verdict.PASS,
}
"""What the demo promises to show."""

_SERVICES: dict[str, dict[type[asyncio.Protocol], Iterable[int]]] = {
    "vbr1": {HttpsServer: [16172]},
    "pve1": {HttpsServer: [8006], SshServer: [10022]},
    "pve2": {SshServer: [10022]},
    "worker1": {HangUp: [19000]},
    "repo1": {HangUp: range(2500, 2550)},
}
_DEAF = {"repo1": 6162}
_NTP = {"ntp1": 10123}

# Where another demo or program holds the ports of one network, the next one is tried.
_FIRST_NETWORK = 77
_NETWORKS = 20


class DemoError(Exception):
    """This machine cannot hold the deployment; says what to do."""


def inventory_text(network: int = 0) -> str:
    """The inventory of the demo in the n-th network of loopback that it can use."""
    text = files("veeamcheck.demo").joinpath("demo.toml").read_text(encoding="utf-8")
    return text.replace(f"127.0.{_FIRST_NETWORK}.", f"127.0.{_FIRST_NETWORK + network}.").replace(
        '"16172"', f'"{16172 + network}"'
    )


async def audit_demo(
    file: str,
    *,
    progress: Callable[[Progress], None] | None = None,
    stop: asyncio.Event | None = None,
) -> tuple[str, Report]:
    """Start the deployment, audit it, and give the inventory's text and the report.

    `file` is how the report names the inventory. Raises DemoError.
    """
    async with deployment(file) as (text, inventory):
        settings = Settings(vantage=VANTAGE)
        return text, await audit(inventory, settings, progress=progress, stop=stop)


def differences(report: Report) -> list[str]:
    """What the report does not show as promised; a sentence each."""
    seen = {flow.id: flow.verdict for flow in report.flows}
    return [
        f"{flow} should be {verdict}, not {seen.get(flow, 'missing')}"
        for flow, verdict in EXPECTED.items()
        if seen.get(flow) is not verdict
    ]


@asynccontextmanager
async def deployment(file: str) -> AsyncIterator[tuple[str, Inventory]]:
    """The running deployment: its inventory as text and as read. Raises DemoError."""
    async with AsyncExitStack() as services:
        for network in range(_NETWORKS):
            text = inventory_text(network)
            inventory = parse_inventory(text, file)
            try:
                async with AsyncExitStack() as started:
                    await _start(inventory, network, started)
                    services.push_async_exit(started.pop_all())
                break
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    raise DemoError(_no_address(inventory)) from error
                if error.errno != errno.EADDRINUSE:
                    raise DemoError(f"the demo cannot listen on loopback: {error}") from error
                in_use = error
        else:
            raise DemoError(
                f"the demo's ports are taken by other programs on this machine ({in_use}); "
                "stop them, or try it on another machine"
            )
        yield text, inventory


async def _start(inventory: Inventory, network: int, services: AsyncExitStack) -> None:
    loop = asyncio.get_running_loop()
    wanted = (
        (name, service, port)
        for name, kinds in _SERVICES.items()
        for service, ports in kinds.items()
        for port in ports
    )
    for name, service, port in wanted:
        address = inventory.hosts[name].address[0]
        port = port + network if name == VANTAGE else port
        context = tls_context() if service is HttpsServer else None
        server = await loop.create_server(service, address, port, ssl=context)
        services.push_async_callback(end, server)
    for name, port in _DEAF.items():
        for sock in _deaf(inventory.hosts[name].address[0], port):
            services.callback(sock.close)
    for name, port in _NTP.items():
        address = inventory.hosts[name].address[0]
        transport, _ = await loop.create_datagram_endpoint(_TimeServer, (address, port))
        services.callback(transport.close)


class _TimeServer(asyncio.DatagramProtocol):
    """A synchronised NTP server that gives out this machine's time."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if len(data) >= 48:
            self._transport.sendto(ntp_reply(data, time.time()), address)


def ntp_reply(request: bytes, now: float) -> bytes:
    """The answer of a stratum 2 server to a client's 48 bytes; `now` in seconds since 1970."""
    version = request[0] >> 3 & 0b111
    server, stratum, precision, dispersion = 4, 2, -20, 0x100  # 0x100: 4 ms, in 1/65536 s
    return struct.pack(
        "!BBBbII4s8s8s8s8s",
        version << 3 | server,
        stratum,
        request[2],  # the poll interval that was asked for
        precision,
        0,
        dispersion,
        socket.inet_aton("127.0.0.1"),
        _timestamp(now - 16),
        request[40:48],  # the client's transmit time comes back as the originate time
        _timestamp(now),
        _timestamp(now),
    )


def _timestamp(seconds: float) -> bytes:
    """Seconds since 1970 in NTP's 64 bits: seconds since 1900, and their 2**32nd parts."""
    return int((seconds + 2_208_988_800) * 2**32).to_bytes(8, "big")


def _deaf(address: str, port: int) -> list[socket.socket]:
    """Sockets that, while open, keep the port from answering.

    A listener that never accepts, with its queue full: Linux then drops what arrives. Other
    systems refuse it, which the audit tells apart.
    """
    sockets = [listener := socket.socket()]
    try:
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(2):
            sockets.append(caller := socket.socket())
            caller.setblocking(False)
            caller.connect_ex((address, port))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _no_address(inventory: Inventory) -> str:
    """What to do on macOS, where loopback has one address until it is given more."""
    addresses = sorted({host.address[0] for host in inventory.hosts.values()} - {"127.0.0.1"})
    return "\n    ".join(
        [
            "this machine's loopback lacks the demo's addresses; on macOS, add them until the "
            "next restart with:",
            *(f"sudo ifconfig lo0 alias {address}" for address in addresses),
        ]
    )
