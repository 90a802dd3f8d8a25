"""The one place where it comes together: inventory + rules + network -> report."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from veeamcheck import __version__
from veeamcheck.expand import expand, select
from veeamcheck.model import (
    SIGNS_OF_LIFE,
    Evidence,
    Flow,
    Inventory,
    NotCoveredNote,
    Outcome,
    PairFacts,
    Plan,
    Policy,
    Progress,
    ReasonCode,
    Report,
    RuleNote,
    RuleSetNote,
    RunNote,
    Signal,
    Verdict,
)
from veeamcheck.net.interface import Network
from veeamcheck.ports import PortSet
from veeamcheck.vantage import Seen, Settings, Vantage
from veeamcheck.verdict import Judgement, exit_status, judge, outcome

__all__ = ["Progress", "Settings", "audit"]


async def audit(
    inventory: Inventory,
    settings: Settings,
    *,
    progress: Callable[[Progress], None] | None = None,
    stop: asyncio.Event | None = None,
    network: Network | None = None,
) -> Report:
    """Contact every required port of the flows that start at the vantage, and judge them.

    Setting `stop` ends the audit early with a complete report of what was done. `network`
    defaults to this machine's sockets. Raises nothing for what the network does.
    """
    start = datetime.now(UTC)
    plan = select(expand(inventory, settings.vantage), settings.selection)
    mine = [flow for flow in plan.flows if flow.runs_from == settings.vantage]
    seen = Seen()
    interrupted = False
    missing: tuple[str, ...] = ()
    if mine and settings.vantage is not None:
        if network is None:
            from veeamcheck.net.system import SystemNetwork

            network = SystemNetwork()
        missing = network.missing_evidence
        vantage = Vantage(
            settings.vantage, inventory, settings, network=network, flows=mine, seen=seen
        )
        try:
            interrupted = await _until_stopped(vantage.probe(), stop, vantage.report_to(progress))
        finally:
            network.close()
    outcomes, facts, warnings = _judge_all(inventory, settings, plan, seen)
    return Report(
        run=_run_note(
            inventory,
            settings,
            start=start,
            interrupted=interrupted,
            missing=missing,
            used=bool(mine),
        ),
        summary=_summary(outcomes, settings.policy, interrupted),
        warnings=(*plan.warnings, *warnings),
        rules=_rule_notes(inventory, plan.flows),
        pairs=facts,
        flows=outcomes,
        skipped=plan.skipped,
    )


async def _until_stopped(
    work: Awaitable[None], stop: asyncio.Event | None, ticker: Awaitable[None]
) -> bool:
    """Do the work until it is done or `stop` is set; whether it was stopped."""
    task = asyncio.ensure_future(work)
    beside = asyncio.ensure_future(ticker)
    waiting = asyncio.ensure_future(stop.wait()) if stop else None
    everything = [each for each in (task, waiting) if each]
    try:
        await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return False
        return True
    finally:
        for each in (*everything, beside):
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each


# --- judging -------------------------------------------------------------------------------------


def _judge_all(
    inventory: Inventory, settings: Settings, plan: Plan, seen: Seen
) -> tuple[tuple[Outcome, ...], tuple[PairFacts, ...], list[str]]:
    rows_of: dict[str, list[Evidence]] = {}
    for (flow_id, _address), own in seen.evidence.items():
        rows_of.setdefault(flow_id, []).extend(own)
    waivers = {waiver.flow: waiver for waiver in inventory.waive}
    mine = [flow for flow in plan.flows if flow.runs_from == settings.vantage]
    facts = _pair_facts(mine, rows_of, seen)
    outcomes = []
    for flow in plan.flows:
        rows: Sequence[Evidence] = (*rows_of.get(flow.id, ()), *_unresolved_rows(flow, seen))
        if flow.runs_from != settings.vantage:
            judgement = Judgement(
                Verdict.UNTESTED,
                ReasonCode.OTHER_VANTAGE,
                f"starts at {flow.source}: run `{_command(inventory, flow.runs_from)}` "
                f"on {flow.runs_from}",
            )
            rows = ()
        elif flow.id in seen.same_host:
            judgement = Judgement(
                Verdict.UNTESTED,
                ReasonCode.SAME_HOST,
                f"{flow.runs_from} is the target itself: nothing would cross a network",
            )
            rows = ()
        else:
            judgement = judge(flow, rows, facts[flow.target], inventory.phase)
            if flow.runs_from != flow.source and judgement.verdict is not Verdict.UNTESTED:
                judgement = judgement._replace(
                    reason=f"{judgement.reason} (from {flow.runs_from}, "
                    f"standing in for {flow.source})"
                )
        outcomes.append(outcome(flow, judgement, rows, waivers.get(flow.id)))
    telling = tuple(
        each for each in facts.values() if each.accepts_all or each.scan_protected or each.left_out
    )
    return tuple(outcomes), telling, _wrong_card(inventory, settings, outcomes, seen)


def _pair_facts(
    flows: Iterable[Flow], rows_of: Mapping[str, Sequence[Evidence]], seen: Seen
) -> dict[str, PairFacts]:
    """What all probes to one target showed together, by target host."""
    rows_by_target: dict[str, list[Evidence]] = {}
    names: dict[str, tuple[str, ...]] = {}
    vantages: dict[str, str] = {}
    for flow in flows:
        rows_by_target.setdefault(flow.target, []).extend(rows_of.get(flow.id, ()))
        names[flow.target] = flow.address
        vantages[flow.target] = flow.runs_from
    return {
        target: PairFacts(
            vantage=vantages[target],
            target=target,
            alive=any(row.signal in SIGNS_OF_LIFE for row in rows),
            accepts_all=_among(rows, seen.accepts_all),
            scan_protected=_among(rows, seen.scan_protected),
            left_out=tuple(a for name in names[target] for a in seen.left_out.get(name, ())),
        )
        for target, rows in rows_by_target.items()
    }


def _among(rows: Iterable[Evidence], addresses: set[str]) -> tuple[str, ...]:
    return tuple(sorted({row.address for row in rows} & addresses))


def _unresolved_rows(flow: Flow, seen: Seen) -> list[Evidence]:
    """A name without an address blocks every port of the flow; nothing is contacted."""
    ports = flow.ports | (flow.failover_ports or PortSet())
    return [
        Evidence(
            address=name,
            local_address=None,
            ports=ports,
            signal=Signal.UNRESOLVED,
            attributed=False,
            probed=0,
            rtt_ms=None,
            by=None,
            detail={"meaning": seen.unresolved[name]},
            name=name,
        )
        for name in flow.address
        if name in seen.unresolved
    ]


def _wrong_card(
    inventory: Inventory, settings: Settings, outcomes: Iterable[Outcome], seen: Seen
) -> list[str]:
    """Probes that left from an address that the inventory does not give to their vantage."""
    if settings.vantage is None:
        return []
    host = inventory.hosts[settings.vantage]
    own = {address for name in host.address for address in seen.names.get(name, (name,))}
    strange: dict[str, str] = {}
    for each in outcomes:
        for row in each.evidence:
            local = row.local_address
            if local and local not in own and not ipaddress.ip_address(local).is_loopback:
                strange.setdefault(local, each.target)
    return [
        f"probes to {target} left from {local}, which is no address of {host.name} in the "
        f"inventory: the wrong network card, or this machine is not {host.name}"
        for local, target in strange.items()
    ]


def _command(inventory: Inventory, host: str) -> str:
    return f"veeamcheck run -i {inventory.file} --from {host}"


# --- the rest of a report ------------------------------------------------------------------------


def _summary(outcomes: Sequence[Outcome], policy: Policy, interrupted: bool) -> dict[str, int]:
    counts = Counter(each.verdict for each in outcomes)
    summary = {str(verdict): counts[verdict] for verdict in Verdict}
    summary["exit_status"] = exit_status(outcomes, policy, interrupted=interrupted)
    return summary


def _run_note(
    inventory: Inventory,
    settings: Settings,
    *,
    start: datetime,
    interrupted: bool,
    missing: tuple[str, ...],
    used: bool,
) -> RunNote:
    return RunNote(
        start=start.replace(microsecond=0),
        end=datetime.now(UTC).replace(microsecond=0),
        version=__version__,
        phase=inventory.phase,
        vantages=(settings.vantage,) if settings.vantage and used else (),
        options=dict(inventory.options),
        pace=settings.pace,
        checks=settings.checks,
        full_range=settings.full_range,
        check_failover=settings.check_failover,
        interrupted=interrupted,
        inventory=inventory.file,
        missing_evidence=missing,
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


def _rule_notes(inventory: Inventory, flows: Iterable[Flow]) -> tuple[RuleNote, ...]:
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
        )
        for rule_set in inventory.rule_sets
        for rule in rule_set.rules
        if rule.id in used
    )
