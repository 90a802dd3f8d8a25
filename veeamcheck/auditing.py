"""The one place where it comes together: inventory + rules + network -> report."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from time import monotonic

from veeamcheck import __version__
from veeamcheck.expand import expand, select
from veeamcheck.model import (
    Flow,
    Inventory,
    NotCoveredNote,
    Outcome,
    Plan,
    Policy,
    Progress,
    Report,
    RuleNote,
    RuleSetNote,
    RunNote,
    Verdict,
)
from veeamcheck.net.interface import Network, VantageError
from veeamcheck.outcomes import judge_all
from veeamcheck.vantage import Seen, Settings, Vantage
from veeamcheck.verdict import exit_status

__all__ = ["Progress", "Settings", "audit"]


Reach = Callable[[str], AbstractAsyncContextManager[Network]]
"""Gives the network of another host by its name; raises VantageError where it cannot."""

_LOOK_AT_PROGRESS = 0.1
"""Seconds."""
_VANTAGES_AT_ONCE = 16


async def audit(
    inventory: Inventory,
    settings: Settings,
    *,
    plan: Plan | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: asyncio.Event | None = None,
    network: Network | None = None,
    reach: Reach | None = None,
) -> Report:
    """Contact every required port of the flows that start at the vantages, and judge them.

    `plan` spares making it again where the caller has it: expanded for `settings.vantage` and
    selected. Setting `stop` ends the audit early with a complete report of what was done. `network`
    defaults to this machine's sockets; `reach` opens those of `settings.beyond`. Raises nothing
    for what a network does.
    """
    start = datetime.now(UTC)
    if plan is None:
        plan = select(expand(inventory, settings.vantage), settings.selection)
    wanted = {settings.vantage, *settings.beyond}
    names = dict.fromkeys(flow.runs_from for flow in plan.flows if flow.runs_from in wanted)
    seen = {name: Seen() for name in names}
    free = asyncio.Semaphore(_VANTAGES_AT_ONCE)

    async def probe_from(name: str) -> None:
        flows = [flow for flow in plan.flows if flow.runs_from == name]
        async with free, AsyncExitStack() as stack:
            try:
                way = await stack.enter_async_context(
                    _here(network) if name == settings.vantage else _beyond(reach, name)
                )
            except VantageError as error:
                seen[name].unreached = str(error)
                return
            vantage = Vantage(name, inventory, settings, network=way, flows=flows, seen=seen[name])
            await vantage.probe()

    async def probe_all() -> None:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(probe_from(name))

    interrupted = await _until_stopped(probe_all(), stop, _tell(progress, seen, len(plan.flows)))
    judged = judge_all(inventory, plan, seen)
    return Report(
        run=_run_note(inventory, settings, start=start, interrupted=interrupted, seen=seen),
        summary=_summary(judged.outcomes, settings.policy, interrupted),
        warnings=(*plan.warnings, *judged.warnings),
        rules=_rule_notes(inventory, plan.flows),
        pairs=judged.pairs,
        flows=judged.outcomes,
        skipped=plan.skipped,
    )


@asynccontextmanager
async def _here(network: Network | None) -> AsyncIterator[Network]:
    if network is None:
        from veeamcheck.net.system import SystemNetwork

        network = SystemNetwork()
    try:
        yield network
    finally:
        network.close()


def _beyond(reach: Reach | None, name: str) -> AbstractAsyncContextManager[Network]:
    if reach is None:
        raise VantageError("no way in was given")
    return reach(name)


async def _tell(
    progress: Callable[[Progress], None] | None, seen: Mapping[str, Seen], flows: int
) -> None:
    """Tell how far all vantages are together, ten times a second."""
    start = monotonic()
    while progress:
        contacts = sum(each.contacts for each in seen.values())
        done = sum(each.ports_done for each in seen.values())
        total = max(done, sum(each.ports_total for each in seen.values()))
        left = (monotonic() - start) * (total - done) / done if done else None
        progress(Progress(contacts, done, total, flows, left))
        await asyncio.sleep(_LOOK_AT_PROGRESS)


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
        # Not one by one: a cancellation of this audit meanwhile must not be taken for theirs.
        await asyncio.gather(*everything, beside, return_exceptions=True)


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
    seen: Mapping[str, Seen],
) -> RunNote:
    return RunNote(
        start=start.replace(microsecond=0),
        end=datetime.now(UTC).replace(microsecond=0),
        version=__version__,
        phase=inventory.phase,
        vantages=tuple(name for name, each in seen.items() if not each.unreached),
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
