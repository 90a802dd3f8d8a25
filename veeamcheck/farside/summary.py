"""What a listener has to tell at its end: as text for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from veeamcheck.farside.binding import Bound, Left
from veeamcheck.farside.visits import Visits
from veeamcheck.model import Transport
from veeamcheck.ports import PortSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One listener, from its start to its end."""

    host: str | None
    start: datetime
    end: datetime
    opened: Sequence[Bound]
    left: Sequence[Left]
    visits: Visits


def opened_rows(opened: Iterable[Bound]) -> list[tuple[str, Transport, PortSet]]:
    """What is open, by address and transport."""
    ports: dict[tuple[str, Transport], list[int]] = {}
    for each in opened:
        ports.setdefault((each.address, each.transport), []).append(each.port)
    return [(*key, PortSet.of(own)) for key, own in ports.items()]


def left_rows(left: Iterable[Left]) -> list[tuple[str, Transport, PortSet, str]]:
    """What is left alone, by address, transport and reason."""
    ports: dict[tuple[str, Transport, str], list[int]] = {}
    for each in left:
        ports.setdefault((each.address, each.transport, each.reason), []).append(each.port)
    return [
        (address, transport, PortSet.of(own), reason)
        for (address, transport, reason), own in ports.items()
    ]


def as_json(summary: Summary) -> str:
    visits = summary.visits
    document: dict[str, Any] = {
        "schema_version": 1,
        "kind": "listener",
        "host": summary.host,
        "start": _time(summary.start),
        "end": _time(summary.end),
        "opened": [
            {"address": address, "transport": str(transport), "ports": str(ports)}
            for address, transport, ports in opened_rows(summary.opened)
        ],
        "left_alone": [
            {"address": address, "transport": str(transport), "ports": str(ports), "reason": reason}
            for address, transport, ports, reason in left_rows(summary.left)
        ],
        "sources": [
            {
                "name": each.name,
                "addresses": sorted(each.addresses),
                "came": bool(came),
                "from": [visitor.address for visitor in came],
                "held_key": any(visitor.held_key for visitor in came),
                **{
                    str(transport): {
                        "expected": str(each.ports[transport]),
                        "reached": str(visits.reached(each, transport)),
                    }
                    for transport in Transport
                },
            }
            for each in visits.expected
            for came in [visits.of(each)]
        ],
        "never_came": [each.name for each in visits.expected if not visits.of(each)],
        "strangers": [
            {
                "address": visitor.address,
                "held_key": visitor.held_key,
                **{str(transport): str(visitor.reached(transport)) for transport in Transport},
            }
            for visitor in visits.strangers
        ],
        "answered": visits.answered,
        "without_proof": visits.unproven,
        "turned_away": visits.turned_away,
    }
    return json.dumps(document, indent=2)


def as_text(summary: Summary) -> str:
    visits = summary.visits
    lines = [f"Listened {_time(summary.start)} to {_time(summary.end)}."]
    for each in visits.expected:
        came = visits.of(each)
        if not came:
            lines.append(f"  {each.name:<20} never came")
            continue
        reached = ", ".join(
            f"{transport} {ports}"
            for transport in Transport
            if (ports := visits.reached(each, transport))
        )
        by = ", ".join(visitor.address for visitor in came)
        lines.append(f"  {each.name:<20} came from {by} and reached {reached}")
    for visitor in visits.strangers:
        reached = ", ".join(
            f"{transport} {ports}"
            for transport in Transport
            if (ports := visitor.reached(transport))
        )
        what = "not in the inventory, but it holds the key: address translation, or another host"
        who = what if visitor.held_key and visits.expected else "a stranger"
        if not visits.expected:
            who = "holds the key" if visitor.held_key else "without the key"
        lines.append(f"  {visitor.address:<20} reached {reached} ({who})")
    if visits.forgotten:
        lines.append("  and more addresses that nobody expects")
    if not visits.expected and not visits.strangers:
        lines.append("  nobody came")
    if visits.turned_away:
        lines.append(f"  {visits.turned_away:,} connections were turned away: too many at once")
    return "\n".join(lines)


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
