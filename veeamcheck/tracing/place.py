"""From what came back to where it is blocked. Pure; claims what was seen and nothing more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from veeamcheck.model import Hop, Observation, Place, Signal, Trace, TraceRow, Transport
from veeamcheck.tracing.lane import MOST, WHOLE, Lane, agrees
from veeamcheck.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a trace is about."""

    address: str
    transport: Transport
    port: int
    compared_with: int | None = None
    """A TCP port of the same address that works."""

    @property
    def name(self) -> str:
        return f"{self.transport.upper()} {self.port}"

    @property
    def other(self) -> str:
        return f"TCP {self.compared_with}"


def find_place(asked: Asked, port: Lane, compared: Lane | None) -> Trace:
    """Where the port's packets end.

    `compared` holds the answers of a port that works, asked in the same rounds.
    """
    nothing = Trace(
        address=asked.address,
        transport=asked.transport,
        port=asked.port,
        compared_with=asked.compared_with,
        place=Place.UNDECIDED,
        last=_router(port, port.last),
        next=None,
        by=None,
        reason="",
        rows=_rows(port, compared),
    )
    if compared is not None and not compared.finals():
        found = _find(_Case(asked, port, None, nothing))
        why = f"{asked.other}, meant to be compared with, did not answer"
        return replace(found, reason=f"{found.reason}; {why}")
    return _find(_Case(asked, port, compared, nothing))


def _rows(port: Lane, compared: Lane | None) -> tuple[TraceRow, ...]:
    """Hop by hop up to the end of the path; and all the way, where the port has no end."""
    lanes = [lane for lane in (port, compared) if lane]
    end = max((lane.end or 0 for lane in lanes), default=0) or MOST
    return tuple(
        TraceRow(ttl=ttl, port=port.row(ttl), compared=compared.row(ttl) if compared else None)
        for ttl in (*range(1, end + 1), *([] if port.end else [WHOLE]))
        if any(lane.asked(ttl) for lane in lanes)
    )


@dataclass(frozen=True, slots=True)
class _Case:
    asked: Asked
    port: Lane
    compared: Lane | None
    trace: Trace
    """Of which nothing is found yet."""

    def undecided(self, reason: str) -> Trace:
        return replace(self.trace, reason=reason)


def _find(case: _Case) -> Trace:
    finals = case.port.finals()
    if any(seen.signal is Signal.OPEN for seen in finals):
        return _answers(case)
    rejects = [seen for seen in finals if seen.signal is not Signal.REFUSED]
    if rejects:
        return _rejected(case, rejects)
    if finals:
        return _refused(case)
    return _silent(case)


def _answers(case: _Case) -> Trace:
    port, name = case.port, case.asked.name
    end = port.end
    others = [seen for seen in port.finals() if seen.signal is not Signal.OPEN]
    if others:
        return case.undecided(
            f"{name} is open to some packets and {others[0].signal} to others: they take several "
            "ways, or something on the way chooses"
        )
    arrived = [ttl for ttl in (*range(end or WHOLE, MOST + 1), WHOLE) if port.asked(ttl)]
    asked, answered = sum(map(port.asked, arrived)), sum(map(port.answers, arrived))
    if answered < asked:
        return case.undecided(
            f"{name} answers {answered} of {asked} packets: the others are lost, or blocked on one "
            "of several ways"
        )
    where = f", {_hops(end)} away" if end else ""
    return replace(
        case.trace,
        place=Place.ANSWERS,
        reason=f"{name} now answers every packet{where}: not blocked",
    )


# --- an ICMP error ---------------------------------------------------------------------------


