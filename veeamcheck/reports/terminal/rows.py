"""Flows that have no verdict yet, one a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from veeamcheck.model import Flow
from veeamcheck.reports._words import needs
from veeamcheck.reports.terminal.blocks import Entry, text_of
from veeamcheck.wording import inert

_WIDEST_ENDS = 36


def flow_rows(flows: Sequence[Flow]) -> Iterator[RenderableType]:
    """One row a flow: its ends, what it needs, its rule."""
    labels = [text_of(f"{inert(flow.source)} → {inert(flow.target)}") for flow in flows]
    column = min(max(label.cell_len for label in labels), _WIDEST_ENDS) + 2
    ports = max(len(needs(flow)) for flow in flows)
    for label, flow in zip(labels, flows, strict=True):
        body = text_of(f"{needs(flow):<{ports}}  ", (inert(flow.rule), "dim"))
        yield Entry(label, body, 2, column)
