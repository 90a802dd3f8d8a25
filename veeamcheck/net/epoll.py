"""TCP attempts on Linux: one epoll of our own, watched by the asyncio loop.

The loop sees a single descriptor however many attempts are in flight, an attempt costs no future
and no task, and the error queue tells a reset from an ICMP reject.
"""

from __future__ import annotations

import asyncio
import select
from socket import (
    AF_INET6,
    IPPROTO_IP,
    IPPROTO_IPV6,
    SO_ERROR,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)
from time import monotonic

from veeamcheck.model import Observation, Signal, Transport
from veeamcheck.net import errors
from veeamcheck.net.interface import Done
from veeamcheck.net.sockets import (
    close_at_once,
    family_of,
    is_self_connected,
    local_address,
    socket_address,
)

_WATCHED = select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP | select.EPOLLONESHOT
_TICK = 0.01
"""Seconds: how exactly a timeout is kept."""


class Attempt:
    """One socket on its way."""

    __slots__ = ("address", "done", "port", "sock", "started")

    def __init__(self, sock: socket, address: str, port: int, started: float, done: Done) -> None:
        self.sock = sock
        self.address = address
        self.port = port
        self.started = started
        self.done = done


class EpollConnector:
    """Starts TCP attempts and calls back with what each showed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self._on_ready)
        self._flying: dict[int, Attempt] = {}
        # Deadlines by tick: adding and expiring cost the same however many wait.
        self._due: dict[int, list[Attempt]] = {}
        self._tick = 0
        self._timer: asyncio.TimerHandle | None = None

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        """Start one attempt; see `Network.connect`."""
        try:
            family = family_of(address)
            sock = socket(family, SOCK_STREAM | SOCK_NONBLOCK)
        except OSError as error:
            done(port, errors.from_errno(error.errno or 0, attributes=True))
            return
        attempt = Attempt(sock, address, port, monotonic(), done)
        try:
            if family == AF_INET6:
                sock.setsockopt(IPPROTO_IPV6, errors.IPV6_RECVERR, 1)
            else:
                sock.setsockopt(IPPROTO_IP, errors.IP_RECVERR, 1)
            number = sock.connect_ex(socket_address(address, port))
            if number in errors.IN_PROGRESS:
                # A neighbour's reset is often back already; asking spares the wait for an event.
                number = sock.getsockopt(SOL_SOCKET, SO_ERROR)
                if not number:
                    self._watch(attempt, timeout)
                    return
        except OSError as error:
            number = error.errno or 0
        self._finish(attempt, number)

    def close(self) -> None:
        """Abandon every attempt without a word."""
        if self._epoll.closed:
            return
        self._loop.remove_reader(self._epoll.fileno())
        if self._timer:
            self._timer.cancel()
        for attempt in self._flying.values():
            attempt.sock.close()
        self._flying.clear()
        self._due.clear()
        self._epoll.close()

    def _watch(self, attempt: Attempt, timeout: float) -> None:
        descriptor = attempt.sock.fileno()
        self._epoll.register(descriptor, _WATCHED)
        self._flying[descriptor] = attempt
        self._expire_at(attempt.started + timeout, attempt)

    def _on_ready(self) -> None:
        if self._epoll.closed:
            return
        for descriptor, _ in self._epoll.poll(0, 1024):
            attempt = self._flying.pop(descriptor, None)
            if attempt is not None:
                self._finish(attempt, attempt.sock.getsockopt(SOL_SOCKET, SO_ERROR))

    def _finish(self, attempt: Attempt, number: int) -> None:
        """The attempt has come to an end; `number` is the error, or 0."""
        rtt = monotonic() - attempt.started
        sock = attempt.sock
        icmp = errors.take_icmp_error(sock) if number else None
        if icmp:
            observation = errors.from_icmp(
                icmp,
                transport=Transport.TCP,
                target=attempt.address,
                local=local_address(attempt.address),
            )._replace(rtt=rtt)
        elif number and number not in errors.AFTER_HANDSHAKE:
            observation = errors.from_errno(number, attributes=True, rtt=rtt)
        elif is_self_connected(sock):
            observation = Observation(Signal.REFUSED, True, rtt)
        else:
            observation = Observation(Signal.OPEN, True, rtt)
        if observation.signal is Signal.OPEN:
            close_at_once(sock)
        else:
            sock.close()
        attempt.done(attempt.port, observation)

    def _expire_at(self, deadline: float, attempt: Attempt) -> None:
        self._due.setdefault(int(deadline / _TICK) + 1, []).append(attempt)
        if self._timer is None:
            self._tick = int(monotonic() / _TICK)
            self._timer = self._loop.call_later(_TICK, self._on_tick)

    def _on_tick(self) -> None:
        # The timer counts as set until the end: an attempt that is started by a callback on the
        # way must not move `_tick`, or those that are due now would never expire.
        now = int(monotonic() / _TICK)
        # What has already answered must not be expired because the loop was late to look.
        self._on_ready()
        for tick in range(self._tick, now + 1):
            for attempt in self._due.pop(tick, ()):
                if self._flying.get(attempt.sock.fileno()) is attempt:
                    del self._flying[attempt.sock.fileno()]
                    attempt.sock.close()
                    attempt.done(attempt.port, errors.SILENCE)
        self._tick = now + 1
        self._timer = None
        if self._epoll.closed:
            return
        if self._flying:
            self._timer = self._loop.call_later(_TICK, self._on_tick)
        else:
            self._due.clear()
