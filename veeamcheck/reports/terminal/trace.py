"""Traces as a page: a row a hop, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from veeamcheck.model import HopAnswer, Place, Signal, Trace, TraceRow
from veeamcheck.reports.terminal.blocks import paragraph
from veeamcheck.tracing.lane import MOST
from veeamcheck.wording import counted, inert

_STYLES = {Place.ANSWERS: "green", Place.UNDECIDED: "bold cyan"}


def trace_blocks(traces: Sequence[Trace]) -> Iterator[RenderableType]:
    """The page, block by block."""
    for number, trace in enumerate(traces):
        if number:
            yield Text()
        yield from _trace(trace)


def _trace(trace: Trace) -> Iterator[RenderableType]:
    name = f"{trace.transport.upper()} {trace.port}"
    heads = ["hop", name]
    if trace.compared_with is not None:
        heads.append(f"TCP {trace.compared_with}")
    yield paragraph(("veeamcheck trace", "bold"), f" · {inert(trace.address)} · {name}")
    yield Text()
    rows = [heads, *(_cells(row)[: len(heads)] for row in trace.rows)]
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(heads))]
    for index, (hop, *cells) in enumerate(rows):
        line = "  ".join(
            [
                f"{hop:>{widths[0]}}",
                *(cell.ljust(width) for cell, width in zip(cells, widths[1:], strict=True)),
            ]
        )
        yield paragraph((line.rstrip(), "" if index else "bold"))
    yield Text()
    yield paragraph((f"{trace.place}: ", _STYLES.get(trace.place, "bold red")), inert(trace.reason))


def _cells(row: TraceRow) -> list[str]:
    hop = str(row.ttl) if row.ttl <= MOST else "all"
    return [hop, _answer(row.port), _answer(row.compared)]


def _answer(answer: HopAnswer | None) -> str:
    """What came back for one hop; empty where that was not asked."""
    if answer is None:
        return ""
    words = [inert(router) for router in answer.routers]
    if answer.signal is Signal.SILENT:
        words.append(f"no answer to {counted(answer.asked, 'packet')}")
    elif answer.signal:
        words.append(f"{answer.signal}{f' by {inert(answer.by)}' if answer.by else ''}")
    rtt = f"  {answer.rtt_ms:.1f} ms" if answer.rtt_ms is not None else ""
    return ", ".join(words) + rtt
