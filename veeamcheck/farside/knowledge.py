"""What a flow's evidence means once it is known where our listeners are up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from veeamcheck.model import Detail, Evidence, Flow, Signal, Transport
from veeamcheck.ports import PortSet
from veeamcheck.verdict import is_listener_up

Listening = Mapping[tuple[str, Transport], PortSet]
"""(Address, transport) -> the ports on which our listener was up while it was probed."""

_UP = "our listener is up on this port"
RESET_ON_THE_WAY = f"a reset that something on the way sends: {_UP}"


def with_listeners(
    flow: Flow, rows: Iterable[Evidence], listening: Listening
) -> tuple[Evidence, ...]:
    """The flow's evidence, and what our listeners say of it.

    Silence or a refusal where a listener is up is no idle port: something is in the way. A
    translated address is no more than a note, except where the product supports none.
    """
    return tuple(part for row in rows for part in _with_listener(flow, row, listening))


def _with_listener(flow: Flow, row: Evidence, listening: Listening) -> Iterable[Evidence]:
    if flow.no_nat and row.signal is Signal.OPEN and (row.detail or {}).get("cause") == "nat":
        return [replace(row, signal=Signal.INVALID, proven=False)]
    if row.signal not in (Signal.SILENT, Signal.REFUSED) or is_listener_up(row):
        return [row]
    up = row.ports & listening.get((row.address, flow.transport), PortSet())
    rest = row.ports - up
    if not up or (rest and row.probed < len(row.ports)):
        return [row]  # not told which of a sample's ports were contacted: the weaker claim
    parts = [_blocked(replace(row, ports=up, probed=min(row.probed, len(up))))]
    if rest:
        parts.append(replace(row, ports=rest, probed=len(rest)))
    return parts


def _blocked(row: Evidence) -> Evidence:
    if row.signal is Signal.SILENT:
        return replace(row, detail={**(row.detail or {}), "meaning": _UP, "listener": True})
    detail: Detail = {"meaning": RESET_ON_THE_WAY, "listener": True}
    return replace(row, signal=Signal.REJECTED, by=None, detail=detail)
