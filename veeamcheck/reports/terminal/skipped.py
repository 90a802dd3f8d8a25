"""What the matrix does not ask of this inventory, folded by the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import RenderableType

from veeamcheck.model import Skipped
from veeamcheck.reports.terminal.blocks import heading, paragraph
from veeamcheck.wording import inert


def skipped_blocks(skipped: Iterable[Skipped]) -> Iterator[RenderableType]:
    """A section with each reason once and what it holds for; nothing if nothing was skipped."""
    by_reason: dict[str, dict[str, list[str]]] = {}
    for each in skipped:
        pairs = by_reason.setdefault(each.reason, {}).setdefault(each.rule, [])
        if each.source or each.target:
            pairs.append(f"{inert(each.source or '*')} → {inert(each.target or '*')}")
    if not by_reason:
        return
    yield from heading("Skipped: not needed here")
    for reason, rules in by_reason.items():
        yield paragraph(inert(reason), indent=2)
        for rule, pairs in rules.items():
            where = f"  {', '.join(pairs)}" if pairs else ""
            yield paragraph((f"{inert(rule)}{where}", "dim"), indent=4)
