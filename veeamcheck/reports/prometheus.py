"""Prometheus metrics, for the node exporter's textfile collector.

Every label has a bounded set of values: hosts of the inventory, rules of the rule set, and words
of this program. A series that ends (a flow that passes again) goes with the next file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from veeamcheck.diagnosis.advice import Kind
from veeamcheck.diagnosis.causes import find_causes
from veeamcheck.diagnosis.health import health, is_complete, isolated_vantages
from veeamcheck.model import Outcome, Report, Verdict
from veeamcheck.wording import inert

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

Labels = tuple[str, ...]
Sample = tuple[Labels, float]


class Metric(NamedTuple):
    """A gauge; the name ends in its unit."""

    help: str
    labels: Labels = ()


_FLOW = ("rule", "source", "target", "vantage")

METRICS = {
    "last_run_timestamp_seconds": Metric("When the last run ended, in seconds since 1970."),
    "last_run_duration_seconds": Metric("How long the last run took."),
    "last_run_state": Metric("0 ok, 1 warning, 2 critical, 3 unknown: as `-o nagios` exits."),
    "last_run_complete": Metric("0 if the run was interrupted or a vantage was cut off."),
    "last_run_info": Metric("What was run.", ("version", "inventory", "phase")),
    "rule_set_info": Metric(
        "Which document was applied.", ("rule_set", "product_version", "revision")
    ),
    "warnings": Metric("Warnings about the inventory or the run."),
    "flows": Metric("Flows with this verdict.", ("verdict",)),
    "findings": Metric("Causes of trouble of this kind.", ("kind",)),
    "vantage_isolated": Metric("1 if nothing at all answered this vantage.", ("vantage",)),
    "flow_verdict": Metric(
        "Always 1; the verdict of a flow is in the labels.", (*_FLOW, "verdict", "reason_code")
    ),
    "flow_round_trip_seconds": Metric("Shortest round trip to the flow's target.", _FLOW),
    "flow_ntp_offset_seconds": Metric(
        "The time server's clock less this one's; of several addresses the largest.", _FLOW
    ),
    "flow_ntp_stratum": Metric(
        "The time server's distance from a reference clock; of several the largest.", _FLOW
    ),
    "flow_waived": Metric(
        "Always 1; the verdict that a waiver replaced is in the labels.", (*_FLOW, "verdict")
    ),
    "flow_waiver_expiry_timestamp_seconds": Metric(
        "When a waiver ends (UTC), in seconds since 1970; not there if it never does.", _FLOW
    ),
}
"""Every metric by its name, without the ``veeamcheck_`` that they all begin with."""


def render(report: Report) -> str:
    """The report as text exposition."""
    from prometheus_client.core import CollectorRegistry
    from prometheus_client.exposition import generate_latest

    registry = CollectorRegistry()
    registry.register(_Collector(report))
    return generate_latest(registry).decode()


class _Collector:
    """What the library asks for all metrics at once."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def collect(self) -> Iterator[GaugeMetricFamily]:
        from prometheus_client.core import GaugeMetricFamily

        # The same labels twice, and the whole file is refused.
        samples: dict[str, dict[Labels, float]] = {name: {} for name in METRICS}
        for name, labels, value in _samples(self._report):
            samples[name][tuple(map(inert, labels))] = value
        for name, metric in METRICS.items():
            family = GaugeMetricFamily(f"veeamcheck_{name}", metric.help, labels=metric.labels)
            for labels, value in samples[name].items():
                family.add_metric(labels, value)
            yield family


def _samples(report: Report) -> Iterator[tuple[str, Labels, float]]:
    run = report.run
    causes = find_causes(report)
    yield "last_run_timestamp_seconds", (), run.end.replace(microsecond=0).timestamp()
    yield "last_run_duration_seconds", (), (run.end - run.start).total_seconds()
    yield "last_run_state", (), health(report, causes)
    yield "last_run_complete", (), is_complete(report, causes)
    yield "last_run_info", (run.version, run.inventory, run.phase), 1
    for note in run.rule_sets:
        yield "rule_set_info", (note.id, note.product_version, note.revision), 1
    yield "warnings", (), len(report.warnings)
    for verdict in Verdict:
        yield "flows", (verdict,), sum(flow.verdict is verdict for flow in report.flows)
    for kind in Kind:
        yield "findings", (kind,), sum(cause.kind is kind for cause in causes)
    isolated = isolated_vantages(report, causes)
    for vantage in dict.fromkeys((*run.vantages, *isolated)):
        yield "vantage_isolated", (vantage,), vantage in isolated
    for flow in report.flows:
        labels = (flow.rule, flow.source, flow.target, flow.runs_from)
        for name, more, value in _flow_samples(flow):
            yield name, (*labels, *more), value


def _flow_samples(flow: Outcome) -> Iterator[tuple[str, Labels, float]]:
    yield "flow_verdict", (flow.verdict, flow.reason_code), 1
    trips = list(filter(_is_number, (row.rtt_ms for row in flow.evidence)))
    if trips:
        yield "flow_round_trip_seconds", (), _seconds(min(trips))
    if flow.service == "ntp":
        offsets = list(_details(flow, "offset_ms"))
        if offsets:
            yield "flow_ntp_offset_seconds", (), _seconds(max(offsets, key=abs))
        strata = list(_details(flow, "stratum"))
        if strata:
            yield "flow_ntp_stratum", (), max(strata)
    if flow.waived:
        yield "flow_waived", (flow.waived.verdict,), 1
        if flow.waived.until:
            after = flow.waived.until + timedelta(days=1)  # `until` is its last day
            expiry = datetime.combine(after, time(), UTC).timestamp()
            yield "flow_waiver_expiry_timestamp_seconds", (), expiry


def _details(flow: Outcome, key: str) -> Iterable[float]:
    """The numbers that the evidence has of this fact."""
    return filter(_is_number, ((row.detail or {}).get(key) for row in flow.evidence))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _seconds(milliseconds: float) -> float:
    return round(milliseconds / 1000, 9)  # to nanoseconds: a division's noise is no measurement
