"""The plugin's output, against the grammar of the Monitoring Plugins' guidelines."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.diagnosis.test_causes import OUTCOMES
from tests.reports.golden import assert_golden
from tests.samples import SAMPLES, all_pass, everything, isolated, report
from veeamcheck.model import Outcome, Report
from veeamcheck.reports.nagios import render, render_unknown

NUMBER = r"-?\d+(\.\d+)?"
RANGE = rf"@?((~|{NUMBER})?:)?({NUMBER})?"
DATUM = re.compile(
    rf"(?P<label>[^'= ]+)={NUMBER}(?P<unit>s|ms|us|%|B|KB|MB|GB|TB|c)?"
    rf"(;({RANGE})?)?(;({RANGE})?)?(;({NUMBER})?)?(;({NUMBER})?)?"
)


def parsed(text: str) -> tuple[str, str, list[str], list[str]]:
    """State, text, performance data and further lines."""
    first, *more = text.split("\n")
    assert all("|" not in line and line.isprintable() for line in more)
    assert first.isprintable()
    line, bar, data = first.partition(" | ")
    state = re.fullmatch(r"VEEAMCHECK (OK|WARNING|CRITICAL|UNKNOWN): ([^|]+)", line)
    assert state
    assert "|" not in data
    return state[1], state[2], data.split(" ") if bar else [], more


def test_every_verdict() -> None:
    assert_golden("everything.nagios", render(everything()) + "\n")


@pytest.mark.parametrize(
    ("sample", "state"),
    [
        ("all-pass", "OK"),
        ("everything", "CRITICAL"),
        ("hostile", "CRITICAL"),
        ("isolated", "UNKNOWN"),
    ],
)
def test_the_state(sample: str, state: str) -> None:
    assert parsed(render(SAMPLES[sample]()))[0] == state


def test_all_is_well_in_one_line() -> None:
    assert render(all_pass()) == (
        "VEEAMCHECK OK: All 2 tested flows work. | fail=0;;0;0 degraded=0;0;;0 unproven=0;;;0 "
        "pass=2;;;0 waived=0;;;0 untested=0;;;0 duration=4.2s;;;0"
    )


def test_a_vantage_that_is_cut_off_is_one_finding() -> None:
    _, said, _, more = parsed(render(isolated()))
    assert said.startswith("incomplete: nothing answers vbr1.")
    assert more == ["fail: Nothing answers vbr1: none of 4 hosts gave a sign of life. (8 flows)"]


def test_waivers_are_told_with_their_end() -> None:
    assert render(everything()).endswith(
        "\nwaived until 2027-01-31: backup-server-log-shipping-smb@vbr1>repo2 (fail): change 4711"
    )


def test_what_monitoring_would_cut_off_is_counted() -> None:
    made = everything()
    (waived,) = (each for each in made.flows if each.waived)
    many = report([replace(waived, id=f"flow{number}") for number in range(25)])
    assert render(many).splitlines()[-1] == "and 5 more waived"
    assert len(render(many).splitlines()) == 22


@given(st.lists(OUTCOMES, max_size=12))
def test_any_report_follows_the_grammar(flows: list[Outcome]) -> None:
    _, _, data, _ = parsed(render(report(flows)))
    matches = [DATUM.fullmatch(datum) for datum in data]
    assert all(matches)
    labels = [match["label"] for match in matches if match]
    assert len(set(labels)) == len(labels) == 7


@given(st.text(), st.text("|\n\r'=; \x00"))
def test_no_text_breaks_out_of_its_line(name: str, reason: str) -> None:
    made: Report = everything()
    hostile = [
        replace(each, source=name, runs_from=name, id=reason, reason=reason) for each in made.flows
    ]
    assert parsed(render(report(hostile)))[0] == "CRITICAL"


@given(st.text())
def test_why_there_is_no_report(message: str) -> None:
    state, _, data, _ = parsed(render_unknown(f"inventory.toml:3: {message}"))
    assert (state, data) == ("UNKNOWN", [])


def test_many_mistakes_are_many_lines() -> None:
    assert render_unknown("a.toml:3: x | y\na.toml:4: z") == (
        "VEEAMCHECK UNKNOWN: a.toml:3: x / y\na.toml:4: z"
    )
