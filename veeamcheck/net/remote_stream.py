"""A connection to talk over that a prober on another host has made."""

from __future__ import annotations

import asyncio
import base64
import errno
from collections.abc import Callable
from typing import Any


class RemoteStream:
    """A prober's connection as a `Stream`; it is read there only when it is asked to be here.

    So no more can come than was asked for, whoever sends.
    """

    def __init__(
        self,
        number: int,
        segment: int,
        say: Callable[[dict[str, Any]], None],
        forget: Callable[[int], None],
    ) -> None:
        """`say` tells the prober; `forget` ends what has this number."""
        self.segment = segment
        self._number = number
        self._say = say
        self._forget = forget
        self._asked = 0
        """Bytes."""
        self._answer: asyncio.Future[bytes] | None = None
        """A reader that is cancelled leaves it to the next one."""
        self._left = b""
        """What a reader did not want that asked for less than the cancelled one before it."""
        self._error: OSError | None = None

    async def read(self, most: int) -> bytes:
        if self._left:
            data, self._left = self._left[:most], self._left[most:]
            return data
        if self._answer is None:
            if self._error:
                raise self._error
            self._answer = asyncio.get_running_loop().create_future()
            self._asked = most
            self._say({"read": [self._number, most]})
        data = await asyncio.shield(self._answer)
        self._answer = None
        data, self._left = data[:most], data[most:]
        return data

    def write(self, data: bytes) -> None:
        self._say({"send": [self._number, base64.b64encode(data).decode()]})

    def close(self) -> None:
        self._forget(self._number)
        self.fail(OSError(errno.EBADF, "closed"))

    # --- from the prober ---

    def came(self, data: bytes) -> None:
        """This was read; ValueError where nobody asked for it, or for so much."""
        if self._answer is None or self._answer.done() or len(data) > self._asked:
            raise ValueError("data that nobody asked for")
        self._answer.set_result(data)

    def fail(self, error: OSError) -> None:
        """Nothing more will come."""
        self._error = self._error or error
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)
            self._answer.exception()  # perhaps nobody waits
