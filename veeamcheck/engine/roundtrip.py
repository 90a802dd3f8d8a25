"""What the answers of one address teach about waiting for the next ones. No I/O."""

from __future__ import annotations

import math

FIRST_TIMEOUT = 0.95
"""Seconds. Just under the kernel's first retransmission, so that one attempt is one SYN."""
_SHORTEST = 0.25
_LONGEST = 3.0
_SLOW = 0.3
_SLOW_SAMPLES = 3

_LIMITED = 0.4
"""Share of lost attempts that no working path has: the target answers only so often."""
_FEWEST_LOST = 10

_MISS = 1e-7
"""Accepted chance that some port of a round is wrongly called silent."""
FEWEST_TRIES = 3
MOST_TRIES = 12


class RoundTrip:
    """Round trip and loss of one address, from its answers."""

    def __init__(self, least_timeout: float = 0.0) -> None:
        self._least = least_timeout
        self._smoothed: float | None = None
        self._variation = 0.0
        self._slow = 0
        self.answered = 0
        """Ports that answered."""
        self.lost = 0
        """Attempts without an answer, of ports that answered later."""

    def answer(self, rtt: float | None, attempts_before: int) -> None:
        """A port answered after this many silent attempts."""
        self.answered += 1
        self.lost += attempts_before
        if rtt is None:
            return
        if rtt > _SLOW:
            self._slow += 1
        if self._smoothed is None:
            self._smoothed, self._variation = rtt, rtt / 2
        else:  # RFC 6298
            self._variation += (abs(rtt - self._smoothed) - self._variation) / 4
            self._smoothed += (rtt - self._smoothed) / 8

    @property
    def timeout(self) -> float:
        """Seconds that the next attempt may take."""
        if self._smoothed is None:
            return max(self._least, FIRST_TIMEOUT)
        wanted = self._smoothed + 4 * self._variation
        # One answer that came late proves a slow path no more than a lost packet does.
        most = _LONGEST if self._slow >= _SLOW_SAMPLES else FIRST_TIMEOUT
        return max(self._least, _SHORTEST, min(wanted, most))

    @property
    def patient_timeout(self) -> float:
        """For a last look, where the path may have become slower than its answers were."""
        return max(self.timeout, FIRST_TIMEOUT)

    @property
    def limited(self) -> bool:
        """So much is lost that contacts must come slower, for the target limits its answers."""
        return self.lost >= _FEWEST_LOST and self.lost > (self.lost + self.answered) * _LIMITED

    def tries(self, silent: int) -> int:
        """How many attempts prove the silence of this many ports under the loss seen so far."""
        if silent <= 0:
            return 0
        loss = (self.lost + 0.5) / (self.lost + self.answered + 1)
        wanted = math.log(_MISS / silent) / math.log(min(0.95, 1.25 * loss))
        return max(FEWEST_TRIES, min(MOST_TRIES, math.ceil(wanted)))
