"""Changes in words: one line each, plain text that a log, a mail or a chat can take."""

from __future__ import annotations

from datetime import datetime

from veeamcheck.diagnosis.causes import find_causes
from veeamcheck.diagnosis.words import counted, listed
from veeamcheck.diff import Change, Kind, Standing
from veeamcheck.model import Report
from veeamcheck.reports._words import inert
from veeamcheck.watching import News, Turn

_MANY = 3
"""So many flows that got worse for one cause are one line."""

_TURNS = {
    Turn.FLAPPING: "its verdict comes and goes; its changes are told again when it is steady",
    Turn.STEADY: "its verdict no longer comes and goes",
}


def news_lines(news: News, report: Report) -> list[str]:
    """What is new, a line each; many flows that got worse for one cause are told together."""
    lines = []
    worse = {change.flow for change in news.changes if change.worse}
    for cause in find_causes(report):
        flows = [flow for flow in cause.flows if flow in worse]
        if len(flows) >= _MANY:
            worse -= set(flows)
            which = f"{counted(len(flows), 'flow')}: {listed(flows)}"
            lines.append(_line(cause.verdict, cause.title, which))
    together = {change.flow for change in news.changes if change.worse} - worse
    lines += [change_line(change) for change in news.changes if change.flow not in together]
    lines += [_line(turn, flow, _TURNS[turn]) for flow, turn in news.turns.items()]
    return lines


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


def _line(word: str, subject: str, text: str) -> str:
    return f"{word:<9} {inert(subject)}: {text}"
