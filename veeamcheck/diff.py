"""What changed between two runs: new failures, what is fixed, what appeared and what is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from veeamcheck.model import ReasonCode, Report, Verdict

FLAPPING_WINDOW = 20
"""Runs that are looked at to tell whether a flow flaps."""
FLAPPING_CHANGES = 5
"""So many changes of verdict within the window, and it does."""


class Standing(NamedTuple):
    """Where a flow stands in one run."""

    verdict: Verdict
    reason_code: ReasonCode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run as far as it can be compared: each flow by its id."""

    title: str
    """What to call it: ``run 12``, ``old.json``."""
    start: datetime
    flows: Mapping[str, Standing]


class Kind(StrEnum):
    """What happened to a flow; in the order in which people should see it."""

    FAILED = "failed"
    """It fails now and did not before."""
    WORSE = "worse"
    """It got worse without failing: it only works by failover now, or can't be proven any more."""
    UNTESTED = "untested"
    """It was judged before and no longer is: how it stands now is not known."""
    FIXED = "fixed"
    """It passes now and did not before."""
    BETTER = "better"
    """It got better without passing."""
    TESTED = "tested"
    """It is judged now and was not before."""
    CHANGED = "changed"
    """Another reason for the same verdict; or it is waived now."""
    APPEARED = "appeared"
    """It was not there before."""
    GONE = "gone"
    """It is not there any more: the inventory, the filters or the rules are others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A flow that does not stand where it stood."""

    flow: str
    kind: Kind
    old: Standing | None
    new: Standing | None

    @property
    def worse(self) -> bool:
        """Whether somebody should look: a failure that is new, or a proof that was lost."""
        if self.kind is Kind.APPEARED:
            return _fails(self.new)
        if self.kind is Kind.UNTESTED:
            return self.old is not None and self.old.verdict in (Verdict.PASS, Verdict.DEGRADED)
        if self.kind is Kind.TESTED:
            return _fails(self.new) and not _fails(self.old)
        return self.kind in (Kind.FAILED, Kind.WORSE)


_RANK = {
    Verdict.PASS: 0,
    Verdict.WAIVED: 0,  # known and accepted: it counts for nothing
    Verdict.DEGRADED: 1,
    Verdict.UNPROVEN: 2,
    Verdict.FAIL: 3,
}


def snapshot(report: Report, title: str) -> Snapshot:
    """The report as far as it can be compared."""
    flows = {
        flow.id: Standing(flow.verdict, flow.reason_code, flow.reason) for flow in report.flows
    }
    return Snapshot(title=title, start=report.run.start, flows=flows)


def compare(old: Snapshot, new: Snapshot) -> tuple[Change, ...]:
    """Every flow that does not stand where it stood, those first that matter most."""
    ids = dict.fromkeys((*new.flows, *old.flows))
    changes = [change_of(flow, old.flows.get(flow), new.flows.get(flow)) for flow in ids]
    return in_order([change for change in changes if change])


def in_order(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Those first that matter most; else as they are."""
    kinds = list(Kind)
    return tuple(sorted(changes, key=lambda change: (not change.worse, kinds.index(change.kind))))


def change_of(flow: str, old: Standing | None, new: Standing | None) -> Change | None:
    """What happened to one flow; None where nothing did or an interrupt left it open."""
    kind = _kind(old, new)
    return Change(flow=flow, kind=kind, old=old, new=new) if kind else None


def _kind(old: Standing | None, new: Standing | None) -> Kind | None:
    if ReasonCode.INTERRUPTED in (old and old.reason_code, new and new.reason_code):
        return None
    if old is None:
        return Kind.APPEARED if new else None
    if new is None:
        return Kind.GONE
    if old.verdict is new.verdict:
        return Kind.CHANGED if old.reason_code is not new.reason_code else None
    if old.verdict is Verdict.UNTESTED:
        return Kind.TESTED
    match new.verdict:
        case Verdict.FAIL:
            return Kind.FAILED
        case Verdict.UNTESTED:
            return Kind.UNTESTED
        case Verdict.WAIVED:
            return Kind.CHANGED
        case Verdict.PASS:
            return Kind.FIXED
    return Kind.WORSE if _RANK[new.verdict] > _RANK[old.verdict] else Kind.BETTER


def _fails(standing: Standing | None) -> bool:
    return standing is not None and standing.verdict is Verdict.FAIL


def verdict_changes(verdicts: Sequence[Verdict]) -> int:
    """How often the verdict changed from one run to the next."""
    return sum(before is not after for before, after in pairwise(verdicts))


def is_flapping(verdicts: Sequence[Verdict]) -> bool:
    """Whether the verdict came and went too often lately; the latest run is the last."""
    return verdict_changes(verdicts[-FLAPPING_WINDOW:]) >= FLAPPING_CHANGES
