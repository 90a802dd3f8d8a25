"""Connections to talk over that leave from this machine."""

from __future__ import annotations

import asyncio
import socket

from veeamcheck.net.sockets import reset_on_close


class LocalStream:
    """An asyncio connection as a `Stream`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        sock = writer.get_extra_info("socket")
        try:
            reset_on_close(sock)
            self.segment: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        except (OSError, AttributeError):  # the far end has left; Windows may not tell
            self.segment = 0

    async def read(self, most: int) -> bytes:
        return await self._reader.read(most)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def close(self) -> None:
        self._writer.transport.abort()


async def open_local_stream(address: str, port: int, timeout: float) -> LocalStream:
    """Connect; OSError where that fails (TimeoutError is one)."""
    async with asyncio.timeout(timeout):
        return LocalStream(*await asyncio.open_connection(address, port))
