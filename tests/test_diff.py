"""What changed between two runs, and whether somebody should look."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import samples
from veeamcheck.diff import Kind, Snapshot, Standing, change_of, compare, is_flapping, snapshot
from veeamcheck.model import ReasonCode, Verdict

PASS = Standing(Verdict.PASS, ReasonCode.OPEN, "open")
DEGRADED = Standing(Verdict.DEGRADED, ReasonCode.FAILOVER_ONLY, "failover only")
UNPROVEN = Standing(Verdict.UNPROVEN, ReasonCode.IDLE_SILENT, "idle")
FAIL = Standing(Verdict.FAIL, ReasonCode.BLOCKED_SILENT, "no answer")
REFUSED = Standing(Verdict.FAIL, ReasonCode.NO_LISTENER, "refused")
WAIVED = Standing(Verdict.WAIVED, ReasonCode.BLOCKED_SILENT, "no answer")
UNTESTED = Standing(Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE, "starts elsewhere")
INTERRUPTED = Standing(Verdict.UNTESTED, ReasonCode.INTERRUPTED, "interrupted")

STANDINGS = [PASS, DEGRADED, UNPROVEN, FAIL, REFUSED, WAIVED, UNTESTED, None]


def run(**flows: Standing) -> Snapshot:
    return Snapshot(title="a run", start=samples.START, flows=flows)


@pytest.mark.parametrize(
    ("old", "new", "kind", "worse"),
    [
        (PASS, FAIL, Kind.FAILED, True),
        (DEGRADED, FAIL, Kind.FAILED, True),
        (UNPROVEN, FAIL, Kind.FAILED, True),
        (WAIVED, FAIL, Kind.FAILED, True),
        (None, FAIL, Kind.APPEARED, True),
        (PASS, DEGRADED, Kind.WORSE, True),
        (PASS, UNPROVEN, Kind.WORSE, True),
        (DEGRADED, UNPROVEN, Kind.WORSE, True),
        (WAIVED, DEGRADED, Kind.WORSE, True),
        (PASS, UNTESTED, Kind.UNTESTED, True),
        (DEGRADED, UNTESTED, Kind.UNTESTED, True),
        (FAIL, UNTESTED, Kind.UNTESTED, False),
        (FAIL, PASS, Kind.FIXED, False),
        (DEGRADED, PASS, Kind.FIXED, False),
        (UNPROVEN, PASS, Kind.FIXED, False),
        (WAIVED, PASS, Kind.FIXED, False),
        (FAIL, DEGRADED, Kind.BETTER, False),
        (FAIL, UNPROVEN, Kind.BETTER, False),
        (UNPROVEN, DEGRADED, Kind.BETTER, False),
        (FAIL, REFUSED, Kind.CHANGED, False),
        (FAIL, WAIVED, Kind.CHANGED, False),
        (PASS, WAIVED, Kind.CHANGED, False),
        (UNTESTED, FAIL, Kind.TESTED, True),
        (UNTESTED, PASS, Kind.TESTED, False),
        (UNTESTED, UNPROVEN, Kind.TESTED, False),
        (UNTESTED, WAIVED, Kind.TESTED, False),
        (None, PASS, Kind.APPEARED, False),
        (None, UNPROVEN, Kind.APPEARED, False),
        (FAIL, None, Kind.GONE, False),
        (PASS, None, Kind.GONE, False),
    ],
)
def test_what_happened(old: Standing | None, new: Standing | None, kind: Kind, worse: bool) -> None:
    change = change_of("flow", old, new)
    assert change
    assert (change.kind, change.worse) == (kind, worse)


def test_every_pair_of_standings_has_an_answer() -> None:
    for old, new in product(STANDINGS, repeat=2):
        assert (change_of("flow", old, new) is None) == (old == new)


@pytest.mark.parametrize("other", STANDINGS)
def test_an_interrupted_flow_has_not_changed(other: Standing | None) -> None:
    assert change_of("flow", other, INTERRUPTED) is None
    assert change_of("flow", INTERRUPTED, other) is None


def test_other_words_for_the_same_reason_are_no_change() -> None:
    assert change_of("flow", PASS, PASS._replace(reason="open, largest hole 12 ports")) is None


def test_what_matters_most_comes_first() -> None:
    old = run(fixed=FAIL, gone=PASS, failed=PASS, worse=PASS, same=FAIL)
    new = run(appeared=PASS, new=FAIL, fixed=PASS, failed=FAIL, worse=UNPROVEN, same=FAIL)
    assert [change.flow for change in compare(old, new)] == [
        "failed", "worse", "new", "fixed", "appeared", "gone",
    ]  # fmt: skip


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(STANDINGS[:-1])))
def test_a_run_has_not_changed_since_itself(flows: dict[str, Standing]) -> None:
    assert compare(run(**flows), run(**flows)) == ()


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(STANDINGS[:-1])),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(STANDINGS[:-1])),
)
def test_each_flow_is_told_at_most_once(old: dict[str, Standing], new: dict[str, Standing]) -> None:
    told = [change.flow for change in compare(run(**old), run(**new))]
    assert sorted(told) == sorted(
        flow for flow in old.keys() | new.keys() if old.get(flow) != new.get(flow)
    )


def test_a_report_as_a_snapshot() -> None:
    report = samples.everything()
    taken = snapshot(report, "today.json")
    assert taken.title == "today.json"
    assert taken.start == report.run.start
    assert list(taken.flows) == [flow.id for flow in report.flows]
    first = report.flows[0]
    assert taken.flows[first.id] == (first.verdict, first.reason_code, first.reason)


@pytest.mark.parametrize(
    ("pattern", "flaps"),
    [
        ("", False),
        ("ffff", False),
        ("pfpfp", False),  # four changes
        ("pfpfpf", True),
        ("pfpfpf" + "f" * 15, False),  # long ago
        ("ppppffffppppffffpppp", False),
        ("pppfffpppfffpppfff", True),
    ],
)
def test_flapping(pattern: str, flaps: bool) -> None:
    verdicts = [Verdict.PASS if letter == "p" else Verdict.FAIL for letter in pattern]
    assert is_flapping(verdicts) is flaps
