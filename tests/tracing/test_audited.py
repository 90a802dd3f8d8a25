"""Which ports an audit has traced, and what that says of its evidence."""

import asyncio
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest

from tests.test_verdict import A, flow, judged, rows_of, said, seen
from veeamcheck.auditing.follow_up import MOST_TRACES, follow_up
from veeamcheck.auditing.seen import Seen
from veeamcheck.expand import expand
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import (
    Evidence,
    Flow,
    Hop,
    Listener,
    Outcome,
    Place,
    ReasonCode,
    Trace,
    Transport,
    Verdict,
)
from veeamcheck.tracing.audited import to_trace, told, traces_of, with_traces
from veeamcheck.tracing.place import Asked

LAST = Hop(number=3, address="10.0.3.1")
RANGE = flow("range", "2500-2599", listener=Listener.SESSION)
SINGLE = flow(listener=Listener.SESSION)


def trace(place: Place, port: int = 6162, **more: Any) -> Trace:
    values: dict[str, Any] = {
        "address": A,
        "transport": Transport.TCP,
        "port": port,
        "compared_with": 22,
        "place": place,
        "last": LAST,
        "next": None,
        "by": None,
        "reason": f"{place}!",
        "rows": (),
        **more,
    }
    return Trace(**values)


# --- what is traced --------------------------------------------------------------------------


def outcome(verdict: str, rows: Sequence[Evidence], of: Flow = SINGLE) -> Outcome:
    return Outcome(
        **{each.name: getattr(of, each.name) for each in fields(Flow)},
        verdict=Verdict(verdict),
        reason_code=ReasonCode.OPEN,
        reason="",
        evidence=tuple(rows),
    )


def asked(*outcomes: Outcome, accepts_all: Sequence[str] = ()) -> list[tuple[int, int | None]]:
    return [(each.port, each.compared_with) for each in to_trace(outcomes, accepts_all)]


OPEN = outcome("pass", rows_of("22 open"))


def test_the_ends_of_each_run_are_traced_failures_first() -> None:
    assert asked(
        outcome("pass", rows_of("2500-2599 refused")),
        outcome("fail", rows_of("445 silent, 2600-2700 rejected")),
        OPEN,
    ) == [(445, 22), (2600, 22), (2700, 22), (2500, 22), (2599, 22)]


def test_each_port_is_traced_once() -> None:
    assert asked(
        outcome("fail", rows_of("445 silent")), outcome("fail", rows_of("445 silent"))
    ) == [(445, None)]


def test_a_refusal_is_traced_only_where_the_distance_can_be_told() -> None:
    refused = outcome("pass", rows_of("6162 refused"))
    assert asked(refused) == []
    assert asked(refused, OPEN) == [(6162, 22)]
    assert asked(refused, OPEN, accepts_all=[A]) == []


def test_without_an_open_port_a_refused_one_is_compared_with() -> None:
    assert asked(outcome("fail", rows_of("445 silent, 135 refused"))) == [(445, 135)]


def test_an_address_where_nothing_works_is_traced_once() -> None:
    dead = outcome("fail", rows_of("445 silent, 135 silent"))
    assert asked(dead) == [(445, None)]


def test_what_was_proven_or_never_left_is_not_traced() -> None:
    neighbour = [seen("1", "unreachable"), seen("2", "local-error"), seen("3", "unresolved")]
    assert asked(OPEN, outcome("fail", neighbour)) == []
    assert asked(outcome("untested", rows_of("445 silent"))) == []


# --- what it says ----------------------------------------------------------------------------


def test_a_forged_reset_is_no_pass() -> None:
    rows = rows_of("6162 refused")
    assert said(judged(SINGLE, rows)) == "pass path-clear"

    known = with_traces(rows, [trace(Place.FORGED)])

    assert said(judged(SINGLE, known)) == "fail blocked-rejected"
    assert "something on the way sends" in judged(SINGLE, known).reason


def test_a_reset_that_no_router_before_the_last_forges() -> None:
    known = with_traces(rows_of("6162 refused"), [trace(Place.REFUSED)])
    judgement = judged(SINGLE, known)
    assert said(judgement) == "pass path-clear"
    assert "trace of 6162: no router before 10.0.3.1 forges the reset" in (judgement.reason)
    assert "can be forged" not in judgement.reason


