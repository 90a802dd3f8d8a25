"""What the product cannot do, worst first: every flow in trouble, told by what needs it.

A flow that fails stops its activities between its two hosts, and nothing more is claimed: where
other hosts were proven to do the same, they are named; where nothing was proven, it *may* fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import NamedTuple

from veeamcheck.diagnosis.causes import LEAST, Cause, find_causes
from veeamcheck.diagnosis.health import isolated_flows
from veeamcheck.model import Affected, End, Outcome, Report, RuleNote, Verdict
from veeamcheck.wording import counted, listed


class State(StrEnum):
    """How an activity stands at a host; the worst first."""

    FAILS = "fails"
    PARTLY = "fails-in-part"
    """With other hosts it was proven to work."""
    DEGRADED = "degraded"
    """It works, by failover: slower, or over other ports."""
    MAY_FAIL = "may-fail"
    """Nothing is known to be wrong, but a flow that it needs is not proven."""

    @property
    def verdict(self) -> Verdict:
        """The verdict of the flows that make it so."""
        return _VERDICTS[self]


_VERDICTS = {
    State.FAILS: Verdict.FAIL,
    State.PARTLY: Verdict.FAIL,
    State.DEGRADED: Verdict.DEGRADED,
    State.MAY_FAIL: Verdict.UNPROVEN,
}
_STATES = {
    Verdict.FAIL: State.FAILS,
    Verdict.DEGRADED: State.DEGRADED,
    Verdict.UNPROVEN: State.MAY_FAIL,
}
_RANKS = {State.FAILS: 0, State.PARTLY: 0, State.DEGRADED: 1, State.MAY_FAIL: 2}
"""Partly or not, what fails is ordered by what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """An activity that does not work, or may not, at one host."""

    activity: str
    """Its id in the rule set; empty where the rule set names none."""
    title: str
    words: str
    """What stands between the title and the host: ``of VMs on``."""
    host: str
    state: State
    weight: int
    """Its place among the activities, from 1: what hurts most."""
    with_hosts: tuple[str, ...]
    """The other ends of `flows`."""
    works_with: tuple[str, ...]
    """Hosts with which it was proven to work, where it fails with others."""
    flows: tuple[str, ...]
    """Ids of the flows that make it so."""
    also: tuple[str, ...]
    """Ids of flows that it needs as well and that are in lesser trouble."""