def _rejected(case: _Case, rejects: list[Observation]) -> Trace:
    asked, port = case.asked, case.port
    senders = sorted({seen.by or "" for seen in rejects})
    said = str((rejects[0].detail or {}).get("meaning", ""))
    if not senders[0]:
        return case.undecided(f"{asked.name}: {said or 'this machine finds no way'}")
    if len(senders) > 1:
        return case.undecided(f"{' and '.join(senders)} reject {asked.name}: the ways differ")
    (sender,) = senders
    lanes = [lane for lane in (port, case.compared) if lane]
    numbers = [ttl for ttl in range(1, MOST + 1) for lane in lanes if sender in lane.routers(ttl)]
    if sender == asked.address and not numbers:
        return _in_its_name(case, f"rejects {asked.name} ({said})")
    by = Hop(number=min(numbers, default=0), address=sender)
    if any(seen.signal is Signal.REJECTED for seen in rejects):
        place, does = Place.REJECTED, f"rejects {asked.name} ({said})"
    else:
        place, does = Place.UNREACHABLE, f"has no way on for {asked.name} ({said})"
    return replace(case.trace, place=place, by=by, reason=f"{_name(by)} {does}")


def _in_its_name(case: _Case, does: str) -> Trace:
    """An ICMP error that bears the target's address: the target's own, unless it came too soon."""
    nearer = _nearer(case, does)
    if nearer.place is Place.FORGED:
        return nearer
    far = case.compared.end if case.compared else None
    by = Hop(number=far if far and far == case.port.end else 0, address=case.asked.address)
    reason = f"the target itself, or something in its name, {does}"
    return replace(case.trace, place=Place.REJECTED, by=by, reason=reason)


# --- a refusal -------------------------------------------------------------------------------


def _refused(case: _Case) -> Trace:
    what = "a reset" if case.asked.transport is Transport.TCP else "an ICMP port-unreachable"
    return _nearer(case, f"refuses {case.asked.name} by {what}")


def _nearer(case: _Case, does: str) -> Trace:
    """Whether what answers in the target's name is nearer than the target."""
    asked, port, compared = case.asked, case.port, case.compared
    end = port.end
    if end is None:
        return case.undecided(f"something {does}, but only with all hops allowed")
    if compared is None or compared.end is None:
        why = (
            "no port that is open is known to compare with"
            if compared is None
            else (f"how far {asked.other} goes could not be told")
        )
        return case.undecided(
            f"something {_hops(end)} away {does}; whether that is the target is not known: {why}"
        )
    far = compared.end
    answer = compared.final(far)
    if answer is None or answer.signal is not Signal.OPEN:
        return case.undecided(
            f"something {_hops(end)} away {does}; {asked.other} is not open, so how far the target "
            "is is not known"
        )
    differ = _ways_differ(case, max(end, far))
    if differ:
        return differ
    if end > far or port.last >= min(end, far):
        return case.undecided(
            f"something {_hops(end)} away {does}, but {asked.other} answers {_hops(far)} away: "
            "they take different ways"
        )
    last = _router(port, port.last)
    if end == far:
        return _not_nearer(case, end, last, does)
    if any(asked.address in compared.routers(ttl) for ttl in range(end, far)):
        return case.undecided(
            f"the target, {_hops(end)} away, {does}; it passes {asked.other} on to something "
            "behind it"
        )
    between = range(end, far)
    if not agrees(compared, far) or not all(
        compared.routers(ttl) or compared.is_silent(ttl) for ttl in between
    ):
        return case.undecided(
            f"something {_hops(end)} away {does}; {asked.other} answers too rarely to tell how "
            "far the target is"
        )
    next_hop = _router(compared, end)
    start = _name(last) if last else "this machine"
    behind = _name(next_hop) if next_hop else f"hop {end}"
    reason = (
        f"something only {_hops(end)} away {does} in the target's name, but the target is "
        f"{_hops(far)} away, as {asked.other} shows: it is {start}, {behind} or between them"
    )
    return replace(case.trace, place=Place.FORGED, last=last, next=next_hop, reason=reason)


def _not_nearer(case: _Case, end: int, last: Hop | None, does: str) -> Trace:
    """What answers is as far away as the target; how far that excludes others."""
    what = f"the target, or what stands directly before it {_hops(end)} away, {does}"
    if end == 1:
        why = "there is no router on the way"
    elif last:
        why = f"no router before {_name(last)} does that"
    else:
        return case.undecided(f"{what}; no router answers for it, so none is excluded")
    return replace(case.trace, place=Place.REFUSED, reason=f"{what}: {why}")


