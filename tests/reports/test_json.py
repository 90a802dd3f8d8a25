import json
from dataclasses import replace
from datetime import timedelta, timezone

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.published import assert_published
from tests.reports.golden import assert_golden
from tests.samples import (
    SAMPLES,
    START,
    all_pass,
    everything,
    flow,
    plan_of,
    report,
    run_note,
    seen,
)
from veeamcheck.model import InputError, ReasonCode, Report, Signal, Verdict
from veeamcheck.reports.json import read_report, render, report_schema


def test_a_report_is_written_as_the_contract_has_it() -> None:
    assert_golden("everything.json", render(everything()))


def test_a_plan_is_written_as_the_contract_has_it() -> None:
    assert_golden("plan.json", render(plan_of(all_pass())))


def test_a_plan_knows_when_its_vantage_is_unknown() -> None:
    assert json.loads(render(plan_of(all_pass(), vantage=None)))["vantage"] is None


@pytest.mark.parametrize("sample", sorted(SAMPLES.keys() - {"hostile"}))  # broken text is not kept
def test_what_was_written_is_read_back(sample: str) -> None:
    made = SAMPLES[sample]()
    again = read_report(render(made))
    assert render(again) == render(made)
    assert again.flows == made.flows


@pytest.mark.parametrize("sample", SAMPLES)
def test_reports_satisfy_their_schema(sample: str) -> None:
    assert_published(json.loads(render(SAMPLES[sample]())))


def test_the_schema_is_not_satisfied_by_anything() -> None:
    data = json.loads(render(all_pass()))
    data["flows"][0]["verdict"] = "fine"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, report_schema())


def test_times_are_utc_and_whole_seconds() -> None:
    local = START.astimezone(timezone(timedelta(hours=2))).replace(microsecond=5)
    data = json.loads(render(report([], run=run_note(start=local, end=local))))
    assert data["run"]["start"] == "2026-11-22T10:00:00Z"


def test_numbers_that_json_cannot_hold_are_null() -> None:
    row = seen("22", Signal.OPEN, rtt_ms=float("nan"))
    made = report([flow("rule", "vbr1", "pve1", "22", Verdict.PASS, ReasonCode.OPEN, [row])])
    assert json.loads(render(made))["flows"][0]["evidence"][0]["rtt_ms"] is None


@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_json_that_can_be_stored(text: str) -> None:
    made = report([], run=run_note(inventory=text), warnings=(text,))
    stored = render(made).encode()
    kept = text.encode(errors="replace").decode()
    assert json.loads(stored)["warnings"] == [kept]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "report.json:1:1: this is not JSON: Expecting value"),
        ('{"kind":\n oops}', "report.json:2:2: this is not JSON: Expecting value"),
        ("[" * 100_000, "report.json:1: this JSON cannot be read"),
        ("[]", "report.json:1: this is no report of veeamcheck; write one with: "),
        ('{"kind": "plan"}', "report.json:1: this is a plan, not a report; write one with: "),
        (
            '{"kind": "report", "schema_version": 2}',
            "report.json:1: this report has schema version 2, but this veeamcheck reads version 1",
        ),
        ('{"kind": "report", "schema_version": 1}', "report.json:1: flows: Field required"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_report(text, "report.json")
    assert message in str(caught.value)


def test_a_wrong_value_is_named_by_its_path() -> None:
    data = json.loads(render(all_pass()))
    data["flows"][1]["ports"] = "70000"
    with pytest.raises(InputError) as caught:
        read_report(json.dumps(data))
    whole, problem = caught.value.problems
    assert "write one with: veeamcheck run" in whole.what
    assert problem.key == "flows.1.ports"
    assert "port 70000 is not between 1 and 65535" in problem.what


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("2026-11-22T10:00:00", "has no time zone; write it in UTC, with a Z at its end"),
        ("0001-01-01T00:00:00+14:00", "is before the first year or after the last"),
        ("9999-12-31T23:59:59-14:00", "is before the first year or after the last"),
    ],
)
def test_a_time_that_cannot_be_told_is_refused(time: str, why: str) -> None:
    data = json.loads(render(all_pass()))
    data["run"] |= {"start": time, "end": time}
    with pytest.raises(InputError) as caught:
        read_report(json.dumps(data), "report.json")
    assert str(caught.value).splitlines() == [
        f"report.json:1: run.end: {why}",
        f"report.json:1: run.start: {why}",
    ]


def test_equal_reports_give_equal_texts() -> None:
    made = everything()
    again: Report = replace(made, flows=tuple(made.flows))
    assert render(again) == render(made)
