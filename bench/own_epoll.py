"""What the loop's writer callbacks are compared with: one epoll of our own, watched by the loop.

`python -m bench.own_epoll run ...` is `veeamcheck run ...` on it.
"""

from __future__ import annotations

import asyncio
import select
from socket import SO_ERROR, SOL_SOCKET
from time import monotonic

from veeamcheck.net import errors, writers
from veeamcheck.net.writers import Attempt, WriterConnector

_WATCHED = select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP | select.EPOLLONESHOT
_TICK = 0.01
"""Seconds: how exactly a timeout is kept."""


class EpollConnector(WriterConnector):
    """The loop sees one descriptor however many attempts are in flight; all else is the same."""

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self._on_ready)
        self._watched: dict[int, Attempt] = {}
        # Deadlines by tick: adding and expiring cost the same however many wait.
        self._due: dict[int, list[Attempt]] = {}
        self._tick = 0
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        if self._epoll.closed:
            return
        self._loop.remove_reader(self._epoll.fileno())
        if self._timer:
            self._timer.cancel()
        for attempt in self._watched.values():
            attempt.sock.close()
        self._watched.clear()
        self._epoll.close()

    def _watch(self, attempt: Attempt, timeout: float) -> None:
        descriptor = attempt.sock.fileno()
        self._epoll.register(descriptor, _WATCHED)
        self._watched[descriptor] = attempt
        deadline = attempt.started + timeout
        self._due.setdefault(int(deadline / _TICK) + 1, []).append(attempt)
        if self._timer is None:
            self._tick = int(monotonic() / _TICK)
            self._timer = self._loop.call_later(_TICK, self._on_tick)

    def _on_ready(self) -> None:
        if self._epoll.closed:
            return
        for descriptor, _ in self._epoll.poll(0, 1024):
            attempt = self._watched.pop(descriptor, None)
            if attempt is not None:
                self._finish(attempt, attempt.sock.getsockopt(SOL_SOCKET, SO_ERROR))

    def _on_tick(self) -> None:
        # The timer counts as set until the end: an attempt that is started by a callback on the
        # way must not move `_tick`, or those that are due now would never expire.
        now = int(monotonic() / _TICK)
        # What has already answered must not be expired because the loop was late to look.
        self._on_ready()
        for tick in range(self._tick, now + 1):
            for attempt in self._due.pop(tick, ()):
                if self._watched.get(attempt.sock.fileno()) is attempt:
                    del self._watched[attempt.sock.fileno()]
                    attempt.sock.close()
                    attempt.done(attempt.port, errors.SILENCE)
        self._tick = now + 1
        self._timer = None
        if self._epoll.closed:
            return
        if self._watched:
            self._timer = self._loop.call_later(_TICK, self._on_tick)
        else:
            self._due.clear()


if __name__ == "__main__":
    writers.WriterConnector = EpollConnector  # type: ignore[misc]

    from veeamcheck.cli import main

    main()
