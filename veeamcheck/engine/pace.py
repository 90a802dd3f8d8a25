"""How fast contacts may be made, so that a check never looks like an attack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Limits in contacts (one contact = one first packet), retries included."""

    per_target: float
    """Contacts a second to one address; infinite at `fast`."""
    per_target_burst: int
    """Contacts that may come at once after a rest."""
    overall: float
    overall_burst: int
    in_flight: int = 512


_UNLIMITED = float("inf")

# A burst counts within the second (or the five seconds) that a defence looks at, so the rate
# is the documented limit less the burst: at most 150/s, and at most 20 in any 5 s. It is a little
# less still, for packets bunch up on their way.
PACES = {
    "polite": Pace(per_target=2.8, per_target_burst=2, overall=300, overall_burst=50),
    "normal": Pace(per_target=130, per_target_burst=15, overall=930, overall_burst=50),
    "fast": Pace(
        per_target=_UNLIMITED, per_target_burst=512, overall=_UNLIMITED, overall_burst=512
    ),
}


class Bucket:
    """A token bucket; a token is one contact."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._updated = now

    def available(self, now: float) -> int:
        """How many contacts may be made now."""
        if self._rate == _UNLIMITED:
            return self._burst
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        # Adding many small shares must not end just short of a whole token.
        return int(self._tokens + 1e-9)

    def take(self, count: int) -> None:
        """Account for contacts made."""
        if self._rate != _UNLIMITED:
            self._tokens -= count

    def wait(self) -> float:
        """Seconds, after the last `available`, until the next token."""
        return max(0.0, (1.0 - self._tokens) / self._rate)


def descriptor_limit(wanted: int = 4096) -> int | None:
    """Raise the soft limit of open descriptors to what is wanted, as far as that is allowed.

    Returns what it is then; None where there is none.
    """
    try:
        import resource
    except ImportError:  # Windows: sockets are not descriptors there
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):
            pass
    return None if soft == resource.RLIM_INFINITY else soft
