"""The services of the demo: each greets as the real one does, and does nothing else."""

from __future__ import annotations

import asyncio
import ssl
import struct
from contextlib import suppress
from functools import cache
from importlib.resources import as_file, files

SSH_VERSION = b"SSH-2.0-Demo_1.0"
_HOST_KEYS = b"ssh-ed25519,rsa-sha2-512"
_KEY_EXCHANGE = 20
_KINDS_OF_LISTS = 10


@cache
def tls_context() -> ssl.SSLContext:
    """What the TLS services show: a certificate that this program made for itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with as_file(files("veeamcheck.demo").joinpath("demo.pem")) as file:
        context.load_cert_chain(file)
    return context


class HangUp(asyncio.Protocol):
    """Accepts and closes: enough where any service will do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class SshServer(asyncio.Protocol):
    """Says its version and, once it knows the caller's, what keys it has."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(SSH_VERSION + b"\r\n")

    def data_received(self, data: bytes) -> None:
        self._transport.write(key_exchange())
        self._transport.close()


class HttpsServer(asyncio.Protocol):
    """Answers every request like an API to which nobody has logged in; behind `tls_context`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 401 No ticket\r\nServer: demo\r\nContent-Length: 0\r\n"
            b"Connection: close\r\n\r\n"
        )
        self._transport.close()


async def end(server: asyncio.Server) -> None:
    """Close a server; asyncio does not survive that with a caller it has only just accepted."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # on Windows, where that is no danger
        for listener in server.sockets:
            loop.remove_reader(listener.fileno())
    await asyncio.sleep(0)
    server.close()


def key_exchange() -> bytes:
    """The first packet of an SSH server (RFC 4253, 7.1)."""
    lists = [b"curve25519-sha256", _HOST_KEYS, *[b""] * (_KINDS_OF_LISTS - 2)]
    payload = bytes((_KEY_EXCHANGE, *bytes(16)))
    payload += b"".join(struct.pack(">I", len(each)) + each for each in lists) + bytes(5)
    padding = 4 + -(5 + len(payload) + 4) % 8
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)