def test_of_a_range_only_what_was_traced_is_told() -> None:
    rows = rows_of("2500-2599 refused")

    mixed = with_traces(rows, [trace(Place.FORGED, 2500), trace(Place.REFUSED, 2599)])
    shown = [(str(row.ports), str(row.signal), row.probed) for row in mixed]
    assert shown == [("2500", "rejected", 1), ("2599", "refused", 1), ("2501-2598", "refused", 98)]
    judgement = judged(RANGE, mixed)
    assert said(judgement) == "fail partly-blocked"
    assert "2501-2598 refused" in judgement.reason
    assert "perhaps forged too" in judgement.reason

    (whole,) = with_traces(rows, [trace(Place.REFUSED, 2500, last=None)])
    reason = judged(RANGE, [whole]).reason
    assert "trace of 2500: no router on the way forges the reset" in reason
    assert "of the other ports nothing excludes it" in reason


@pytest.mark.parametrize("place", [Place.UNDECIDED, Place.SWALLOWED, Place.ANSWERS])
def test_other_findings_change_no_evidence(place: Place) -> None:
    rows = tuple(rows_of("6162 refused, 445 silent"))
    assert with_traces(rows, [trace(place)]) == rows


@pytest.mark.parametrize("signal", ["open", "silent", "rejected", "unreachable", "invalid"])
def test_only_refusals_are_read_anew(signal: str) -> None:
    rows = tuple(rows_of(f"6162 {signal}"))
    assert with_traces(rows, [trace(Place.FORGED)]) == rows


def test_a_trace_belongs_to_the_flows_whose_port_it_is() -> None:
    own, other = trace(Place.FORGED), trace(Place.FORGED, 445)
    udp = trace(Place.FORGED, transport=Transport.UDP)
    elsewhere = trace(Place.FORGED, address="10.0.0.99")
    assert traces_of(SINGLE, rows_of("6162 refused"), [own, other, udp, elsewhere]) == (own,)


def test_traces_that_say_the_same_are_told_once() -> None:
    assert told([]) == ""
    one, two = trace(Place.SWALLOWED, 135), trace(Place.SWALLOWED, 445)
    assert told([one, two, trace(Place.UNDECIDED)]) == (
        "trace: swallowed! (likewise 445); trace: undecided!"
    )


# --- tracing after an audit ------------------------------------------------------------------

INVENTORY = parse_inventory(
    """
[hosts.vbr1]
address = "10.0.10.5"
roles = ["backup-server"]
[hosts.pve1]
address = "10.0.10.20"
roles = ["proxmox-ve"]
""",
    "inventory.toml",
)


def probed(signal: str = "silent") -> dict[str, Seen]:
    """What vbr1 saw of every flow that starts there."""
    own = Seen()
    for each in expand(INVENTORY, "vbr1").flows:
        if each.runs_from == "vbr1":
            row = seen(str(each.ports), signal, each.address[0])
            own.evidence[each.id] = {(each.address[0], each.address[0]): (row,)}
    return {"vbr1": own}


async def test_traces_are_with_what_was_seen() -> None:
    followed: list[Asked] = []

    async def tracer(each: Asked) -> Trace:
        followed.append(each)
        return trace(Place.SWALLOWED, each.port, address=each.address)

    known = probed()
    plan = expand(INVENTORY, "vbr1")
    await follow_up(INVENTORY, plan, "vbr1", {**known, "pve1": Seen()}, tracer)

    assert [(each.address, each.port) for each in followed] == [
        (each.address, each.port) for each in known["vbr1"].traces
    ]
    assert followed
    assert known["vbr1"].ports_total == known["vbr1"].ports_folded == len(followed)


async def test_what_is_not_traced_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = expand(INVENTORY, "vbr1")
    monkeypatch.setenv("VEEAMCHECK_PORTABLE", "1")
    known = {**probed(), "pve1": Seen()}
    await follow_up(INVENTORY, plan, "vbr1", known)
    assert "no path was traced: VEEAMCHECK_PORTABLE is set" in known["vbr1"].missing_evidence[0]
    assert "pve1: paths can only be traced from this machine" in known["pve1"].missing_evidence
    assert known["vbr1"].traces == []


async def test_the_number_of_traces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [
        Asked(address=A, transport=Transport.TCP, port=port) for port in range(1, MOST_TRACES + 4)
    ]
    monkeypatch.setattr("veeamcheck.auditing.follow_up.to_trace", lambda *_: many)

    async def tracer(each: Asked) -> Trace:
        await asyncio.sleep(0)
        return trace(Place.SWALLOWED, each.port)

    known = probed()
    await follow_up(INVENTORY, expand(INVENTORY, "vbr1"), "vbr1", known, tracer)
    assert len(known["vbr1"].traces) == MOST_TRACES
    assert "3 were not traced" in known["vbr1"].missing_evidence[0]
