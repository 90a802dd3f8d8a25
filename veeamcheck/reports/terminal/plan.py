"""The plan as a page: every flow by the host that it runs from, and what was skipped and why."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from veeamcheck.model import Flow, Plan
from veeamcheck.reports.terminal.blocks import Entry, heading, paragraph, text_of
from veeamcheck.reports.terminal.rows import flow_rows
from veeamcheck.reports.terminal.skipped import skipped_blocks
from veeamcheck.wording import counted, inert


def plan_blocks(plan: Plan, *, over_ssh: bool = False) -> Iterator[RenderableType]:
    """The page, block by block; `over_ssh`: how the plan's vantage is probed from."""
    by_host: dict[str, list[Flow]] = {}
    for flow in plan.flows:
        by_host.setdefault(flow.runs_from, []).append(flow)
    now = len(by_host.get(plan.vantage or "", ()))
    where = "over SSH" if over_ssh else "this machine"
    yield paragraph(
        ("veeamcheck plan", "bold"),
        f" · {counted(len(plan.flows), 'flow')} from {counted(len(by_host), 'host')}",
        f" · {now:,} from {inert(plan.vantage)} ({where})" if plan.vantage else "",
    )
    for warning in plan.warnings:
        yield Entry(text_of(("!", "yellow")), text_of(inert(warning)), 0, 2)
    # The vantage first: its flows are what `run` would test now.
    for host in sorted(by_host, key=lambda host: host != plan.vantage):
        mark = f" ({where})" if host == plan.vantage else ""
        yield from heading(f"From {inert(host)}{mark}: {counted(len(by_host[host]), 'flow')}")
        yield from flow_rows(by_host[host])
    yield from skipped_blocks(plan.skipped)
