"""JUnit XML, against the schema of Jenkins' xUnit plugin and with the standard library's parser."""

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from tests.reports.golden import assert_golden
from tests.samples import SAMPLES, everything, flow, isolated, report
from veeamcheck.model import ReasonCode, Report, RuleNote, Verdict
from veeamcheck.reports.junit import render
from veeamcheck.wording import inert

SCHEMA = xmlschema.XMLSchema(Path(__file__).parent / "junit-10.xsd")


def parsed(made: Report) -> ElementTree.Element:
    return ElementTree.fromstring(render(made))


def result(case: ElementTree.Element) -> str:
    """The tag of the result; empty where the test passed."""
    (tag,) = [each.tag for each in case if each.tag != "system-out"] or [""]
    return tag


def test_every_verdict() -> None:
    assert_golden("everything.junit.xml", render(everything()))


@pytest.mark.parametrize("sample", SAMPLES)
def test_reports_satisfy_the_schema(sample: str) -> None:
    SCHEMA.validate(render(SAMPLES[sample]()))


def test_the_schema_is_not_satisfied_by_anything() -> None:
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        SCHEMA.validate(render(everything()).replace("failure", "failed"))


@pytest.mark.parametrize(
    ("verdict", "code", "tag"),
    [
        (Verdict.PASS, ReasonCode.OPEN, ""),
        (Verdict.DEGRADED, ReasonCode.FAILOVER_ONLY, ""),
        (Verdict.FAIL, ReasonCode.BLOCKED_SILENT, "failure"),
        (Verdict.UNPROVEN, ReasonCode.IDLE_SILENT, "error"),
        (Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE, "skipped"),
    ],
)
def test_verdicts_are_results(verdict: Verdict, code: ReasonCode, tag: str) -> None:
    root = parsed(report([flow("rule", "vbr1", "pve1", "22", verdict, code, reason="why")]))
    (case,) = root.iter("testcase")
    assert result(case) == tag
    if tag:
        assert (case[0].get("message"), case[0].get("type")) == ("why", code)
        assert f"verdict: {verdict} ({code})" in (case[0].text or "")


def test_a_degraded_flow_says_so_in_its_output() -> None:
    (out,) = parsed(everything()).iter("system-out")
    assert (out.text or "").startswith("degraded: only the failover ports work")


def test_a_waived_flow_is_skipped_and_says_until_when() -> None:
    (skipped,) = (e for e in parsed(everything()).iter("skipped") if e.get("type") == "waived")
    assert (skipped.get("message") or "").startswith("waived until 2027-01-31: change 4711 (fail: ")


def test_a_suite_for_every_source_and_destination() -> None:
    made = everything()
    suites = {suite.get("name"): len(suite) for suite in parsed(made).iter("testsuite")}
    assert suites == Counter(f"{each.source} → {each.target}" for each in made.flows)


@pytest.mark.parametrize("sample", SAMPLES)
def test_counts_are_true(sample: str) -> None:
    root = parsed(SAMPLES[sample]())
    for element in (root, *root.iter("testsuite")):
        results = Counter(map(result, element.iter("testcase")))
        assert element.get("tests") == str(results.total())
        assert element.get("failures") == str(results["failure"])
        assert element.get("errors") == str(results["error"])


def test_a_vantage_that_is_cut_off_is_one_error() -> None:
    root = parsed(isolated())
    assert Counter(map(result, root.iter("testcase"))) == {"error": 1, "skipped": 8, "": 1}
    (error,) = root.iter("error")
    assert error.get("message") == "Nothing answers vbr1: none of 4 hosts gave a sign of life."
    assert "Look at vbr1 first" in (error.text or "")


@given(st.text(), st.text("<>&\"']] \t\n\x00\x1b\ufffe\ud800"))
def test_any_text_is_kept_as_what_it_is(name: str, reason: str) -> None:
    made = report(
        [flow(name, "a", "b", "22", Verdict.FAIL, ReasonCode.NO_LISTENER, reason=reason)],
        rules=(
            RuleNote(
                id=name, rule_set="veeam-pve", section=name, row=1, purpose=reason, breaks="",
                document="",
            ),
        ),
    )  # fmt: skip
    (case,) = parsed(made).iter("testcase")
    assert case.get("name") == f"{inert(name)} tcp 22"
    (failure,) = case
    assert failure.get("message", "") == inert(reason or "22: no-listener")
    assert f"for: {inert(reason)}".strip() in (failure.text or "")