class Line(NamedTuple):
    """Impacts of the same kind at several hosts, for people."""

    state: State
    what: str
    """``Image backup of VMs on pve1 and pve2``"""
    how: str
    """``fails with worker1 (4 flows)``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWithImpact(Report):
    """A report with what follows from it, for programs: it is never read back."""

    impact: tuple[Impact, ...]
    """What does not work, or may not; the worst first."""


def with_impact(report: Report) -> ReportWithImpact:
    values = {each.name: getattr(report, each.name) for each in fields(Report)}
    return ReportWithImpact(**values, impact=find_impact(report, find_causes(report)))


def find_impact(report: Report, causes: Sequence[Cause]) -> tuple[Impact, ...]:
    """What does not work or may not, the worst first; `causes` are those of the report."""
    cut_off = isolated_flows(causes)
    rules = {(rule.rule_set, rule.id): rule for rule in report.rules}
    needs: dict[tuple[str, str, str, str], _Need] = {}
    for flow in report.flows:
        verdict = flow.verdict
        if verdict is Verdict.FAIL and flow.id in cut_off:
            verdict = Verdict.UNPROVEN  # it says nothing of its target
        if verdict in _JUDGED:
            for affected in affected_by(flow, rules):
                host, other = _ends(flow, affected)
                key = flow.rule_set, affected.activity or flow.rule, affected.words, host
                need = needs.setdefault(key, _Need(affected, host))
                need.add(flow, other, verdict)
    found = [impact for need in needs.values() for impact in need.impact()]
    return tuple(
        sorted(
            found,
            key=lambda each: (_RANKS[each.state], each.weight, -len(each.flows), each.host),
        )
    )


def affected_by(flow: Outcome, rules: Mapping[tuple[str, str], RuleNote]) -> Sequence[Affected]:
    """The activities that need the flow; never none, the worst loss first."""
    rule = rules.get((flow.rule_set, flow.rule))
    unnamed = Affected(
        activity="",
        title=f"What rule {flow.rule} is for",
        weight=LEAST,
        host=End.TARGET,
        words="at",
    )
    return (rule and rule.affects) or (unnamed,)


def lines(impacts: Iterable[Impact]) -> tuple[Line, ...]:
    """One line for all hosts of which the same is to be said, in the order of the impacts."""
    alike: dict[tuple[object, ...], list[Impact]] = {}
    for impact in impacts:
        what = impact.title, impact.words, impact.state
        alike.setdefault((*what, impact.with_hosts, impact.works_with), []).append(impact)
    return tuple(
        Line(
            state=group[0].state,
            what=f"{group[0].title} {group[0].words} {listed(each.host for each in group)}",
            how=_how(group[0], counted(sum(len(each.flows) for each in group), "flow")),
        )
        for group in alike.values()
    )


def _how(impact: Impact, flows: str) -> str:
    with_hosts = f" with {listed(impact.with_hosts)}" if impact.with_hosts else ""
    match impact.state:
        case State.FAILS:
            return f"fails{with_hosts} ({flows})"
        case State.PARTLY:
            return f"fails{with_hosts} ({flows}), works with {listed(impact.works_with)}"
        case State.DEGRADED:
            return f"works{with_hosts} only by failover ({flows})"
        case State.MAY_FAIL:
            return f"may fail{with_hosts}: not proven ({flows})"


def _ends(flow: Outcome, affected: Affected) -> tuple[str, str]:
    """The host that the activity is told of, and the other one."""
    if affected.host is End.SOURCE:
        return flow.source, flow.target
    return flow.target, flow.source


_JUDGED = (Verdict.FAIL, Verdict.DEGRADED, Verdict.UNPROVEN, Verdict.PASS)
"""The worst first."""


@dataclass(slots=True)
class _Need:
    """The judged flows that an activity needs at one host."""

    affected: Affected
    host: str
    flows: dict[Verdict, list[Outcome]] = field(
        default_factory=lambda: {verdict: [] for verdict in _JUDGED}
    )
    others: dict[str, set[Verdict]] = field(default_factory=dict)
    """The other ends and how their flows ended."""
    working: dict[str, set[str]] = field(default_factory=dict)
    """Rule -> the other ends with which it works."""

    def add(self, flow: Outcome, other: str, verdict: Verdict) -> None:
        self.flows[verdict].append(flow)
        self.others.setdefault(other, set()).add(verdict)
        if verdict in (Verdict.PASS, Verdict.DEGRADED):
            self.working.setdefault(flow.rule, set()).add(other)

    def impact(self) -> Iterator[Impact]:
        """What is to be said of it; nothing where all of it works."""
        troubled = [verdict for verdict in _JUDGED[:-1] if self.flows[verdict]]
        if not troubled:
            return
        worst, *lesser = troubled
        works_with = self._works_with() if worst is Verdict.FAIL else []
        state = State.PARTLY if works_with else _STATES[worst]
        yield Impact(
            activity=self.affected.activity,
            title=self.affected.title,
            words=self.affected.words,
            host=self.host,
            state=state,
            weight=self.affected.weight,
            with_hosts=tuple(
                other
                for other, verdicts in self.others.items()
                if worst in verdicts and other != self.host
            ),
            works_with=tuple(works_with),
            flows=tuple(flow.id for flow in self.flows[worst]),
            also=tuple(flow.id for verdict in lesser for flow in self.flows[verdict]),
        )

    def _works_with(self) -> list[str]:
        """Other ends that can take over: each failed rule works with one of which nothing fails."""
        sound = {
            other
            for other, verdicts in self.others.items()
            if not verdicts & {Verdict.FAIL, Verdict.UNPROVEN}
        }
        instead: dict[str, None] = {}
        for rule in dict.fromkeys(flow.rule for flow in self.flows[Verdict.FAIL]):
            able = sound & self.working.get(rule, set())
            if not able:
                return []
            instead.update(dict.fromkeys(sorted(able)))
        return list(instead)