# --- silence ---------------------------------------------------------------------------------


def _silent(case: _Case) -> Trace:
    asked, port, compared = case.asked, case.port, case.compared
    error = port.local_error()
    if error:
        return case.undecided(f"this machine could not try {asked.name}: {error}")
    last = _router(port, port.last)
    seen = (
        f"{_name(last)} is the last that answers for {asked.name}"
        if last
        else f"no router answers for {asked.name}"
    )
    if compared is None:
        return case.undecided(
            f"{seen}; nothing is known that works there, to tell who else would answer"
        )
    next_ttl = compared.next_after(port.last)
    if (compared.end is not None and compared.end <= port.last) or next_ttl is None:
        if compared.end is not None:
            return case.undecided(
                f"{seen}, but {asked.other} already ends {_hops(compared.end)} away: they take "
                "different ways"
            )
        return case.undecided(f"{seen}, and {asked.other} gets no further with so few hops")
    differ = _ways_differ(case, next_ttl)
    if differ:
        return differ
    if not agrees(compared, next_ttl) or not port.is_silent(next_ttl):
        return case.undecided(f"{seen}; behind it, answers are too rare to compare")
    next_hop = _router(compared, next_ttl) or Hop(number=next_ttl, address=asked.address)
    return replace(
        case.trace,
        place=Place.SWALLOWED,
        next=next_hop,
        reason=_swallowed(case, compared, last, next_hop),
    )


def _swallowed(case: _Case, compared: Lane, last: Hop | None, next_hop: Hop) -> str:
    asked = case.asked
    final = compared.final(next_hop.number)
    if final is None:
        far = _name(next_hop)
        does = "answers"
        arriving = f"{next_hop.address} as it arrives"
    elif final.signal is Signal.OPEN:
        far = f"the target (hop {next_hop.number})"
        does = "answers"
        arriving = "the target's own firewall"
    else:
        far = f"something at hop {next_hop.number}"
        does = f"{'refuses' if final.signal is Signal.REFUSED else 'rejects'}"
        arriving = "what refuses there"
    shown = f"{far} {does} {'for ' if does == 'answers' else ''}{asked.other}"
    if last:
        seen = (
            f"{_name(last)} still answers for {asked.name}; nothing behind it does, though {shown}"
        )
        leaving = f"{last.address} as it sends on"
        mute = next_hop.number - last.number - 1
    else:
        seen = f"not even the first hop answers for {asked.name}, though {shown}"
        leaving = "this machine's own firewall"
        mute = next_hop.number - 1
    hops_between = f" ({_hops(mute)} between answer nobody)" if mute else ""
    return (
        f"{seen}. If both ports take the same way, it is dropped by {leaving}, by {arriving}, or "
        f"between them{hops_between}"
    )


# --- helpers ---------------------------------------------------------------------------------


def _ways_differ(case: _Case, up_to: int) -> Trace | None:
    """Undecided where packets of the same TTL met different routers."""
    compared = case.compared
    for ttl in range(1, up_to + 1):
        own = case.port.routers(ttl)
        both = own | (compared.routers(ttl) if compared else frozenset())
        if len(both) > 1:
            return case.undecided(
                f"the ways differ (hop {ttl}: {', '.join(sorted(both))}), so {case.asked.name} "
                f"and {case.asked.other} cannot be compared"
            )
    return None


def _router(lane: Lane, ttl: int) -> Hop | None:
    """Who answers at this hop, where that is one; else None."""
    routers = sorted(lane.routers(ttl))
    return Hop(number=ttl, address=routers[0]) if routers else None


def _name(hop: Hop) -> str:
    return f"{hop.address} (hop {hop.number})" if hop.number else hop.address


def _hops(number: int) -> str:
    return counted(number, "hop")
