from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.samples import everything, flow, isolated, report, seen
from veeamcheck.diagnosis.causes import find_causes
from veeamcheck.diagnosis.impact import Impact, State, find_impact, lines
from veeamcheck.model import Affected, End, Outcome, ReasonCode, Report, Signal, Verdict

CODES = {
    Verdict.PASS: ReasonCode.OPEN,
    Verdict.DEGRADED: ReasonCode.FAILOVER_ONLY,
    Verdict.FAIL: ReasonCode.NO_LISTENER,
    Verdict.UNPROVEN: ReasonCode.IDLE_SILENT,
    Verdict.UNTESTED: ReasonCode.OTHER_VANTAGE,
    Verdict.WAIVED: ReasonCode.NO_LISTENER,
}
SIGNALS = {Verdict.PASS: Signal.OPEN, Verdict.UNPROVEN: Signal.SILENT}
WORDS = {"backup": ("Image backup", 1, "of VMs on"), "time": ("Time synchronisation", 2, "from")}


def ended(verdict: Verdict, source: str, target: str, rule: str = "api") -> Outcome:
    rows = [seen("22", SIGNALS.get(verdict, Signal.REFUSED))]
    return flow(rule, source, target, "22", verdict, CODES[verdict], rows)


def affected(activity: str, host: End = End.TARGET) -> Affected:
    title, weight, words = WORDS[activity]
    return Affected(activity=activity, title=title, weight=weight, host=host, words=words)


def affecting(flows: list[Outcome], **affects: Affected) -> Report:
    """A report whose rules are needed for these activities; `backup` where nothing is said."""
    made = report(flows)
    notes = tuple(
        replace(rule, affects=(affects.get(rule.id, affected("backup")),)) for rule in made.rules
    )
    return replace(made, rules=notes)


def impact_of(made: Report) -> tuple[Impact, ...]:
    return find_impact(made, find_causes(made))


def told(made: Report) -> list[str]:
    return [f"{line.what}: {line.how}" for line in lines(impact_of(made))]


def test_nothing_is_told_where_all_works() -> None:
    assert told(affecting([ended(Verdict.PASS, "vbr1", "pve1")])) == []


def test_a_failed_flow_stops_what_needs_it_between_its_hosts() -> None:
    flows = [ended(Verdict.FAIL, "vbr1", "pve1"), ended(Verdict.FAIL, "vbr1", "pve1", "ssh")]
    assert told(affecting(flows)) == ["Image backup of VMs on pve1: fails with vbr1 (2 flows)"]


def test_hosts_of_which_the_same_is_true_share_a_line() -> None:
    flows = [ended(Verdict.FAIL, "vbr1", "pve1"), ended(Verdict.FAIL, "vbr1", "pve2")]
    assert told(affecting(flows)) == [
        "Image backup of VMs on pve1 and pve2: fails with vbr1 (2 flows)"
    ]


def test_another_host_that_can_take_over_is_named() -> None:
    flows = [ended(Verdict.FAIL, "worker1", "pve1"), ended(Verdict.PASS, "worker2", "pve1")]
    (impact,) = impact_of(affecting(flows))
    assert impact.state is State.PARTLY
    assert told(affecting(flows)) == [
        "Image backup of VMs on pve1: fails with worker1 (1 flow), works with worker2"
    ]


def test_two_hosts_that_each_lack_something_cannot_take_over_from_each_other() -> None:
    flows = [
        ended(Verdict.FAIL, "worker1", "pve1", "api"),
        ended(Verdict.PASS, "worker1", "pve1", "ssh"),
        ended(Verdict.PASS, "worker2", "pve1", "api"),
        ended(Verdict.FAIL, "worker2", "pve1", "ssh"),
    ]
    (impact,) = impact_of(affecting(flows))
    assert impact.state is State.FAILS


