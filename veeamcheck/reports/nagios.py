"""The output of a monitoring plugin, for Nagios, Icinga, Checkmk and their relatives.

One line with the state, what the report comes to and performance data; then the causes, worst
first, and the waivers. The state goes with an exit status, which `health` gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from veeamcheck.diagnosis.causes import Cause, find_causes
from veeamcheck.diagnosis.health import Health, health, isolated_vantages
from veeamcheck.model import Report, Verdict
from veeamcheck.reports._words import SIGNS, conclusion
from veeamcheck.wording import counted, inert, listed

_MOST = 20
"""So many causes and waivers are told: some monitoring systems read no more than 4 KB."""
_RANGES = {Verdict.DEGRADED: "0;", Verdict.FAIL: ";0"}
"""The most that is no warning, and the most that is not critical."""


def render(report: Report) -> str:
    """The plugin's output."""
    causes = find_causes(report)
    line = _status_line(health(report, causes), _result(report, causes))
    return "\n".join([f"{line} | {_performance(report)}", *_details(report, causes)])


def render_unknown(message: str) -> str:
    """The plugin's output where there is no report, and why."""
    first, *more = message.splitlines() or [""]
    return "\n".join([_status_line(Health.UNKNOWN, first), *map(_plain, more)])


def _status_line(state: Health, text: str) -> str:
    return f"VEEAMCHECK {state.name}: {_plain(text)}"


def _plain(text: str) -> str:
    """One line, without the sign after which performance data is read."""
    return inert(text).replace("|", "/")


def _result(report: Report, causes: Sequence[Cause]) -> str:
    """One sentence; where a vantage is cut off that one, as its flows say nothing then."""
    isolated = isolated_vantages(report, causes)
    if not isolated:
        return conclusion(report)[1]
    return f"incomplete: nothing answers {listed(isolated)}. {conclusion(report)[1]}"


def _performance(report: Report) -> str:
    counts = [
        f"{verdict}={report.summary.get(verdict, 0)};{_RANGES.get(verdict, ';')};0"
        for verdict in SIGNS
    ]
    seconds = max((report.run.end - report.run.start).total_seconds(), 0.0)
    return " ".join([*counts, f"duration={seconds:.1f}s;;;0"])


def _details(report: Report, causes: Sequence[Cause]) -> Iterator[str]:
    for cause in causes[:_MOST]:
        yield _plain(f"{cause.verdict}: {cause.title} ({counted(len(cause.flows), 'flow')})")
    if len(causes) > _MOST:
        yield f"and {counted(len(causes) - _MOST, 'more cause')}"
    waived = [flow for flow in report.flows if flow.waived]
    for flow in waived[:_MOST]:
        if flow.waived:
            until = f" until {flow.waived.until}" if flow.waived.until else ""
            yield _plain(f"waived{until}: {flow.id} ({flow.waived.verdict}): {flow.waived.reason}")
    if len(waived) > _MOST:
        yield f"and {len(waived) - _MOST:,} more waived"
