"""What the vantages saw -> the report. Pure but for the clock, which says when it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from veeamcheck import __version__
from veeamcheck.auditing.outcomes import judge_all
from veeamcheck.auditing.seen import Seen
from veeamcheck.auditing.settings import Settings
from veeamcheck.model import (
    Affected,
    End,
    Flow,
    Inventory,
    NotCoveredNote,
    Outcome,
    Plan,
    Policy,
    Report,
    Rule,
    RuleNote,
    RuleSet,
    RuleSetNote,
    RunNote,
    Verdict,
)
from veeamcheck.rulesets import GATEWAY
from veeamcheck.verdict import exit_status


def conclude(
    inventory: Inventory,
    plan: Plan,
    settings: Settings,
    seen: Mapping[str, Seen],
    *,
    start: datetime,
    end: datetime | None = None,
    interrupted: bool = False,
) -> Report:
    """Judge every flow of the plan by what its vantage has seen; `end` is now if not given."""
    judged = judge_all(inventory, plan, seen)
    return Report(
        run=_run_note(
            inventory,
            settings,
            start=start,
            end=end or datetime.now(UTC),
            interrupted=interrupted,
            seen=seen,
        ),
        summary=summarize(judged.outcomes, settings.policy, interrupted=interrupted),
        warnings=(*plan.warnings, *judged.warnings),
        rules=rule_notes(inventory, plan.flows),
        pairs=judged.pairs,
        flows=judged.outcomes,
        skipped=plan.skipped,
    )


def summarize(outcomes: Sequence[Outcome], policy: Policy, *, interrupted: bool) -> dict[str, int]:
    """How many flows have which verdict, and the exit status that follows."""
    counts = Counter(each.verdict for each in outcomes)
    summary = {str(verdict): counts[verdict] for verdict in Verdict}
    summary["exit_status"] = exit_status(outcomes, policy, interrupted=interrupted)
    return summary


def _run_note(
    inventory: Inventory,
    settings: Settings,
    *,
    start: datetime,
    end: datetime,
    interrupted: bool,
    seen: Mapping[str, Seen],
) -> RunNote:
    return RunNote(
        start=start.replace(microsecond=0),
        end=end.replace(microsecond=0),
        version=__version__,
        phase=inventory.phase,
        vantages=tuple(name for name, each in seen.items() if each.was_used),
        options=dict(inventory.options),
        pace=settings.pace,
        checks=settings.checks,
        full_range=settings.full_range,
        check_failover=settings.check_failover,
        interrupted=interrupted,
        inventory=inventory.file,
        missing_evidence=tuple(
            dict.fromkeys(note for each in seen.values() for note in each.missing_evidence)
        ),
        rule_sets=tuple(
            RuleSetNote(
                id=each.id,
                product_version=each.product_version,
                revision=each.revision,
                document=each.document,
            )
            for each in inventory.rule_sets
        ),
        not_covered=tuple(
            NotCoveredNote(what=note.what, where=note.where)
            for each in inventory.rule_sets
            for note in each.not_covered
        ),
    )


def rule_notes(inventory: Inventory, flows: Iterable[Flow]) -> tuple[RuleNote, ...]:
    """What a reader must know of the rules that the flows name, in the order of the documents."""
    used = {flow.rule for flow in flows}
    return tuple(
        RuleNote(
            id=rule.id,
            rule_set=rule_set.id,
            section=rule.section,
            row=rule.row,
            purpose=rule.purpose,
            breaks=rule.breaks,
            document=rule_set.document,
            allow_list=rule.allow_list,
            affects=_affected(rule_set, rule),
        )
        for rule_set in inventory.rule_sets
        for rule in rule_set.rules
        if rule.id in used
    )


def _affected(rule_set: RuleSet, rule: Rule) -> tuple[Affected, ...]:
    """The activities that need a rule, the worst loss first."""
    gateway = rule_set.attributes[GATEWAY].hosts_with_role if rule.target_gateway_of else None
    # A host that talks to itself is its own target.
    ends = {rule.source: End.SOURCE, (gateway or rule.target or rule.source): End.TARGET}
    return tuple(
        Affected(
            activity=activity.id,
            title=activity.title,
            weight=weight,
            host=ends[role],
            words=activity.of[role],
        )
        for weight, activity in enumerate(rule_set.activities.values(), 1)
        if activity.id in rule.affects
        for role in [next(role for role in activity.of if role in ends)]
    )
