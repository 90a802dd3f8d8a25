"""Each change told once, when it is sure."""

from collections.abc import Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests import samples
from veeamcheck.diff import Kind, Snapshot, Standing
from veeamcheck.model import ReasonCode, Verdict
from veeamcheck.watching import News, Turn, Watcher

LETTERS = {
    "p": Standing(Verdict.PASS, ReasonCode.OPEN, "open"),
    "d": Standing(Verdict.DEGRADED, ReasonCode.FAILOVER_ONLY, "failover"),
    "u": Standing(Verdict.UNPROVEN, ReasonCode.IDLE_SILENT, "idle"),
    "f": Standing(Verdict.FAIL, ReasonCode.BLOCKED_SILENT, "silent"),
    "r": Standing(Verdict.FAIL, ReasonCode.NO_LISTENER, "refused"),
    "t": Standing(Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE, "not reached"),
    "i": Standing(Verdict.UNTESTED, ReasonCode.INTERRUPTED, "interrupted"),
}


def run(letter: str) -> Snapshot:
    """A run of one flow; a dot: the flow is not there."""
    flows = {} if letter == "." else {"flow": LETTERS[letter]}
    return Snapshot(title="a run", start=samples.START, flows=flows)


def told(letters: str, confirm: int = 1) -> list[News]:
    watcher = Watcher(confirm)
    return [watcher.see(run(letter)) for letter in letters]


def kinds(news: Iterable[News]) -> list[str]:
    """Per run, what was told: the change's kind, the turn, both, or nothing."""
    return [
        " ".join([*(change.kind for change in each.changes), *each.turns.values()]) for each in news
    ]


@pytest.mark.parametrize(
    ("letters", "confirm", "expected"),
    [
        # To the first run everything is new; what fails is told.
        ("p", 1, [""]),
        ("u", 1, [""]),
        ("f", 1, ["appeared"]),
        ("f", 2, [""]),
        # Each change once.
        ("pffp", 1, ["", "failed", "", "fixed"]),
        ("ffp", 1, ["appeared", "", "fixed"]),
        ("pdup", 1, ["", "worse", "worse", "fixed"]),
        ("pfr", 1, ["", "failed", "changed"]),
        ("pf.", 1, ["", "failed", "gone"]),
        ("p.p", 1, ["", "gone", "appeared"]),
        # A failure is told when it is sure, whatever its reason; a fix at once.
        ("pfff", 3, ["", "", "", "failed"]),
        ("pfrf", 3, ["", "", "", "failed"]),
        ("pffpp", 2, ["", "", "failed", "fixed", ""]),
        ("fff", 3, ["", "", "appeared"]),
        ("p.ff", 2, ["", "gone", "", "appeared"]),
        # What was never told needs no all-clear.
        ("pfp", 2, ["", "", ""]),
        ("pffrff", 2, ["", "", "failed", "", "", ""]),
        ("pffrr", 2, ["", "", "failed", "", "changed"]),
        # An interrupted run says nothing.
        ("pif", 1, ["", "", "failed"]),
        ("pfif", 2, ["", "", "", "failed"]),
        # A flow whose host was not reached has neither failed nor been fixed.
        ("t", 1, [""]),
        ("ptp", 2, ["", "", ""]),
        ("ftf", 2, ["", "", "appeared"]),
        ("pftf", 2, ["", "", "", "failed"]),
        ("pfftf", 2, ["", "", "failed", "", ""]),
        ("pfftp", 2, ["", "", "failed", "", "fixed"]),
        # That it is no longer judged is told when it is sure; judged again, so is what it shows.
        ("pttt", 2, ["", "", "untested", ""]),
        ("fttt", 1, ["appeared", "untested", "", ""]),
        ("ptpt", 1, ["", "untested", "tested", "untested"]),
        ("ptfp", 1, ["", "untested", "failed", "fixed"]),
        ("pttff", 2, ["", "", "untested", "", "failed"]),
        ("ftfp", 1, ["appeared", "untested", "tested", "fixed"]),
        ("fftfp", 1, ["appeared", "", "untested", "tested", "fixed"]),
        ("ftp", 1, ["appeared", "untested", "fixed"]),
        ("ftr", 1, ["appeared", "untested", "changed"]),
        ("pt.", 1, ["", "untested", "gone"]),
        ("tp", 1, ["", "tested"]),
        ("tff", 2, ["", "", "tested"]),
        # Nor does it flap: what it shows when it is judged is told.
        ("ptptptptf", 2, [*[""] * 8, ""]),
        ("ptptptptff", 2, [*[""] * 9, "failed"]),
    ],
)
def test_what_is_told(letters: str, confirm: int, expected: list[str]) -> None:
    assert kinds(told(letters, confirm)) == expected


