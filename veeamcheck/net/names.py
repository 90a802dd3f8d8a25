"""Name resolution off the event loop, in threads that cannot hold up an exit."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from veeamcheck.net.interface import UnresolvedError

LIMIT = 5.0
"""Seconds that a name may take."""

_THREADS = 32


def is_literal(address: str) -> bool:
    """Whether this is an IP address and not a name."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


class Resolver:
    """The system's resolver, asked once for each name, at most 32 at a time."""

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._free = asyncio.Semaphore(_THREADS)
        self._asked: dict[str, asyncio.Task[tuple[str, ...]]] = {}

    async def resolve(self, name: str) -> tuple[str, ...]:
        """The addresses of a name, without duplicates; raises UnresolvedError."""
        if is_literal(name):
            return (name,)
        if name not in self._asked:
            self._asked[name] = asyncio.ensure_future(self._ask(name))
        return await asyncio.shield(self._asked[name])

    async def _ask(self, name: str) -> tuple[str, ...]:
        async with self._free:
            answer = _in_daemon_thread(lambda: _addresses(name))
            try:
                found = await asyncio.wait_for(answer, self._limit)
            except TimeoutError:
                raise UnresolvedError(f"the resolver gave no answer in {self._limit:g} s") from None
            except (OSError, UnicodeError) as error:
                raise UnresolvedError(_why(error)) from None
        if not found:
            raise UnresolvedError("the resolver knows no address for it")
        return found


def _addresses(name: str) -> tuple[str, ...]:
    answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    addresses = (str(sockaddr[0]) for _family, _type, _proto, _name, sockaddr in answers)
    return tuple(dict.fromkeys(addresses))


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "this cannot be a DNS name"
    return str(getattr(error, "strerror", None) or error)


def _in_daemon_thread(
    work: Callable[[], tuple[str, ...]],
) -> asyncio.Future[tuple[str, ...]]:
    """An executor's threads are joined at exit, so a hanging resolver would hang the program."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def settle(result: tuple[str, ...] | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result or ())

    def run() -> None:
        result: tuple[str, ...] | None = None
        failed: Exception | None = None
        try:
            result = work()
        except Exception as error:
            failed = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, daemon=True, name="resolver").start()
    return future
