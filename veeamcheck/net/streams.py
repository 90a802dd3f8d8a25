"""Connections to talk over that leave from this machine."""

from __future__ import annotations

import asyncio
import socket

from veeamcheck.net.sockets import reset_on_close

_MOST_UNREAD = 65_536
"""Bytes that wait to be read before the far end has to wait."""


class LocalStream(asyncio.Protocol):
    """A connection as a `Stream`.

    What came before a reset can still be read, as with a socket (and not with asyncio's streams):
    whoever turns a caller away may say why and then reset, for what it was sent meanwhile.
    """

    segment = 0

    def __init__(self) -> None:
        self._unread = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._news = asyncio.Event()

    # --- as a stream ---

    async def read(self, most: int) -> bytes:
        while not self._unread and not self._ended:
            self._news.clear()
            await self._news.wait()
        if self._unread:
            data = bytes(self._unread[:most])
            del self._unread[:most]
            if not self._ended:
                self._transport.resume_reading()
            return data
        if self._error:
            raise self._error
        return b""

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def close(self) -> None:
        self._transport.abort()

    # --- as asyncio's protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        try:
            reset_on_close(sock)
            self.segment = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        except (OSError, AttributeError):  # the far end has left; Windows may not tell
            self.segment = 0

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) >= _MOST_UNREAD:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self._ended = True
        self._news.set()
        return True  # what it was sent can still be sent

    def connection_lost(self, error: Exception | None) -> None:
        self._ended = True
        self._error = self._error or error
        self._news.set()


async def open_local_stream(address: str, port: int, timeout: float) -> LocalStream:
    """Connect; OSError where that fails (TimeoutError is one)."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        _, stream = await loop.create_connection(LocalStream, address, port)
    return stream
