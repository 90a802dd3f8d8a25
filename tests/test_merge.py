"""Several reports as one: what wins, what is told, what is refused."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.samples import START, flow, report, run_note, seen
from veeamcheck.merge import MergeError, merge
from veeamcheck.model import (
    Mode,
    Outcome,
    PairFacts,
    Phase,
    Policy,
    ReasonCode,
    Report,
    Signal,
    Verdict,
    Waived,
)
from veeamcheck.ports import PortSet
from veeamcheck.reports import json, render

PASS = (Verdict.PASS, ReasonCode.OPEN)
FAIL = (Verdict.FAIL, ReasonCode.BLOCKED_SILENT)
UNPROVEN = (Verdict.UNPROVEN, ReasonCode.IDLE_SILENT)
ELSEWHERE = (Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE)
SAME_HOST = (Verdict.UNTESTED, ReasonCode.SAME_HOST)
INTERRUPTED = (Verdict.UNTESTED, ReasonCode.INTERRUPTED)

_SIGNALS = {PASS: Signal.OPEN, FAIL: Signal.SILENT, UNPROVEN: Signal.SILENT}


def result(
    said: tuple[Verdict, ReasonCode], *, attributed: bool = True, proven: bool = False, **more: Any
) -> Outcome:
    """The one flow of these tests, worker1 to repo1, with a verdict."""
    evidence = []
    if said in _SIGNALS:
        row = seen("6162", _SIGNALS[said], attributed=attributed)
        evidence = [replace(row, proven=proven)]
    return flow("worker-repository-data", "worker1", "repo1", "6162", *said, evidence, **more)


def at(minute: int, *flows: Outcome, vantage: str = "worker1", **more: Any) -> Report:
    """A report of a run that ended at this minute."""
    run = more.pop("run", {})
    end = START + timedelta(minutes=minute)
    note = run_note(**{"start": START, "end": end, "vantages": (vantage,), **run})
    return report(flows, run=note, **more)


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (result(FAIL), result(ELSEWHERE)),
        (result(UNPROVEN), result(ELSEWHERE)),
        (result(SAME_HOST), result(ELSEWHERE)),
        (result(UNPROVEN), result(INTERRUPTED)),
        (result(PASS), result(UNPROVEN)),
        (result(FAIL), result(UNPROVEN)),
        (result(PASS), result(PASS, attributed=False)),
        (result(FAIL), result(PASS, attributed=False)),
        (result(PASS, proven=True), result(FAIL)),
        (result(PASS, attributed=False), result(FAIL, runs_from="pve2")),
        (
            result(
                (Verdict.WAIVED, ReasonCode.BLOCKED_SILENT),
                waived=Waived(verdict=Verdict.FAIL, reason="known", until=None),
            ),
            result(UNPROVEN),
        ),
    ],
)
@pytest.mark.parametrize("later_wins", [False, True])
def test_the_better_evidence_wins(winner: Outcome, loser: Outcome, later_wins: bool) -> None:
    reports = [at(1 + later_wins, winner), at(2 - later_wins, loser)]

    (merged,) = merge(reports, Policy()).flows

    assert replace(merged, origin=None) == winner


@pytest.mark.parametrize("said", [PASS, FAIL, UNPROVEN])
def test_of_equal_evidence_the_later_wins(said: tuple[Verdict, ReasonCode]) -> None:
    merged = merge([at(2, result(said, reason="new")), at(1, result(said, reason="old"))], Policy())

    assert merged.flows[0].reason == "new"


def test_a_judged_flow_says_which_run_it_comes_from() -> None:
    merged = merge([at(1, result(PASS)), at(2, result(ELSEWHERE), vantage="vbr1")], Policy())
    again = merge([merged, at(3, result(ELSEWHERE), vantage="pve1")], Policy())

    assert merged.flows[0].origin == "worker1, 2026-11-22 10:01:00 UTC"
    assert again.flows == merged.flows
    assert again.run.vantages == ("worker1", "vbr1", "pve1")


def test_the_order_of_the_files_does_not_matter() -> None:
    reports = [
        at(1, result(PASS), warnings=("a",)),
        at(2, result(FAIL), vantage="pve1", warnings=("b",)),
        at(3, result(UNPROVEN), vantage="vbr1", warnings=("a", "c")),
    ]

    texts = {json.render(merge(order, Policy())) for order in permutations(reports)}

    assert len(texts) == 1


def test_contradictions_are_warnings() -> None:
    merged = merge([at(1, result(FAIL, reason="dropped")), at(2, result(PASS))], Policy())

    (warning,) = merged.warnings
    assert warning.startswith("worker-repository-data@worker1>repo1: ")
    assert "fail (worker1, 2026-11-22 10:01:00 UTC: dropped)" in warning
    assert merged.flows[0].verdict is Verdict.PASS


def test_nothing_is_lost() -> None:
    one = at(
        1,
        result(PASS),
        warnings=("odd",),
        run={"missing_evidence": ("no ICMP",), "pace": "fast"},
        pairs=(PairFacts(vantage="worker1", target="repo1", alive=True, left_out=("fd00::1",)),),
    )
    other = at(2, result(ELSEWHERE), vantage="vbr1", warnings=("other",), run={"version": "0.2.0"})

    merged = merge([one, other], Policy())

    assert merged.warnings == (
        "odd", "other", "the reports come from different versions of veeamcheck: 0.1.0, 0.2.0"
    )  # fmt: skip
    assert merged.run.missing_evidence == ("no ICMP",)
    assert (merged.run.pace, merged.run.version) == ("fast, normal", "0.1.0, 0.2.0")
    assert merged.run.vantages == ("worker1", "vbr1")
    assert (merged.run.start, merged.run.end) == (START, other.run.end)
    assert merged.pairs == one.pairs
    assert merged.rules == one.rules


def test_what_a_pair_showed_in_a_run_that_does_not_count_is_a_warning() -> None:
    accepts = PairFacts(vantage="worker1", target="repo1", alive=True, accepts_all=("10.0.30.5",))
    doubtful = (Verdict.UNPROVEN, ReasonCode.ACCEPTS_ALL)

    merged = merge([at(1, result(doubtful), pairs=(accepts,)), at(2, result(PASS))], Policy())

    assert merged.pairs == ()
    (warning,) = merged.warnings
    assert "10.0.30.5 accepted connections for everybody" in warning


@pytest.mark.parametrize(("policy", "status"), [(Policy(), 0), (Policy(require_complete=True), 3)])
def test_the_summary_is_made_anew(policy: Policy, status: int) -> None:
    other = flow("worker-time", "vbr1", "ntp1", "123", *ELSEWHERE)
    merged = merge([at(1, result(PASS), other), at(2, result(ELSEWHERE), other)], policy)

    assert merged.summary["pass"] == merged.summary["untested"] == 1
    assert merged.summary["exit_status"] == status


def test_an_interrupted_run_that_others_complete_is_whole() -> None:
    cut = at(1, result(INTERRUPTED), run={"interrupted": True})

    whole = merge([cut, at(2, result(PASS))], Policy())
    still_cut = merge([cut, at(2, result(ELSEWHERE), vantage="vbr1")], Policy())

    assert (whole.run.interrupted, whole.summary["exit_status"]) == (False, 0)
    assert (still_cut.run.interrupted, still_cut.summary["exit_status"]) == (True, 130)


_RULE_SETS = run_note().rule_sets


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (at(2, result(PASS), run={"phase": Phase.PREDEPLOY}), "phases live and predeploy"),
        (
            at(2, result(PASS), run={"rule_sets": (replace(_RULE_SETS[0], revision="2027-01"),)}),
            "rule sets veeam-pve 13.0.1 2026-04 and veeam-pve 13.0.1 2027-01",
        ),
        (
            at(2, result(PASS), run={"options": {"smb1": True}}),
            "option smb1 is False and True",
        ),
        (
            at(2, result(PASS, address=("10.9.9.9",))),
            "worker-repository-data@worker1>repo1 has address 10.0.30.5 and 10.9.9.9",
        ),
        (
            at(
                2,
                result(PASS, mode=Mode.FAILOVER, failover_ports=PortSet.parse("2500-3300")),
            ),
            "has mode all and failover; "
            "worker-repository-data@worker1>repo1 has failover_ports none and 2500-3300",
        ),
        (
            at(2, result(PASS), flow("more", "worker1", "repo1", "1", *PASS)),
            "only that of worker1 (2026-11-22 10:02:00 UTC) has the flow more@worker1>repo1",
        ),
    ],
)
def test_reports_of_different_deployments_are_refused(other: Report, text: str) -> None:
    with pytest.raises(MergeError) as error:
        merge([other, at(1, result(PASS))], Policy())
    assert text in str(error.value)


def test_many_differences_are_not_all_told() -> None:
    flows = [flow(f"rule{n}", "worker1", "repo1", "1", *PASS) for n in range(9)]
    with pytest.raises(MergeError) as error:
        merge([at(1, *flows), at(2)], Policy())
    assert str(error.value).endswith("; and 4 more differences")


@pytest.mark.parametrize("name", ["json", "terminal"])
def test_every_reader_takes_a_merged_report(name: str) -> None:
    merged = merge([at(1, result(PASS)), at(2, result(FAIL, attributed=False))], Policy())

    assert json.read_report(json.render(merged)) == merged
    assert "worker-repository-data" in render(name, merged)


def test_people_are_told_which_run_a_finding_comes_from() -> None:
    merged = merge([at(1, result(FAIL))], Policy())
    assert "from the run of worker1, 2026-11-22 10:01:00 UTC" in render("terminal", merged)
