"""An explanation as a page: what was found, what it means, what breaks, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.text import Text

from veeamcheck.diagnosis.explanation import About, Explanation, Finding, Meaning, RuleFact
from veeamcheck.model import Flow
from veeamcheck.reports._words import ends, needs
from veeamcheck.reports.terminal.blocks import Entry, Page, heading, labelled, paragraph, text_of
from veeamcheck.wording import counted, inert, listed

T = TypeVar("T")

_MOST_FINDINGS = 12
_MOST_FLOWS = 8
_MOST_RULES = 8
_MOST_STEPS = 4
_WIDEST_EXCERPT = 300
_COLUMN = 9


def print_explanation(explanation: Explanation, console: Console, *, verbose: bool = False) -> None:
    """Print it as wide and colourful as the console is; `verbose` leaves nothing out."""
    page = _ExplanationPage(
        explanation,
        {each.id: each for each in explanation.meanings},
        {fact.id: fact for fact in explanation.rules},
        {flow.id: flow for flow in explanation.flows},
        verbose,
    )
    console.print(Page(page.blocks()), end="")


@dataclass(frozen=True, slots=True)
class _ExplanationPage:
    explanation: Explanation
    meanings: Mapping[str, Meaning]
    rules: Mapping[str, RuleFact]
    flows: Mapping[str, Flow]
    verbose: bool

    def blocks(self) -> Iterator[RenderableType]:
        explanation = self.explanation
        yield from self._head()
        if explanation.about is About.WORD:
            for meaning in explanation.meanings:
                yield Text()
                yield paragraph((inert(meaning.id), "bold"), f", {meaning.title}")
                yield from _meaning(meaning)
        explained: set[str] = set()
        shown = self._some(explanation.findings, _MOST_FINDINGS)
        for number, finding in enumerate(shown, 1):
            yield Text()
            yield Entry(
                text_of((f"{number}", "bold")) if len(shown) > 1 else Text(),
                text_of((inert(finding.title), "bold")),
                0,
                3 if len(shown) > 1 else 0,
            )
            yield from self._finding(finding, explained)
        yield from _more(len(explanation.findings) - len(shown), "finding")
        yield from self._rules()
        yield from self._documents()

    def _head(self) -> Iterator[RenderableType]:
        explanation, log = self.explanation, self.explanation.log
        about = inert(log.name) if log else explanation.about
        size = f" · {counted(log.lines, 'line')}" if log else ""
        file = f" · {inert(explanation.inventory)}" if explanation.inventory else ""
        yield paragraph(("veeamcheck explain", "bold"), f" · {about}{size}{file}")
        notes = list(explanation.notes)
        if log and log.cut_lines:
            notes.append(f"Of {counted(log.cut_lines, 'line')} only the beginning was read.")
        if log and log.left_out:
            notes.append(
                f"{counted(log.left_out, 'further message')}, each different from those below, "
                f"{'is' if log.left_out == 1 else 'are'} not explained."
            )
        if log and log.ended_early:
            notes.append(f"Reading stopped after line {log.lines:,}: the text is too large.")
        for note in notes:
            yield Entry(text_of(("!", "yellow")), text_of(inert(note)), 0, 2)

    def _finding(self, finding: Finding, explained: set[str]) -> Iterator[RenderableType]:
        if finding.lines:
            lines = finding.lines
            times = "" if lines.count == 1 else f", {lines.count:,} times to line {lines.last:,}"
            excerpt = inert(lines.excerpt[:_WIDEST_EXCERPT])
            yield labelled(f"line {lines.first}", f"{excerpt}", (times, "dim"), **_AT)
        for meaning in (self.meanings[each] for each in finding.meanings):
            if meaning.id in explained:
                yield labelled("means", f"as above: {meaning.title}", **_AT)
            else:
                explained.add(meaning.id)
                yield from _meaning(meaning)
        for named in finding.named:
            if named.hosts:
                same = "" if named.hosts == (named.text,) else f" is {listed(named.hosts, 8)}"
                roles = f"  {listed(named.roles, 8)}", "dim"
                yield labelled("host", inert(f"{named.text}{same}"), roles, **_AT)
        yield from self._flows(finding)
        yield from self._breaks(finding)
        for note in finding.notes:
            yield labelled("note", inert(note), **_AT)
        yield from self._steps(finding)

    def _flows(self, finding: Finding) -> Iterator[RenderableType]:
        shown = self._some(finding.flows, _MOST_FLOWS)
        for number, flow in enumerate(self.flows[each] for each in shown):
            yield labelled(
                "" if number else "flow" if len(finding.flows) == 1 else "flows",
                f"{ends(flow)}  {needs(flow)}  ",
                (inert(flow.rule), "dim"),
                **_AT,
            )
        yield from _more(len(finding.flows) - len(shown), "flow", _AT["column"] + _AT["indent"])

    def _breaks(self, finding: Finding) -> Iterator[RenderableType]:
        if not finding.flows:  # then the rules below say it, each for itself
            return
        texts = list(dict.fromkeys(self.rules[rule].breaks for rule in finding.rules))
        shown = self._some(texts, _MOST_RULES)
        for number, text in enumerate(shown):
            yield labelled("" if number else "breaks", inert(text), **_AT)
        yield from _more(len(texts) - len(shown), "consequence", _AT["column"] + _AT["indent"])

    def _steps(self, finding: Finding) -> Iterator[RenderableType]:
        shown = self._some(finding.steps, _MOST_STEPS)
        for number, step in enumerate(shown):
            where = f"on {inert(step.host)}: " if step.host else ""
            command = inert(step.command), "bold green"
            yield labelled("" if number else "next", where, command, **_AT)
        yield from _more(len(finding.steps) - len(shown), "host", _AT["column"] + _AT["indent"])

    def _rules(self) -> Iterator[RenderableType]:
        if not self.rules:
            return
        yield from heading(f"The rules ({len(self.rules)})")
        for fact in self.rules.values():
            body = text_of(
                f"{inert(fact.source)} → {inert(fact.target)}  {needs(fact)}",
                (f"  {inert(fact.section)}, row {fact.row}", "dim"),
            )
            yield Entry(text_of((inert(fact.id), "bold")), body, 2, 4)
            yield paragraph((inert(fact.purpose), "dim"), indent=6)
            if not self.flows:
                yield paragraph((f"Without it: {inert(fact.breaks)}", "dim"), indent=6)

    def _documents(self) -> Iterator[RenderableType]:
        for number, document in enumerate(dict.fromkeys(f.document for f in self.rules.values())):
            if not number:
                yield Text()
            yield labelled("page", inert(document), indent=0, column=_COLUMN)
        others: dict[str, list[str]] = {}
        for note in self.explanation.not_covered if self.explanation.about is About.LOG else ():
            others.setdefault(note.where, []).append(note.what)
        for where, whats in others.items():
            yield Text()
            yield paragraph("The line can also be about what the rules leave to another page:")
            for what in whats:
                yield paragraph(inert(what), indent=2)
            yield paragraph((inert(where), "dim"), indent=2)

    def _some(self, items: Sequence[T], most: int) -> Sequence[T]:
        return items if self.verbose else items[:most]


_AT = {"indent": 3, "column": _COLUMN}


def _meaning(meaning: Meaning) -> Iterator[RenderableType]:
    signals = f" veeamcheck: {listed(meaning.signals)}." if meaning.signals else ""
    yield labelled("means", meaning.means, (signals, "dim"), **_AT)
    if meaning.unsure:
        yield labelled("unsure", meaning.unsure, **_AT)
    if meaning.who:
        yield labelled("who", listed(meaning.who), **_AT)
    if meaning.check:
        yield labelled("check", meaning.check, **_AT)


def _more(count: int, noun: str, indent: int = 0) -> Iterator[RenderableType]:
    if count > 0:
        yield paragraph((f"and {counted(count, noun)} more (--verbose)", "dim"), indent=indent)
