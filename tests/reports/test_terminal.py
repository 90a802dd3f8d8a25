import re
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.diagnosis.test_causes import OUTCOMES
from tests.reports.golden import assert_golden
from tests.samples import all_pass, everything, flow, hostile, plan_of, report, run_note, seen
from veeamcheck.model import Outcome, Plan, ReasonCode, Report, Signal, Verdict
from veeamcheck.reports.terminal import Level, print_plan, print_report, render, render_plan
from veeamcheck.reports.terminal.report import sections

IN_FULL = (Verdict.FAIL, Verdict.DEGRADED, Verdict.UNPROVEN, Verdict.WAIVED)


def page(document: Report | Plan, width: int, level: Level = Level.NORMAL) -> str:
    file = StringIO()
    console = Console(file=file, width=width, color_system=None, _environ={})
    if isinstance(document, Plan):
        print_plan(document, console)
    else:
        print_report(document, console, level=level)
    return file.getvalue()


def squeezed(text: str) -> str:
    """Without white space: a long word may be broken over lines."""
    return "".join(text.split())


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_verdict_at_every_width(width: int) -> None:
    text = page(everything(), width)
    assert_golden(f"everything-{width}.txt", text)
    assert max(cell_len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("level", [Level.QUIET, Level.VERBOSE])
def test_saying_less_and_more(level: Level) -> None:
    assert_golden(f"everything-{level}.txt", page(everything(), 100, level))


def test_all_is_well_in_a_few_lines() -> None:
    assert_golden("all-pass.txt", page(all_pass(), 80))


def test_a_plan() -> None:
    assert_golden("plan.txt", page(plan_of(everything()), 100))


def test_a_plan_whose_vantage_is_unknown_marks_no_host() -> None:
    assert "this machine" not in page(plan_of(everything(), vantage=None), 100)


def test_files_get_plain_text_of_100_columns() -> None:
    assert render(everything()) == page(everything(), 100)
    assert render_plan(plan_of(everything())) == page(plan_of(everything()), 100)


def test_names_and_reasons_are_shown_and_never_obeyed() -> None:
    text = page(hostile(), 100)
    assert_golden("hostile.txt", text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)


def test_without_utf8_everything_is_still_shown() -> None:
    file = TextIOWrapper(BytesIO(), encoding="ascii", errors="strict", newline="\n")
    warned = replace(everything(), warnings=("hosts.büro: odd",))
    print_report(warned, Console(file=file, width=80, color_system=None, _environ={}))
    file.flush()
    text = file.buffer.getvalue().decode("ascii")
    assert_golden("everything-ascii.txt", text)
    assert "x fail" in text
    assert "hosts.b\\xfcro" in text


@pytest.mark.parametrize(
    ("environ", "colour"),
    [({"TERM": "xterm-256color"}, True), ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False)],
)
def test_colour_is_for_terminals_that_want_it(environ: dict[str, str], colour: bool) -> None:
    file = StringIO()
    print_report(everything(), Console(file=file, force_terminal=True, _environ=environ))
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", file.getvalue())) is colour


def test_a_pipe_gets_no_escape_sequences() -> None:
    assert "\x1b" not in page(everything(), 80)


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([], "Nothing was tested from here."),
        (["untested"], "Nothing was tested from here. 1 flow remains untested."),
        (["pass"], "The one tested flow works."),
        (["pass", "pass", "untested"], "All 2 tested flows work. 1 flow remains untested."),
        (["pass", "waived"], "All that was tested works or is waived."),
        (["pass", "degraded"], "All that was tested works, 1 only over failover ports."),
        (["degraded", "unproven"], "Nothing failed, but 1 flow could not be proven."),
        (["pass", "fail", "unproven"], "1 of 3 tested flows fails."),
        (["fail", "fail"], "2 of 2 tested flows fail."),
    ],
)
def test_one_sentence_says_what_it_comes_to(verdicts: list[str], sentence: str) -> None:
    flows = [
        flow(f"rule{number}", "vbr1", "pve1", "22", Verdict(verdict), ReasonCode.OPEN)
        for number, verdict in enumerate(verdicts)
    ]
    assert page(report(flows), 100).splitlines()[2][2:] == sentence


def test_an_interrupted_run_says_so_first() -> None:
    text = page(replace(all_pass(), run=run_note(interrupted=True)), 80)
    assert "Interrupted. All 2 tested flows work." in text


def test_the_command_for_another_host_can_be_copied() -> None:
    made = replace(everything(), run=run_note(inventory="our sites.toml"))
    text = page(made, 100)
    assert re.search(r"veeamcheck run -i ['\"]our sites\.toml['\"] --from pve2", text)


def test_many_connections_and_flows_are_counted_not_listed() -> None:
    flows = [
        flow(
            "rule", f"source{number}", "pve1", "22", Verdict.FAIL, ReasonCode.BLOCKED_SILENT,
            [seen("22", Signal.SILENT)],
        )
        for number in range(30)
    ] + [
        flow("rule", "pve2", f"host{number}", "22", Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE)
        for number in range(30)
    ]  # fmt: skip
    text = page(report(flows), 100)
    assert "and 25 more connections (--verbose)" in text
    assert "and 10 more flows (--verbose)" in text
    verbose = page(report(flows), 100, Level.VERBOSE)
    assert "(--verbose)" not in verbose


def test_a_rule_that_fails_everywhere_is_explained_once() -> None:
    flows = [
        flow("rule", "vbr1", target, "22", Verdict.FAIL, ReasonCode.NO_LISTENER,
             [seen("22", Signal.REFUSED)])
        for target in ("pve1", "pve2", "repo1")
    ]  # fmt: skip
    assert page(report(flows), 100).count("talks to") == 1


def numbered(flows: list[Outcome]) -> list[Outcome]:
    return [
        replace(each, id=f"rule{number}@{each.source}>{each.target}", rule=f"rule{number}")
        for number, each in enumerate(flows)
    ]


@given(st.lists(OUTCOMES, max_size=12).map(numbered))
def test_every_flow_is_in_exactly_one_section(flows: list[Outcome]) -> None:
    told = [each.id for section in sections(flows) for each in section]
    assert sorted(told) == sorted(each.id for each in flows)


@given(
    st.lists(OUTCOMES, max_size=12).map(numbered),
    st.integers(min_value=20, max_value=250),
    st.sampled_from([Level.NORMAL, Level.VERBOSE]),
)
def test_every_flow_is_named_at_any_width(flows: list[Outcome], width: int, level: Level) -> None:
    text = page(report(flows), width, level)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for each in flows:
        name = each.id if each.verdict in IN_FULL else each.rule
        assert squeezed(name) in squeezed(text)


@given(st.text(st.characters(codec=None), min_size=1), st.integers(min_value=20, max_value=100))
def test_no_text_breaks_the_page(text: str, width: int) -> None:
    made = flow(
        text, text, text, "22", Verdict.FAIL, ReasonCode.BLOCKED_REJECTED,
        [seen("22", Signal.REJECTED, by=text, meaning=text, address=text)], reason=text,
    )  # fmt: skip
    told = page(report([made], warnings=(text,)), width, Level.VERBOSE)
    assert "\x1b" not in told
    told.encode()
