"""After the probing: the paths to what is blocked are followed, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from veeamcheck.auditing.outcomes import judge_all
from veeamcheck.auditing.seen import Seen
from veeamcheck.model import Inventory, Plan, Trace
from veeamcheck.net.hops import why_not
from veeamcheck.tracing.audited import to_trace
from veeamcheck.tracing.follow import trace_port
from veeamcheck.tracing.place import Asked

Tracer = Callable[[Asked], Awaitable[Trace]]
"""Follows one path."""

MOST_TRACES = 32
_SECONDS = 240.0


async def follow_up(
    inventory: Inventory,
    plan: Plan,
    vantage: str | None,
    seen: Mapping[str, Seen],
    tracer: Tracer | None = None,
) -> None:
    """Add traces to what the vantages have seen; may be cancelled at any time.

    Paths are traced from `vantage`, this machine, alone. They are asked one after the other,
    because they share routers that send one answer a second; what is left out is said.
    """
    for name, each in seen.items():
        if name != vantage and not each.unreached and not each.only_home:
            each.missing_evidence += (f"{name}: paths can only be traced from this machine",)
    if vantage is None or vantage not in seen:
        return
    own = seen[vantage]
    cannot = why_not() if tracer is None else None
    if cannot:
        own.missing_evidence += (f"no path was traced: {cannot}",)
        return
    outcomes = [
        each for each in judge_all(inventory, plan, seen).outcomes if each.runs_from == vantage
    ]
    wanted = to_trace(outcomes, own.accepts_all)
    own.ports_total += min(len(wanted), MOST_TRACES)
    done = 0
    try:
        async with asyncio.timeout(_SECONDS):
            for asked in wanted[:MOST_TRACES]:
                own.traces.append(await (tracer or _trace)(asked))
                own.ports_folded += 1
                done += 1
    except TimeoutError:
        pass
    if done < len(wanted):
        left = len(wanted) - done
        own.missing_evidence += (
            f"paths are traced for at most {_SECONDS / 60:.0f} minutes and {MOST_TRACES} runs of "
            f"ports: {left:,} were not traced",
        )


async def _trace(asked: Asked) -> Trace:
    candidates = () if asked.compared_with is None else (asked.compared_with,)
    return await trace_port(asked.address, asked.transport, asked.port, candidates)
