"""Changes in words: one line each, plain text that a log, a mail or a chat can take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from veeamcheck.diagnosis.causes import Cause, find_causes
from veeamcheck.diff import Change, Kind, Standing
from veeamcheck.model import Report, Verdict
from veeamcheck.watching import News, Turn
from veeamcheck.wording import counted, inert, listed

_MANY = 3
"""So many flows of which the same is to be told are one line."""

_TURNS = {
    Turn.FLAPPING: "the verdict comes and goes; changes are told again when it is steady",
    Turn.STEADY: "the verdict no longer comes and goes",
}


def news_lines(news: News, report: Report) -> list[str]:
    """What is new, a line each; many flows with one cause, or one fate, are told together."""
    causes = {flow: cause for cause in find_causes(report) for flow in cause.flows}
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in news.changes:
        groups.setdefault(_shared(change, causes.get(change.flow)), []).append(change)
    lines = []
    for (word, what), changes in groups.items():
        if len(changes) < _MANY:
            lines += [change_line(change) for change in changes]
        else:
            lines.append(_together(word, what, [change.flow for change in changes]))
    for turn in Turn:
        flows = [flow for flow, its in news.turns.items() if its is turn]
        if len(flows) < _MANY:
            lines += [_line(turn, flow, _TURNS[turn]) for flow in flows]
        else:
            lines.append(_together(turn, _TURNS[turn], flows))
    return lines


def _shared(change: Change, cause: Cause | None) -> tuple[str, str]:
    """What is told of a change and of those that are told with it: a word, and a text."""
    if change.worse and cause:
        return cause.verdict, cause.title
    if change.kind is Kind.UNTESTED and change.new:
        return change.kind, change.new.reason
    if change.kind is Kind.TESTED and change.new:
        return change.kind, f"judged now, {change.new.verdict} ({_before(change.old)})"
    if change.kind is Kind.FIXED:
        return change.kind, f"pass now (was {_word(change.old)})"
    return change.kind, change.flow  # which nothing shares


def change_line(change: Change) -> str:
    """``failed    FLOW: why (was pass)``."""
    return _line(change.kind, change.flow, what_changed(change))


def what_changed(change: Change) -> str:
    """Where the flow stands now, and where it stood."""
    old, new = change.old, change.new
    if new is None:
        return f"was {_word(old)}"
    if old is None:
        return f"{_word(new)}: {inert(new.reason)}"
    if change.kind is Kind.TESTED:
        return f"{_word(new)}: {inert(new.reason)} ({_before(old)})"
    was = old.reason_code if old.verdict is new.verdict else _word(old)
    if change.kind in (Kind.FAILED, Kind.FIXED, Kind.UNTESTED):
        return f"{inert(new.reason)} (was {was})"
    return f"{_word(new)}: {inert(new.reason)} (was {was})"


def time_text(time: datetime) -> str:
    """In this machine's time: ``2026-11-22 10:00``."""
    return f"{time.astimezone():%Y-%m-%d %H:%M}"


def _word(standing: Standing | None) -> str:
    if standing is None:
        return "never told"
    return f"{standing.verdict}, {standing.reason_code}"


def _before(old: Standing | None) -> str:
    """How a flow that is judged now stood before: as it does, or nobody can tell."""
    return "as before" if old and old.verdict is not Verdict.UNTESTED else "was not tested"


def _together(word: str, what: str, flows: Sequence[str]) -> str:
    return _line(word, what, f"{counted(len(flows), 'flow')}: {listed(flows)}")


def _line(word: str, subject: str, text: str) -> str:
    return f"{word:<9} {inert(subject)}: {text}"
