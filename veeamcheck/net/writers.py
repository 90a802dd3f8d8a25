"""TCP attempts on Linux: `connect_ex`, and a writer callback and a timer of the asyncio loop's.

An attempt costs no future and no task, and the error queue tells a reset from an ICMP reject. An
epoll of our own, watched by the loop, gained 0.86 to 1.46 times on whole audits (see `make bench`):
too little for a second event loop inside the first.
"""

from __future__ import annotations

import asyncio
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
    set_ttl,
    socket_address,
)


class Attempt:
    """One socket on its way."""

    __slots__ = ("address", "done", "port", "sock", "started")

    def __init__(self, sock: socket, address: str, port: int, started: float, done: Done) -> None:
        self.sock = sock
        self.address = address
        self.port = port
        self.started = started
        self.done = done


class WriterConnector:
    """Starts TCP attempts and calls back with what each showed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._flying: dict[int, tuple[Attempt, asyncio.TimerHandle]] = {}

    def connect(
        self, address: str, port: int, timeout: float, done: Done, *, ttl: int | None = None
    ) -> None:
        """Start one attempt; see `Network.connect`. `ttl`: how many hops it may go."""
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
            if ttl is not None:
                set_ttl(sock, ttl)
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
        for descriptor in list(self._flying):
            self._land(descriptor).sock.close()

    def _watch(self, attempt: Attempt, timeout: float) -> None:
        descriptor = attempt.sock.fileno()
        self._loop.add_writer(descriptor, self._on_answer, descriptor)
        timer = self._loop.call_later(timeout, self._on_timeout, descriptor)
        self._flying[descriptor] = attempt, timer

    def _on_answer(self, descriptor: int) -> None:
        attempt = self._land(descriptor)
        self._finish(attempt, attempt.sock.getsockopt(SOL_SOCKET, SO_ERROR))

    def _on_timeout(self, descriptor: int) -> None:
        # The loop looks at sockets before timers: an answer that is there has cancelled this one.
        attempt = self._land(descriptor)
        attempt.sock.close()
        attempt.done(attempt.port, errors.SILENCE)

    def _land(self, descriptor: int) -> Attempt:
        """Stop watching an attempt."""
        attempt, timer = self._flying.pop(descriptor)
        self._loop.remove_writer(descriptor)
        timer.cancel()
        return attempt

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