def test_a_host_of_which_something_is_unproven_is_not_said_to_take_over() -> None:
    flows = [
        ended(Verdict.FAIL, "worker1", "pve1", "api"),
        ended(Verdict.PASS, "worker2", "pve1", "api"),
        ended(Verdict.UNPROVEN, "worker2", "pve1", "ssh"),
    ]
    (impact,) = impact_of(affecting(flows))
    assert impact.state is State.FAILS
    assert impact.also == ("ssh@worker2>pve1",)


def test_failover_works_and_says_so() -> None:
    assert told(affecting([ended(Verdict.DEGRADED, "vbr1", "pve1")])) == [
        "Image backup of VMs on pve1: works with vbr1 only by failover (1 flow)"
    ]


def test_what_is_not_proven_may_fail() -> None:
    assert told(affecting([ended(Verdict.UNPROVEN, "vbr1", "pve1")])) == [
        "Image backup of VMs on pve1: may fail with vbr1: not proven (1 flow)"
    ]


def test_what_a_cut_off_vantage_saw_is_no_failure_of_anything() -> None:
    assert {impact.state for impact in impact_of(isolated())} == {State.MAY_FAIL}


def test_what_fails_comes_before_what_may_fail_and_then_what_hurts_most() -> None:
    made = affecting(
        [
            ended(Verdict.UNPROVEN, "vbr1", "pve1", "unproven"),
            ended(Verdict.DEGRADED, "vbr1", "pve2", "degraded"),
            ended(Verdict.FAIL, "vbr1", "ntp1", "ntp"),
            ended(Verdict.FAIL, "vbr1", "repo1", "data"),
        ],
        ntp=affected("time"),
    )
    assert [each.host for each in impact_of(made)] == ["repo1", "ntp1", "pve2", "pve1"]


def test_an_activity_can_be_told_of_the_source() -> None:
    made = affecting(
        [ended(Verdict.FAIL, "worker1", "ntp1", "ntp")], ntp=affected("time", End.SOURCE)
    )
    (impact,) = impact_of(made)
    assert (impact.host, impact.with_hosts) == ("worker1", ("ntp1",))


def test_a_rule_that_names_no_activity_is_told_by_its_id() -> None:
    assert told(report([ended(Verdict.FAIL, "vbr1", "pve1", "own-rule")])) == [
        "What rule own-rule is for at pve1: fails with vbr1 (1 flow)"
    ]


def test_accepted_and_untested_flows_break_nothing() -> None:
    flows = [ended(Verdict.WAIVED, "vbr1", "pve1"), ended(Verdict.UNTESTED, "vbr1", "pve2")]
    assert told(affecting(flows)) == []


OUTCOMES = st.builds(
    ended,
    st.sampled_from(Verdict),
    st.sampled_from(["worker1", "worker2", "vbr1"]),
    st.sampled_from(["pve1", "pve2"]),
    st.sampled_from(["api", "ssh", "ntp"]),
)


@given(st.lists(OUTCOMES, max_size=15, unique_by=lambda each: each.id))
def test_every_flow_in_trouble_is_told_of_and_none_claims_more(flows: list[Outcome]) -> None:
    made = affecting(flows, ntp=affected("time"))
    verdicts = {each.id: each.verdict for each in flows}
    found = impact_of(made)
    named = [flow_id for impact in found for flow_id in (*impact.flows, *impact.also)]
    troubled = (Verdict.FAIL, Verdict.DEGRADED, Verdict.UNPROVEN)
    assert sorted(named) == sorted(each.id for each in flows if each.verdict in troubled)
    for impact in found:
        assert {verdicts[flow_id] for flow_id in impact.flows} == {impact.state.verdict}
        assert not set(impact.works_with) & set(impact.with_hosts)
    order = [(_rank(impact), impact.weight) for impact in found]
    assert order == sorted(order)


def _rank(impact: Impact) -> int:
    return [Verdict.FAIL, Verdict.DEGRADED, Verdict.UNPROVEN].index(impact.state.verdict)


def test_the_sample_is_told_worst_first() -> None:
    assert told(everything())[0] == (
        "Image backup of VMs on pve2 and pve1: fails with vbr1 (3 flows)"
    )
