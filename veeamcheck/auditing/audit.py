"""The one place where it comes together: inventory + rules + network -> report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from time import monotonic

from veeamcheck.auditing.conclusion import conclude
from veeamcheck.auditing.follow_up import Tracer, follow_up
from veeamcheck.auditing.seen import Seen
from veeamcheck.auditing.settings import Settings
from veeamcheck.auditing.vantage import Vantage
from veeamcheck.expand import expand, select
from veeamcheck.model import Inventory, Plan, Progress, Report, Transport
from veeamcheck.net.interface import Network, VantageError
from veeamcheck.ports import PortSet

Reach = Callable[[str], AbstractAsyncContextManager[Network]]
"""Gives the network of another host by its name; raises VantageError where it cannot.

It cancels what is done with that network, and raises VantageError, where the way there is lost.
"""

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
    tracer: Tracer | None = None,
) -> Report:
    """Contact every required port of the flows that start at the vantages, and judge them.

    `plan` spares making it again where the caller has it: expanded for `settings.vantage` and
    selected. Setting `stop` ends the audit early with a complete report of what was done. `network`
    defaults to this machine's sockets; `reach` opens those of `settings.beyond`; `tracer` follows
    a path, by default from this machine. Raises nothing for what a network does.
    """
    start = datetime.now(UTC)
    if plan is None:
        plan = select(expand(inventory, settings.vantage), settings.selection)
    wanted = {settings.vantage, *settings.beyond}
    names = dict.fromkeys(flow.runs_from for flow in plan.flows if flow.runs_from in wanted)
    seen = {name: Seen() for name in names}
    homes = _to_ask_at_home(settings, plan, besides=names)
    seen |= {name: Seen(only_home=True) for name in homes}
    free = asyncio.Semaphore(_VANTAGES_AT_ONCE)

    async def probe_from(name: str, into: Seen) -> None:
        flows = [flow for flow in plan.flows if flow.runs_from == name]
        async with free:
            try:
                opening = _here(network) if name == settings.vantage else _beyond(reach, name)
                async with opening as way:
                    vantage = Vantage(
                        name,
                        inventory,
                        settings,
                        network=way,
                        flows=flows,
                        seen=into,
                        home=_tcp_ports(plan, name),
                    )
                    await vantage.probe()
            except VantageError as error:
                into.unreached = str(error)

    async def ask_again_at_home(name: str) -> None:
        """What proves a block is a listener that was up before and after the probes."""
        now = Seen(only_home=True)
        first, seen[name].listening = seen[name].listening, {}
        await probe_from(name, now)
        for place in first.keys() & now.listening.keys():
            seen[name].listening[place] = first[place] & now.listening[place]

    async def probe_all() -> None:
        async with asyncio.TaskGroup() as group:
            for name, each in seen.items():
                group.create_task(probe_from(name, each))
        async with asyncio.TaskGroup() as group:
            for name in homes:
                if seen[name].listening:
                    group.create_task(ask_again_at_home(name))
        if settings.trace:
            await follow_up(inventory, plan, settings.vantage, seen, tracer)

    interrupted = await _until_stopped(probe_all(), stop, _tell(progress, seen, len(plan.flows)))
    return conclude(inventory, plan, settings, seen, start=start, interrupted=interrupted)


def _to_ask_at_home(settings: Settings, plan: Plan, besides: Container[str]) -> tuple[str, ...]:
    """The hosts where no flow starts, but which can say whether our listener is up on them.

    A repository is mostly a target alone: without its word, what a firewall drops on all ports
    could not be told from ports that are idle.
    """
    if not settings.key or settings.checks != "service":
        return ()
    return tuple(name for name in settings.beyond if name not in besides and _tcp_ports(plan, name))


def _tcp_ports(plan: Plan, target: str) -> PortSet:
    """What the plan needs of `target`."""
    return PortSet.of_runs(
        run
        for flow in plan.flows
        if flow.target == target and flow.transport is Transport.TCP
        for ports in (flow.ports, flow.failover_ports or PortSet())
        for run in ports.runs
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
