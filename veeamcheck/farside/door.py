"""How many a listener lets in: in all, from one source, and from those nobody expects. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from veeamcheck.engine.pace import Bucket

AT_ONCE = 512
"""Connections."""
PER_SOURCE = 64
RATE = 1000.0
"""Connections a second that are greeted, of those expected and of the others each."""
BURST = 1000


class Door:
    """Strangers together get at most half of everything, so that they cannot shut others out."""

    def __init__(self, expected: Collection[str], now: float) -> None:
        self._expected = expected
        self._inside: Counter[str] = Counter()
        self._all = 0
        self._strangers = 0
        self._rates = {known: Bucket(RATE, BURST, now) for known in (True, False)}

    def admit(self, source: str, now: float) -> bool:
        """Whether a connection from this address is served; then `leave` must follow."""
        stranger = source not in self._expected
        rate = self._rates[not stranger]
        if (
            self._all >= AT_ONCE
            or self._inside[source] >= PER_SOURCE
            or (stranger and self._strangers >= AT_ONCE // 2)
            or rate.available(now) < 1
        ):
            if not self._inside[source]:
                del self._inside[source]  # asking must not make it grow
            return False
        rate.take(1)
        self._inside[source] += 1
        self._all += 1
        self._strangers += stranger
        return True

    def leave(self, source: str) -> None:
        """A connection from this address has ended."""
        self._inside[source] -= 1
        if not self._inside[source]:
            del self._inside[source]
        self._all -= 1
        self._strangers -= source not in self._expected
