"""The means of probing that the engine's own epoll must beat: the asyncio loop's writer callbacks.

`python -m bench.writer_callbacks run ...` is `veeamcheck run ...` on it.
"""

from __future__ import annotations

import asyncio
from socket import SO_ERROR, SOL_SOCKET

from veeamcheck.net import epoll, errors
from veeamcheck.net.epoll import EpollConnector


class WriterConnector(EpollConnector):
    """A writer callback and a timer of the loop's for each attempt; all else is the same."""

    def __init__(self) -> None:
        super().__init__()
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def close(self) -> None:
        for descriptor, timer in self._timers.items():
            self._loop.remove_writer(descriptor)
            timer.cancel()
        self._timers.clear()
        super().close()

    def _watch(self, attempt: epoll.Attempt, timeout: float) -> None:
        descriptor = attempt.sock.fileno()
        self._flying[descriptor] = attempt
        self._loop.add_writer(descriptor, self._answered, descriptor)
        self._timers[descriptor] = self._loop.call_later(timeout, self._expired, descriptor)

    def _answered(self, descriptor: int) -> None:
        self._loop.remove_writer(descriptor)
        self._timers.pop(descriptor).cancel()
        attempt = self._flying.pop(descriptor)
        self._finish(attempt, attempt.sock.getsockopt(SOL_SOCKET, SO_ERROR))

    def _expired(self, descriptor: int) -> None:
        self._loop.remove_writer(descriptor)
        del self._timers[descriptor]
        attempt = self._flying.pop(descriptor)
        attempt.sock.close()
        attempt.done(attempt.port, errors.SILENCE)


if __name__ == "__main__":
    epoll.EpollConnector = WriterConnector  # type: ignore[misc]

    from veeamcheck.cli import main

    main()
