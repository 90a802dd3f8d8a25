"""One report out of several of the same deployment. Pure.

For each flow the better-evidenced result wins; the others leave what they say beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from veeamcheck.auditing.certificates import differences
from veeamcheck.auditing.conclusion import summarize
from veeamcheck.model import (
    Flow,
    Outcome,
    PairFacts,
    Policy,
    ReasonCode,
    Report,
    RunNote,
    Verdict,
)

T = TypeVar("T")

_MOST_DIFFERENCES = 5
_SAME_FLOW = [each.name for each in fields(Flow) if each.name != "runs_from"]
"""What must not differ. Where a flow runs from does: from its stand-in, or from itself."""


class MergeError(Exception):
    """The reports are not about the same; the text says what differs."""


class _Candidate(NamedTuple):
    """A result for one flow, and the report that gives it."""

    outcome: Outcome
    report: Report


def merge(reports: Sequence[Report], policy: Policy) -> Report:
    """The reports as one, whatever their order; MergeError where they cannot be.

    Each judged flow says in `origin` which run it comes from. A flow that passes in one report and
    fails in another is a warning. At least one report is needed.
    """
    by_time = sorted(reports, key=_order)
    first, *others = by_time
    for other in others:
        _check_alike(first, other)
    results: dict[str, list[_Candidate]] = {flow.id: [] for flow in first.flows}
    for report in by_time:
        for flow in report.flows:
            results[flow.id].append(_Candidate(_with_origin(flow, report), report))
    winners = [max(found, key=_strength) for found in results.values()]
    outcomes = tuple(winner.outcome for winner in winners)
    pairs, superseded = _pairs(by_time, winners)
    interrupted = any(each.reason_code is ReasonCode.INTERRUPTED for each in outcomes)
    return Report(
        run=_run(by_time, interrupted),
        summary=summarize(outcomes, policy, interrupted=interrupted),
        warnings=_unique(
            [
                *(warning for report in by_time for warning in report.warnings),
                *_versions(by_time),
                *superseded,
                *differences(outcomes),
                *(text for found in results.values() for text in _contradictions(found)),
            ]
        ),
        rules=_unique(note for report in by_time for note in report.rules),
        pairs=pairs,
        flows=outcomes,
        skipped=_unique(each for report in by_time for each in report.skipped),
    )


def _order(report: Report) -> tuple[object, ...]:
    return report.run.end, report.run.start, report.run.vantages, report.run.inventory


def _strength(candidate: _Candidate) -> tuple[object, ...]:
    """What the evidence of a result is worth, to be compared."""
    flow = candidate.outcome
    verdict = original(flow)
    contacted = [row for row in flow.evidence if row.probed]
    return (
        flow.reason_code is not ReasonCode.OTHER_VANTAGE,
        verdict is not Verdict.UNTESTED,
        verdict not in (Verdict.UNTESTED, Verdict.UNPROVEN),
        flow.runs_from == flow.source,
        bool(contacted) and all(row.proven for row in contacted),
        bool(contacted) and all(row.attributed or row.proven for row in contacted),
        candidate.report.run.end,
    )


def original(flow: Outcome) -> Verdict:
    """The verdict as it was before a waiver replaced it."""
    return flow.waived.verdict if flow.waived else flow.verdict


def _with_origin(flow: Outcome, report: Report) -> Outcome:
    if flow.origin or flow.verdict is Verdict.UNTESTED:
        return flow
    return replace(flow, origin=f"{flow.runs_from}, {_time(report.run.end)}")


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _contradictions(found: Iterable[_Candidate]) -> list[str]:
    """A warning where the results of one flow are not all on the same side."""
    said = {
        verdict: list(
            dict.fromkeys(
                f"{each.outcome.origin}: {each.outcome.reason}"
                for each in found
                if original(each.outcome) is verdict
            )
        )
        for verdict in (Verdict.PASS, Verdict.FAIL)
    }
    if not all(said.values()):
        return []
    (flow_id,) = {each.outcome.id for each in found}
    told = "; ".join(f"{verdict} ({text})" for verdict, texts in said.items() for text in texts)
    return [f"{flow_id}: the reports contradict each other: {told}"]


# --- are they about the same? ----------------------------------------------------------------


def _check_alike(one: Report, other: Report) -> None:
    differences = [*_run_differences(one.run, other.run), *_flow_differences(one, other)]
    if differences:
        shown = differences[:_MOST_DIFFERENCES]
        if len(differences) > len(shown):
            shown.append(f"and {len(differences) - len(shown)} more differences")
        raise MergeError(
            f"the reports of {_name(one)} and of {_name(other)} are not of the same deployment: "
            + "; ".join(shown)
        )


def _name(report: Report) -> str:
    return f"{', '.join(report.run.vantages) or 'nowhere'} ({_time(report.run.end)})"


def _run_differences(one: RunNote, other: RunNote) -> list[str]:
    documents = [
        sorted(f"{each.id} {each.product_version} {each.revision}" for each in run.rule_sets)
        for run in (one, other)
    ]
    found = []
    if documents[0] != documents[1]:
        found.append(f"rule sets {', '.join(documents[0])} and {', '.join(documents[1])}")
    if one.phase is not other.phase:
        found.append(f"phases {one.phase} and {other.phase}")
    found += [
        f"option {name} is {one.options.get(name)!r} and {other.options.get(name)!r}"
        for name in sorted({*one.options, *other.options})
        if one.options.get(name) != other.options.get(name)
    ]
    return found


def _flow_differences(one: Report, other: Report) -> list[str]:
    flows, others = ({flow.id: flow for flow in report.flows} for report in (one, other))
    found = [
        f"only that of {_name(report)} has the flow {name}"
        for report, own, theirs in ((one, flows, others), (other, others, flows))
        for name in own
        if name not in theirs
    ]
    for name in filter(others.__contains__, flows):
        found += [
            f"{name} has {field} {_text(a)} and {_text(b)}"
            for field in _SAME_FLOW
            if (a := getattr(flows[name], field)) != (b := getattr(others[name], field))
        ]
    return found


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "none")


# --- joining ---------------------------------------------------------------------------------


def _run(by_time: Sequence[Report], interrupted: bool) -> RunNote:
    runs = [report.run for report in by_time]
    latest = runs[-1]
    return replace(
        latest,
        start=min(run.start for run in runs),
        end=max(run.end for run in runs),
        version=_joined(run.version for run in runs),
        vantages=_unique(name for run in runs for name in run.vantages),
        pace=_joined(run.pace for run in runs),
        checks=_joined(run.checks for run in runs),
        full_range=all(run.full_range for run in runs),
        check_failover=all(run.check_failover for run in runs),
        interrupted=interrupted,
        inventory=_joined(run.inventory for run in runs),
        missing_evidence=_unique(text for run in runs for text in run.missing_evidence),
        not_covered=_unique(note for run in runs for note in run.not_covered),
    )


def _versions(by_time: Sequence[Report]) -> list[str]:
    versions = _unique(report.run.version for report in by_time)
    if len(versions) == 1:
        return []
    return [f"the reports come from different versions of veeamcheck: {', '.join(versions)}"]


def _pairs(
    by_time: Sequence[Report], winners: Iterable[_Candidate]
) -> tuple[tuple[PairFacts, ...], list[str]]:
    """What pairs showed in the runs whose results count, and as warnings what others showed.

    Facts of a run none of whose results count would contradict the evidence that does.
    """
    counting = {
        (id(each.report), each.outcome.runs_from, each.outcome.target)
        for each in winners
        if each.outcome.verdict is not Verdict.UNTESTED
    }
    kept: dict[tuple[str, str], list[PairFacts]] = {}
    superseded = []
    for report in by_time:
        for pair in report.pairs:
            if (id(report), pair.vantage, pair.target) in counting:
                kept.setdefault((pair.vantage, pair.target), []).append(pair)
            else:
                superseded += _in_words(pair, report)
    return tuple(map(_joined_pair, kept.values())), superseded


def _in_words(pair: PairFacts, report: Report) -> list[str]:
    facts = (
        ("accepted connections for everybody", pair.accepts_all),
        ("went silent as a whole", pair.scan_protected),
        ("had no route from there", pair.left_out),
    )
    return [
        f"from {pair.vantage} to {pair.target}, in the run that ended {_time(report.run.end)} "
        f"and does not count: {', '.join(addresses)} {what}"
        for what, addresses in facts
        if addresses
    ]


def _joined_pair(same: Sequence[PairFacts]) -> PairFacts:
    return replace(
        same[0],
        alive=any(pair.alive for pair in same),
        accepts_all=_unique(each for pair in same for each in pair.accepts_all),
        scan_protected=_unique(each for pair in same for each in pair.scan_protected),
        left_out=_unique(each for pair in same for each in pair.left_out),
    )


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(part for text in texts for part in text.split(", ")))


def _unique(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
