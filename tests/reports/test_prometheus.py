"""Metrics: read by the library's own parser and checked by promtool."""

import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.programs import required
from tests.reports.golden import assert_golden
from tests.samples import SAMPLES, everything, flow, isolated, report, run_note, seen
from veeamcheck.model import Evidence, ReasonCode, Report, Signal, Transport, Verdict, Waived
from veeamcheck.reports.prometheus import METRICS, render
from veeamcheck.wording import inert

Samples = dict[tuple[str, tuple[str, ...]], float]
"""Values by metric and the labels' values, in the order of METRICS."""


def samples(made: Report) -> Samples:
    """As a Prometheus server reads them."""
    found: Samples = {}
    for family in text_string_to_metric_families(render(made)):
        name = family.name.removeprefix("veeamcheck_")
        assert (family.type, family.documentation) == ("gauge", METRICS[name].help)
        for sample in family.samples:
            assert sample.name == family.name
            assert sample.timestamp is None  # the textfile collector refuses files with them
            assert sample.labels.keys() == set(METRICS[name].labels)
            key = name, tuple(sample.labels[label] for label in METRICS[name].labels)
            assert key not in found
            found[key] = sample.value
    return found


def test_every_verdict() -> None:
    assert_golden("everything.prom", render(everything()))


@pytest.mark.parametrize("sample", SAMPLES)
def test_promtool_has_nothing_to_say(sample: str) -> None:
    checked = subprocess.run(
        [required("promtool"), "check", "metrics"],
        input=render(SAMPLES[sample]()).encode(),
        capture_output=True,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_flow_has_its_verdict_once(sample: str) -> None:
    made = SAMPLES[sample]()
    found = {key for key in samples(made) if key[0] == "flow_verdict"}
    assert found == {
        (
            "flow_verdict",
            tuple(
                map(
                    inert,
                    (each.rule, each.source, each.target, each.runs_from,
                     each.verdict, each.reason_code),
                )
            ),
        )
        for each in made.flows
    }  # fmt: skip


def test_counts_are_there_also_where_they_are_zero() -> None:
    found = samples(report([]))
    for verdict in Verdict:
        assert found["flows", (verdict,)] == 0


def test_when_and_how_the_last_run_went() -> None:
    found = samples(everything())
    assert found["last_run_timestamp_seconds", ()] == datetime(
        2026, 11, 22, 10, 0, 4, tzinfo=UTC
    ).timestamp()  # fmt: skip
    assert found["last_run_duration_seconds", ()] == 4.2
    assert found["last_run_state", ()] == 2
    assert found["last_run_complete", ()] == 1
    assert found["last_run_info", ("0.1.0", "inventory.toml", "live")] == 1


def ntp(*rows: Evidence) -> Report:
    return report(
        [
            flow(
                "ntp", "vbr1", "ntp1", "123", Verdict.PASS, ReasonCode.OPEN, rows,
                transport=Transport.UDP, service="ntp",
            )
        ]
    )  # fmt: skip


NTP = ("ntp", "vbr1", "ntp1", "vbr1")


def test_base_units() -> None:
    found = samples(
        ntp(
            seen("123", Signal.OPEN, rtt_ms=1.5, detail={"offset_ms": 12.5, "stratum": 2}),
            seen("123", Signal.OPEN, rtt_ms=0.71, detail={"offset_ms": -250.0, "stratum": 3}),
        )
    )
    assert found["flow_round_trip_seconds", NTP] == 0.00071
    assert found["flow_ntp_offset_seconds", NTP] == -0.25
    assert found["flow_ntp_stratum", NTP] == 3


def test_what_is_not_known_has_no_sample() -> None:
    found = samples(
        ntp(
            seen("123", Signal.SILENT),
            seen("123", Signal.INVALID, rtt_ms=float("nan"), detail={"offset_ms": None}),
        )
    )
    assert not {key for key in found if key[1] == NTP}


@pytest.mark.parametrize(
    ("until", "expiry"),
    [(date(2027, 1, 31), datetime(2027, 2, 1, tzinfo=UTC).timestamp()), (None, None)],
)
def test_a_waiver_ends_after_its_last_day(until: date | None, expiry: float | None) -> None:
    waived = Waived(verdict=Verdict.FAIL, reason="change 4711", until=until)
    code = ReasonCode.BLOCKED_SILENT
    made = report([flow("r", "vbr1", "pve1", "22", Verdict.WAIVED, code, waived=waived)])
    found = samples(made)
    labels = ("r", "vbr1", "pve1", "vbr1")
    assert found["flow_waived", (*labels, "fail")] == 1
    assert found.get(("flow_waiver_expiry_timestamp_seconds", labels)) == expiry


def test_a_vantage_that_is_cut_off_is_one_finding_and_an_incomplete_run() -> None:
    found = samples(isolated())
    assert found["vantage_isolated", ("vbr1",)] == 1
    assert found["vantage_isolated", ("pve2",)] == 0
    assert {key[1]: value for key, value in found.items() if key[0] == "findings" and value} == {
        ("isolated",): 1
    }
    assert found["last_run_complete", ()] == 0
    assert found["last_run_state", ()] == 3


def test_an_interrupted_run_is_incomplete() -> None:
    found = samples(report([], run=run_note(interrupted=True)))
    assert found["last_run_complete", ()] == 0


@given(st.text(), st.text('"\\\n{}=,# '))
def test_any_name_is_a_label(name: str, other: str) -> None:
    each = flow("r", name, other, "22", Verdict.PASS, ReasonCode.OPEN)
    # Twice: the collector would refuse a file with the same series twice.
    found = samples(replace(report([each, each]), warnings=(name,)))
    assert found["flow_verdict", ("r", inert(name), inert(other), inert(name), "pass", "open")] == 1


def test_every_metric_is_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    for name in METRICS:
        assert f"| `veeamcheck_{name}` |" in manual
