import pytest

from tests.samples import SAMPLES, flow, isolated, report, run_note, seen
from veeamcheck.diagnosis.causes import find_causes
from veeamcheck.diagnosis.health import Health, health, is_complete, isolated_vantages
from veeamcheck.model import Outcome, ReasonCode, Report, Signal, Verdict

CODES = {
    Verdict.PASS: ReasonCode.OPEN,
    Verdict.DEGRADED: ReasonCode.FAILOVER_ONLY,
    Verdict.FAIL: ReasonCode.NO_LISTENER,
    Verdict.UNPROVEN: ReasonCode.IDLE_SILENT,
    Verdict.UNTESTED: ReasonCode.OTHER_VANTAGE,
}


def flows(*verdicts: Verdict) -> list[Outcome]:
    return [
        flow(
            f"rule{number}", "vbr1", "pve1", "22", verdict, CODES[verdict],
            [seen("22", Signal.REFUSED)],
        )
        for number, verdict in enumerate(verdicts)
    ]  # fmt: skip


def health_of(made: Report) -> Health:
    return health(made, find_causes(made))


@pytest.mark.parametrize(
    ("verdicts", "exit_status", "state"),
    [
        (["pass"], 0, Health.OK),
        (["pass", "untested"], 0, Health.OK),
        (["degraded", "pass"], 0, Health.WARNING),
        (["degraded", "unproven"], 3, Health.WARNING),
        (["fail", "degraded", "unproven"], 1, Health.CRITICAL),
        (["pass", "unproven"], 3, Health.UNKNOWN),
        (["pass", "unproven"], 0, Health.OK),  # --allow-unproven
        (["pass", "untested"], 3, Health.UNKNOWN),  # --require-complete
        (["untested"], 3, Health.UNKNOWN),
        (["pass"], 130, Health.UNKNOWN),
        (["fail"], 130, Health.CRITICAL),
        (["degraded"], 1, Health.WARNING),  # --fail-on degraded
    ],
)
def test_health(verdicts: list[str], exit_status: int, state: Health) -> None:
    made = report(flows(*map(Verdict, verdicts)), summary={"exit_status": exit_status})
    assert health_of(made) is state


def test_a_report_that_does_not_say_how_it_ended_is_unknown() -> None:
    assert health_of(report(flows(Verdict.PASS), summary={})) is Health.UNKNOWN


def test_what_only_a_cut_off_vantage_sees_is_unknown() -> None:
    made = isolated()
    causes = find_causes(made)
    assert health(made, causes) is Health.UNKNOWN
    assert list(isolated_vantages(made, causes)) == ["vbr1"]
    assert not is_complete(made, causes)


def test_a_failure_seen_from_elsewhere_is_critical_all_the_same() -> None:
    failing = flow(
        "rule", "pve2", "pve1", "22", Verdict.FAIL, ReasonCode.NO_LISTENER,
        [seen("22", Signal.REFUSED)],
    )  # fmt: skip
    assert health_of(report([*isolated().flows, failing])) is Health.CRITICAL


def test_an_interrupted_run_is_not_complete() -> None:
    made = report(flows(Verdict.PASS), run=run_note(interrupted=True))
    assert not is_complete(made, find_causes(made))
    assert is_complete(SAMPLES["everything"](), find_causes(SAMPLES["everything"]()))
