"""UDP: one request and its answer, over asyncio-dgram, errors settled by a socket of our own."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import asyncio_dgram

from veeamcheck.model import Observation, Signal, Transport
from veeamcheck.net import errors
from veeamcheck.net.interface import Datagram
from veeamcheck.net.sockets import family_of, local_address, set_ttl, socket_address

_LOOK_FOR_ERRORS = 0.05
"""Seconds between looks at the stream's errors: its `recv` does not wake up for them."""


async def exchange(
    address: str,
    port: int,
    payload: bytes,
    accept: Callable[[bytes], bool],
    timeout: float,
    *,
    attributes: bool,
) -> Datagram:
    """Send one datagram and wait for the first acceptable answer; see `Network.exchange`."""
    sent = time.time()
    try:
        stream = await asyncio_dgram.connect(socket_address(address, port)[:2])
    except OSError as error:
        failed = errors.from_errno(error.errno or 0, attributes=attributes)
        return Datagram(None, sent, time.time(), failed)
    try:
        sent = time.time()
        await stream.send(payload)
        async with asyncio.timeout(timeout):
            data = await _receive(stream, accept)
        return Datagram(data, sent, time.time())
    except TimeoutError:
        return Datagram(None, sent, time.time(), errors.SILENCE)
    except (OSError, asyncio_dgram.TransportClosed) as error:
        number = getattr(error, "winerror", None) or getattr(error, "errno", None) or 0
        return Datagram(None, sent, time.time(), errors.from_errno(number, attributes=attributes))
    finally:
        stream.close()


async def _receive(
    stream: asyncio_dgram.aio.DatagramClient, accept: Callable[[bytes], bool]
) -> bytes:
    while True:
        _ = stream.exception  # raises what the socket was told meanwhile
        try:
            async with asyncio.timeout(_LOOK_FOR_ERRORS):
                data, _sender = await stream.recv()
        except TimeoutError:
            continue
        if accept(data):
            return bytes(data)


def _tell(told: asyncio.Future[None]) -> None:
    if not told.done():
        told.set_result(None)


async def settle(
    address: str, port: int, payload: bytes, timeout: float, *, ttl: int | None = None
) -> Observation:
    """What one datagram brings back, on a socket with an error queue (Linux).

    `OPEN` where anything at all answers: what it says is for others to judge. `ttl`: how many
    hops the datagram may go.
    """
    loop = asyncio.get_running_loop()
    try:
        sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    except OSError as error:
        return errors.from_errno(error.errno or 0, attributes=True)
    with sock:
        sock.setblocking(False)
        told: asyncio.Future[None] = loop.create_future()
        try:
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, errors.IPV6_RECVERR, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, errors.IP_RECVERR, 1)
            if ttl is not None:
                set_ttl(sock, ttl)
            sock.connect(socket_address(address, port))
            started = time.monotonic()
            sock.send(payload)
            loop.add_reader(sock.fileno(), _tell, told)
            try:
                async with asyncio.timeout(timeout):
                    await told
            except TimeoutError:
                return errors.SILENCE
            finally:
                loop.remove_reader(sock.fileno())
            rtt = time.monotonic() - started
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as error:
            rtt, number = None, error.errno or 0
        icmp = errors.take_icmp_error(sock)
        if icmp:
            return errors.from_icmp(
                icmp, transport=Transport.UDP, target=address, local=local_address(address)
            )._replace(rtt=rtt)
        if number:
            return errors.from_errno(number, attributes=True)
        return Observation(Signal.OPEN, attributed=True, rtt=rtt)
