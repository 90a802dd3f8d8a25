"""Whether a firewall may be why a flow does not pass."""

from __future__ import annotations

from veeamcheck.model import Outcome, ReasonCode, Signal, Verdict

FIREWALLS_DOING = frozenset({Signal.SILENT, Signal.REJECTED})
"""What a firewall may have done."""
NO_FIREWALLS_DOING = {
    ReasonCode.NO_LISTENER: "the path is clear, but nothing listens there",
    ReasonCode.WRONG_SERVICE: "something answers, but not the service",
    ReasonCode.UNREACHABLE: "a router or the host's own network says that there is no way to it; "
    "look at routing, and whether it is up",
    ReasonCode.UNRESOLVED: "its name has no address; correct the DNS or the inventory",
}


def may_be_blocked(flow: Outcome) -> bool:
    """Whether rules for a firewall may let it pass."""
    return (
        flow.verdict in (Verdict.FAIL, Verdict.DEGRADED)
        and flow.reason_code not in NO_FIREWALLS_DOING
        and any(row.signal in FIREWALLS_DOING and row.ports & flow.ports for row in flow.evidence)
    )