def test_the_change_is_from_what_was_told_last() -> None:
    (change,) = told("pdff", confirm=2)[-1].changes
    assert (change.old, change.new, change.kind) == (LETTERS["p"], LETTERS["f"], Kind.FAILED)


def test_a_flow_that_flaps_is_named_once_and_told_when_it_is_steady() -> None:
    news = kinds(told("pfpfpf" + "pf" * 10 + "f" * 30))
    assert news[:5] == ["", "failed", "fixed", "failed", "fixed"]
    assert news[5] == Turn.FLAPPING
    ended = news.index("failed steady")
    assert news[6:ended] == [""] * (ended - 6)
    assert not any(news[ended + 1 :])


def test_steady_as_it_was_told_needs_only_that() -> None:
    news = kinds(told("pfpfpfp" + "p" * 30))
    assert [each for each in news if each] == [
        "failed", "fixed", "failed", "fixed", "flapping", "steady",
    ]  # fmt: skip


@given(st.text("pdufrti", min_size=1, max_size=60), st.integers(1, 4))
def test_the_reader_is_never_left_with_something_else(letters: str, confirm: int) -> None:
    """Once a flow has held still, what was told of it adds up to how it stands."""
    letters = letters.rstrip("i") or "p"
    settled = letters + letters[-1] * 40
    first = LETTERS[settled.lstrip("i")[0]]
    believed: Standing | None = None
    judged = first
    """Believed when it was judged last."""
    for letter, news in zip(settled, told(settled, confirm), strict=True):
        for change in news.changes:
            assert change.new == LETTERS[letter]
            assert believed is None or change.old in (believed, judged)
            believed = change.new
            judged = judged if letter == "t" else LETTERS[letter]
    assert (believed or first) == LETTERS[settled[-1]]


@given(st.text("pdufrt", min_size=1, max_size=60), st.integers(1, 4))
def test_runs_that_do_not_judge_neither_make_nor_unmake_a_verdict(
    letters: str, confirm: int
) -> None:
    """What is told of verdicts is the same as if the runs between had not been."""

    def verdicts(runs: str) -> list[Standing | None]:
        news = [change for each in told(runs, confirm) for change in each.changes]
        return [change.new for change in news if change.kind not in (Kind.UNTESTED, Kind.TESTED)]

    judged = "p" + letters.replace("t", "")
    assume(not any(news.turns for news in told(judged, confirm)))  # more is told then
    assert verdicts("p" + letters) == verdicts(judged)


@given(st.text("pf", max_size=60), st.text("pf", max_size=20), st.integers(1, 3))
def test_flows_do_not_touch_each_other(one: str, other: str, confirm: int) -> None:
    length = min(len(one), len(other))
    watcher = Watcher(confirm)
    together = []
    for first, second in zip(one, other, strict=False):
        flows = {"flow": LETTERS[first], "beside": LETTERS[second]}
        news = watcher.see(Snapshot(title="", start=samples.START, flows=flows))
        mine = tuple(change for change in news.changes if change.flow == "flow")
        together.append(News(mine, {k: v for k, v in news.turns.items() if k == "flow"}))
    assert together == told(one[:length], confirm)
