"""What monitoring should be told of a report: one of the four states that all of it knows."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from veeamcheck.diagnosis.advice import Kind
from veeamcheck.diagnosis.causes import Cause
from veeamcheck.model import Report, Verdict


class Health(IntEnum):
    """The numbers are the exit statuses of monitoring plugins."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


def health(report: Report, causes: Sequence[Cause]) -> Health:
    """What was proven comes before what is unknown; `causes` are those of the report.

    CRITICAL: a flow fails, and not only because its vantage is cut off. WARNING: one is degraded.
    UNKNOWN: a vantage is cut off, the run was interrupted, or its own policy calls it unproven.
    """
    cut_off = set(isolated_flows(causes))
    if any(flow.verdict is Verdict.FAIL and flow.id not in cut_off for flow in report.flows):
        return Health.CRITICAL
    if any(flow.verdict is Verdict.DEGRADED for flow in report.flows):
        return Health.WARNING
    # Only the audit knew its policy: what it lets stay unproven, the exit status alone tells.
    return Health.UNKNOWN if cut_off or report.summary.get("exit_status") != 0 else Health.OK


def isolated_flows(causes: Sequence[Cause]) -> dict[str, Cause]:
    """The flows that say nothing about their targets, as their vantage is cut off, by id."""
    return {flow: cause for cause in causes if cause.kind is Kind.ISOLATED for flow in cause.flows}


def isolated_vantages(report: Report, causes: Sequence[Cause]) -> dict[str, Cause]:
    """The vantages that nothing answered, with the finding that says so."""
    flows = isolated_flows(causes)
    return {flow.runs_from: flows[flow.id] for flow in report.flows if flow.id in flows}


def is_complete(report: Report, causes: Sequence[Cause]) -> bool:
    """The run went to its end, and no vantage was cut off."""
    return not report.run.interrupted and not isolated_flows(causes)
