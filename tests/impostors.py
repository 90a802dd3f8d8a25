"""Services that greet as they should, and impostors that stand in their place."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import NamedTuple

from veeamcheck.demo.services import HttpsServer, SshServer, end, tls_context


class Says(asyncio.Protocol):
    """Says this: at once, or to whoever has spoken; then it hangs up, or holds the connection."""

    def __init__(self, *, first: bytes = b"", answer: bytes = b"", hold: bool = False) -> None:
        self.first, self.answer, self.hold = first, answer, hold

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.first)
        if not self.answer and not self.hold:
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self.answer:
            self.transport.write(self.answer)
            if not self.hold:
                self.transport.close()


class Resets(asyncio.Protocol):
    """Accepts, and resets once it is spoken to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(*linger_zero())

    def data_received(self, data: bytes) -> None:
        self.transport.abort()


def linger_zero() -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)


class Echoes(asyncio.Protocol):
    """Sends everything back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def smb2(dialect: int = 0x0311, status: int = 0) -> bytes:
    """The answer to NEGOTIATE of a server that takes this dialect."""
    header = struct.pack("<4sHHIHHI", b"\xfeSMB", 64, 0, status, 0, 1, 1) + bytes(44)
    body = struct.pack("<HHHH", 65, 1, dialect, 0) + bytes(57)
    return struct.pack(">I", len(header + body)) + header + body


def smb1() -> bytes:
    """The answer to NEGOTIATE of a server that knows SMB 1 alone."""
    header = struct.pack("<4sBIBH", b"\xffSMB", 0x72, 0, 0x98, 0xC001) + bytes(20)
    body = bytes((17, 0, 0)) + bytes(34)
    return struct.pack(">I", len(header + body)) + header + body


def bind_ack(result: int = 0, *, address: bytes = b"135\0") -> bytes:
    """The answer of an RPC server to a bind to one interface."""
    body = struct.pack("<HHI", 4280, 4280, 0x1234) + struct.pack("<H", len(address)) + address
    body += bytes(-(16 + len(body)) % 4) + struct.pack("<BBH", 1, 0, 0)
    body += struct.pack("<HH", result, 0) + bytes(20)
    return struct.pack("<BBBB4sHHI", 5, 0, 12, 3, b"\x10\0\0\0", 16 + len(body), 0, 1) + body


def no_tls() -> None:
    return None


class Service(NamedTuple):
    protocol: Callable[[], asyncio.Protocol]
    tls: Callable[[], ssl.SSLContext | None] = no_tls


SERVICES: dict[str, Service] = {
    "ssh": Service(SshServer),
    "https": Service(HttpsServer, tls_context),
    "tls": Service(partial(Says, hold=True), tls_context),
    "smb": Service(partial(Says, answer=smb2())),
    "smb1": Service(partial(Says, answer=smb1())),
    "rpc": Service(partial(Says, answer=bind_ack())),
    "http": Service(partial(Says, answer=b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n")),
    "mute": Service(partial(Says, hold=True)),
    "hang-up": Service(Says),
    "reset": Service(Resets),
    "echo": Service(Echoes),
    "banner": Service(partial(Says, first=b"SSH-2.0-x\r\n", hold=True)),
    "ftp": Service(partial(Says, first=b"220 ready\r\n", hold=True)),
    "block-page": Service(
        partial(Says, answer=b"HTTP/1.1 403 Forbidden\r\nServer: squid/5.7\r\n\r\nno"), tls_context
    ),
    "gateway": Service(partial(Says, answer=b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), tls_context),
    "http2": Service(partial(Says, answer=b"\0\0\x06\x04\0\0\0\0\0" + bytes(6)), tls_context),
    "noise": Service(partial(Says, answer=bytes(range(200, 256))), tls_context),
}
"""What can stand on a port, by name."""


@contextmanager
def serve(
    service: Callable[[], asyncio.Protocol],
    address: str = "127.0.0.1",
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[int]:
    """The port on which the service listens meanwhile."""
    transports: list[asyncio.Transport] = []

    def made() -> asyncio.Protocol:
        protocol = service()
        begin = protocol.connection_made

        def connection_made(transport: asyncio.Transport) -> None:
            transports.append(transport)
            begin(transport)

        protocol.connection_made = connection_made  # type: ignore[method-assign, assignment]
        return protocol

    async def stop() -> None:
        await end(server)
        for transport in transports:
            transport.abort()
        for _ in range(500):  # those in the middle of a TLS handshake end with their client
            await asyncio.sleep(0.01)
            if not _connections(server):
                break

    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    start = loop.create_server(made, address, port, ssl=tls)
    server = asyncio.run_coroutine_threadsafe(start, loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _connections(server: asyncio.Server) -> int:
    """How many are open; asyncio tells nobody."""
    clients = getattr(server, "_clients", ())  # since Python 3.13
    return getattr(server, "_active_count", len(clients))
