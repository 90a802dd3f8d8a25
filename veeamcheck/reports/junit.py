"""JUnit XML, for build servers: a suite for every source and destination, a test for every flow.

A failed flow is a failure, an unproven one an error; what was not tested or is waived is skipped.
A degraded flow passes, as in the audit, and says so in its output. A vantage that is cut off is
one error: its flows, which say nothing about their targets then, are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import NamedTuple

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from veeamcheck.diagnosis.causes import Cause, find_causes
from veeamcheck.diagnosis.health import isolated_flows, isolated_vantages
from veeamcheck.model import Outcome, Report, RuleNote, RunNote, Verdict
from veeamcheck.reports._words import in_full, needs
from veeamcheck.wording import inert


def render(report: Report) -> str:
    """The report as XML text."""
    root = JUnitXml("veeamcheck")
    for suite in _suites(report):
        suite.update_statistics()
        # Not `add_testsuite`, which compares each with all before it.
        root.append(suite)
    root.tests = sum(suite.tests for suite in root)
    root.failures = sum(suite.failures for suite in root)
    root.errors = sum(suite.errors for suite in root)
    file = BytesIO()
    root.write(file, pretty=True)
    return file.getvalue().decode()


def _suites(report: Report) -> Iterator[TestSuite]:
    causes = find_causes(report)
    for vantage, cause in isolated_vantages(report, causes).items():
        case = TestCase("isolated", classname=inert(vantage), time=0)
        error = Error(inert(cause.title), "isolated")
        error.text = _lines(cause.what)
        case.result = error
        yield _suite(vantage, vantage, [case], report.run)
    known = _Known(
        {(rule.rule_set, rule.id): rule for rule in report.rules}, isolated_flows(causes)
    )
    pairs: dict[tuple[str, str], list[Outcome]] = {}
    for flow in report.flows:
        pairs.setdefault((flow.source, flow.target), []).append(flow)
    for (source, target), flows in pairs.items():
        name = f"{source} → {target}"
        yield _suite(name, source, [_case(flow, name, known) for flow in flows], report.run)


def _suite(name: str, host: str, cases: Iterable[TestCase], run: RunNote) -> TestSuite:
    suite = TestSuite(inert(name))
    suite.hostname = inert(host)
    suite.timestamp = run.start.replace(microsecond=0, tzinfo=None).isoformat()
    suite.add_testcases(list(cases))
    return suite


class _Known(NamedTuple):
    rules: dict[tuple[str, str], RuleNote]
    isolated: dict[str, Cause]


def _case(flow: Outcome, suite: str, known: _Known) -> TestCase:
    trips = [row.rtt_ms for row in flow.evidence if row.rtt_ms is not None]
    case = TestCase(
        f"{inert(flow.rule)} {needs(flow)}",
        classname=inert(suite),
        time=round(max(trips, default=0) / 1000, 3),
    )
    text = _lines(_about(flow, known.rules.get((flow.rule_set, flow.rule))))
    result = _result(flow, known.isolated.get(flow.id))
    if result:
        result.text = text
        case.result = result
    elif flow.verdict is Verdict.DEGRADED:
        case.system_out = f"degraded: {inert(flow.reason)}\n{text}"
    return case


def _result(flow: Outcome, isolated: Cause | None) -> Error | Failure | Skipped | None:
    """What the test is but passed."""
    reason = inert(flow.reason)
    if isolated:
        return Skipped(f"not judged: {inert(isolated.title)}", "isolated")
    if flow.waived:
        until = f" until {flow.waived.until}" if flow.waived.until else ""
        why = f"waived{until}: {inert(flow.waived.reason)}"
        return Skipped(f"{why} ({flow.waived.verdict}: {reason})", "waived")
    match flow.verdict:
        case Verdict.FAIL:
            return Failure(reason, flow.reason_code)
        case Verdict.UNPROVEN:
            return Error(reason, flow.reason_code)
        case Verdict.UNTESTED:
            return Skipped(reason, flow.reason_code)
    return None


def _about(flow: Outcome, rule: RuleNote | None) -> Iterator[str]:
    """What a reader of the result needs to go on."""
    yield f"flow: {flow.id}"
    yield f"verdict: {flow.verdict} ({flow.reason_code})"
    yield f"tested from: {flow.runs_from}"
    for row in flow.evidence:
        yield f"seen: {in_full(row, flow)}"
    if rule:
        yield f"for: {rule.purpose}"
        yield f"breaks: {rule.breaks}"
        yield f"document: {rule.document}, {rule.section}, row {rule.row}"


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(map(inert, texts))
