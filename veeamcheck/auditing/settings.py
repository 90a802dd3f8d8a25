"""What an audit is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from veeamcheck.expand import Selection
from veeamcheck.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to audit, and how."""

    vantage: str | None
    """The inventory host that this machine is."""
    beyond: tuple[str, ...] = ()
    """Other hosts to probe from, each through its own way in."""
    selection: Selection = field(default_factory=Selection)
    full_range: bool = False
    """Contact each port of a range instead of sampling it."""
    check_failover: bool = False
    """Contact failover ports also where the primary port works."""
    checks: str = "service"
    """``service``: ask what answers; ``connect``: stop at the handshake."""
    trace: bool = False
    """Find where on the path the blocked ports are, from this machine."""
    pace: str = "normal"
    policy: Policy = field(default_factory=Policy)
    key: bytes | None = field(default=None, repr=False)
    """What our listeners hold: with it they are recognised."""
