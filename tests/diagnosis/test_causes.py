from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import everything, flow, report, run_note, seen
from veeamcheck.diagnosis.advice import Kind, Who
from veeamcheck.diagnosis.causes import Cause, Connection, find_causes
from veeamcheck.model import (
    Evidence,
    InstalledBy,
    Listener,
    Mode,
    Outcome,
    Phase,
    ReasonCode,
    Signal,
    Transport,
    Verdict,
)
from veeamcheck.ports import PortSet

TROUBLED = (Verdict.FAIL, Verdict.DEGRADED, Verdict.UNPROVEN)


def failed(code: ReasonCode, target: str, *rows: Evidence, ports: str = "", **more: Any) -> Outcome:
    return flow_of(Verdict.FAIL, code, target, *rows, ports=ports, **more)


def unproven(
    code: ReasonCode, target: str, *rows: Evidence, ports: str = "", **more: Any
) -> Outcome:
    return flow_of(Verdict.UNPROVEN, code, target, *rows, ports=ports, **more)


def passed(target: str, ports: str = "22", source: str = "vbr1") -> Outcome:
    rows = [seen(ports, Signal.OPEN)]
    return flow(f"rule-{ports}", source, target, ports, Verdict.PASS, ReasonCode.OPEN, rows)


def flow_of(
    verdict: Verdict,
    code: ReasonCode,
    target: str,
    *rows: Evidence,
    ports: str = "",
    source: str = "vbr1",
    **more: Any,
) -> Outcome:
    """A flow whose rule is named after its ports, by default those of its evidence."""
    needed = ports or str(PortSet.of_runs(run for row in rows for run in row.ports.runs))
    return flow(f"rule-{needed}", source, target, needed, verdict, code, rows, **more)


def silent(target: str, ports: str = "22", source: str = "vbr1") -> Outcome:
    return failed(ReasonCode.BLOCKED_SILENT, target, seen(ports, Signal.SILENT), source=source)


def only(*flows: Outcome) -> Cause:
    """The one cause that these flows have."""
    (cause,) = find_causes(report(flows))
    return cause


def test_a_report_without_trouble_has_no_causes() -> None:
    assert find_causes(report([passed("pve1")])) == ()


def test_thirty_flows_to_a_dead_host_are_one_finding() -> None:
    cause = only(*(silent("pve2", str(port)) for port in range(1000, 1030)))
    assert cause.kind is Kind.HOST_DOWN
    assert cause.title == "pve2 (10.0.10.21) gave no sign of life to vbr1."
    assert len(cause.flows) == 30
    assert cause.connections == (
        Connection(
            "vbr1", "10.0.10.5", "pve2", "10.0.10.21", Transport.TCP, PortSet.parse("1000-1029")
        ),
    )


def test_an_idle_range_of_a_dead_host_belongs_to_the_dead_host() -> None:
    idle = unproven(
        ReasonCode.IDLE_SILENT, "pve2", seen("2500-3300", Signal.SILENT), listener=Listener.SESSION
    )
    cause = only(idle, silent("pve2"))
    assert cause.kind is Kind.HOST_DOWN
    assert cause.verdict is Verdict.FAIL
    assert len(cause.flows) == 2


def test_a_dead_host_is_told_once_for_all_vantages() -> None:
    cause = only(silent("pve2"), silent("pve2", source="pve1"))
    assert cause.title == "pve2 (10.0.10.21) gave no sign of life to vbr1 and pve1."


def test_a_host_on_which_our_listener_stands_is_not_down() -> None:
    told = seen("6162", Signal.SILENT, detail={"listener": True})
    cause = only(failed(ReasonCode.BLOCKED_SILENT, "repo1", told))
    assert cause.title.endswith("although our listener is up there.")
    assert cause.who[0] is Who.NETWORK
    assert "is up and has" not in " ".join(cause.what)


def test_unreachable_says_who_reported_it() -> None:
    row = seen("22", Signal.UNREACHABLE, by="10.0.10.1", meaning="host unreachable")
    cause = only(failed(ReasonCode.UNREACHABLE, "pve2", row))
    assert cause.kind is Kind.HOST_DOWN
    assert cause.what[0] == "10.0.10.1 reports it as unreachable: host unreachable."


def test_a_host_that_answers_another_vantage_is_not_called_down() -> None:
    cause = only(silent("repo1"), passed("repo1", source="pve1"))
    assert cause.kind is Kind.NO_WAY
    assert cause.title == ("Nothing from vbr1 reaches repo1 (10.0.30.5), although it answers pve1.")
    assert cause.who[0] is Who.NETWORK


def test_silent_ports_of_a_host_that_answers_are_dropped() -> None:
    cause = only(passed("repo1"), silent("repo1", "6160"), silent("repo1", "6162"))
    assert cause.kind is Kind.DROPPED
    assert cause.title == "repo1 (10.0.30.5) answers, but not on TCP 6160 and 6162."
    assert not any("Windows" in sentence for sentence in cause.what)


def test_on_windows_a_silent_port_can_be_a_stopped_service() -> None:
    cause = only(passed("repo1"), replace(silent("repo1", "6160"), target_os="windows"))
    assert any("stopped service" in sentence for sentence in cause.what)


def test_a_silent_primary_port_beside_a_working_failover_is_degraded() -> None:
    cause = only(
        flow_of(
            Verdict.DEGRADED,
            ReasonCode.FAILOVER_ONLY,
            "repo1",
            seen("6162", Signal.SILENT),
            seen("2500-3300", Signal.REFUSED),
            ports="6162",
            mode=Mode.FAILOVER,
            failover_ports=PortSet.parse("2500-3300"),
        )
    )
    assert (cause.kind, cause.verdict) == (Kind.DROPPED, Verdict.DEGRADED)
    assert cause.title.endswith("only the failover ports work.")
    assert str(cause.connections[0].ports) == "6162"


def rejected(target: str, ports: str, by: str | None, said: str = "host prohibited") -> Outcome:
    row = seen(ports, Signal.REJECTED, by=by, meaning=said)
    return failed(ReasonCode.BLOCKED_REJECTED, target, row)


def test_one_device_that_rejects_is_one_finding_across_targets() -> None:
    cause = only(rejected("repo1", "6162", "10.0.99.1"), rejected("pve2", "22", "10.0.99.1"))
    assert cause.kind is Kind.REJECTED
    assert cause.title == (
        "The device at 10.0.99.1 rejects TCP 22 and 6162 to repo1 and pve2: host prohibited."
    )
    assert cause.who == (Who.NETWORK,)


def test_two_devices_that_reject_are_two_findings() -> None:
    causes = find_causes(
        report([rejected("repo1", "6162", "10.0.99.1"), rejected("pve2", "22", "10.0.99.2")])
    )
    assert len(causes) == 2


@pytest.mark.parametrize(
    ("by", "start", "first"),
    [
        ("10.0.30.5", "The address of repo1 itself (10.0.30.5) rejects", Who.SERVER),
        ("10.0.10.5", "vbr1 itself (10.0.10.5) rejects", Who.SERVER),
        (None, "A device that could not be told rejects", Who.NETWORK),
    ],
)
def test_who_rejects_decides_who_should_look(by: str | None, start: str, first: Who) -> None:
    cause = only(rejected("repo1", "6162", by))
    assert cause.title.startswith(start)
    assert cause.who[0] is first


def test_silence_beside_rejects_of_a_host_without_life_is_the_same_device() -> None:
    cause = only(rejected("repo1", "6162", "10.0.99.1"), silent("repo1", "6160"))
    assert cause.title.startswith("The device at 10.0.99.1 rejects TCP 6162 to repo1")
    assert str(cause.connections[0].ports) == "6160,6162"
    assert any("stayed silent" in sentence for sentence in cause.what)


def test_unreachable_from_a_router_for_one_port_of_a_live_host_is_a_reject() -> None:
    row = seen("6162", Signal.UNREACHABLE, by="10.0.99.1")
    cause = only(passed("repo1"), failed(ReasonCode.UNREACHABLE, "repo1", row))
    assert cause.kind is Kind.REJECTED


def test_a_hole_in_a_range_asks_only_for_the_hole() -> None:
    cause = only(
        failed(
            ReasonCode.PARTLY_BLOCKED,
            "repo1",
            seen("2500-2899", Signal.REFUSED),
            seen("2900-3000", Signal.SILENT),
            seen("3001-3300", Signal.REFUSED),
        )
    )
    assert cause.kind is Kind.DROPPED
    assert [str(each.ports) for each in cause.connections] == ["2900-3000"]


def test_names_without_an_address_are_one_finding_for_a_vantage() -> None:
    def nameless(target: str, name: str) -> Outcome:
        row = seen("22", Signal.UNRESOLVED, address=name, probed=0, local=None)
        return failed(ReasonCode.UNRESOLVED, target, row)

    cause = only(nameless("repo1", "repo1.example.com"), nameless("pve2", "pve2.example.com"))
    assert cause.kind is Kind.UNRESOLVED
    assert cause.title == "vbr1 finds no address for repo1.example.com and pve2.example.com."
    assert cause.who[0] is Who.DNS


@pytest.mark.parametrize(
    ("installed_by", "who"),
    [(InstalledBy.PRODUCT, Who.BACKUP), (InstalledBy.SITE, Who.SERVER)],
)
def test_a_reset_says_path_clear_and_asks_who_installed_the_service(
    installed_by: InstalledBy, who: Who
) -> None:
    row = seen("6160", Signal.REFUSED)
    cause = only(failed(ReasonCode.NO_LISTENER, "repo1", row, installed_by=installed_by))
    assert cause.kind is Kind.NO_LISTENER
    assert cause.title == "repo1 refuses TCP 6160: the path is clear, but nothing listens."
    assert cause.who == (who,)


def test_a_refusal_that_may_be_a_reject_is_not_called_a_clear_path() -> None:
    row = seen("6160", Signal.REFUSED, attributed=False)
    cause = only(failed(ReasonCode.NO_LISTENER, "repo1", row))
    assert "clear" not in " ".join([cause.title, *cause.what])


def test_stopped_services_of_one_host_are_one_finding() -> None:
    cause = only(
        failed(ReasonCode.NO_LISTENER, "repo1", seen("6160", Signal.REFUSED)),
        failed(ReasonCode.NO_LISTENER, "repo1", seen("6162", Signal.REFUSED)),
    )
    assert len(cause.flows) == 2


def test_a_wrong_service_names_what_was_expected() -> None:
    row = seen("8006", Signal.INVALID, meaning="a TLS alert")
    cause = only(failed(ReasonCode.WRONG_SERVICE, "pve1", row, service="https"))
    assert cause.title == "pve1 answers on TCP 8006, but not as https: a TLS alert."


@pytest.mark.parametrize(
    ("cause", "kind", "says"),
    [
        ("mute", Kind.WRONG_SERVICE, "one that accepts, and lets nothing through"),
        ("certificate", Kind.INTERCEPTED, "opens TLS and answers itself"),
    ],
)
def test_impostors_are_told_by_what_they_do(cause: str, kind: Kind, says: str) -> None:
    row = seen("8006", Signal.INVALID, meaning="what was seen", detail={"cause": cause})
    found = only(failed(ReasonCode.WRONG_SERVICE, "pve1", row, service="https"))
    assert found.kind is kind
    assert found.title.endswith(": what was seen.")
    assert says in " ".join(found.what)


def test_a_clock_that_is_not_synchronised() -> None:
    row = seen("123", Signal.INVALID, meaning="answers, but is not synchronised itself")
    cause = only(
        failed(ReasonCode.WRONG_SERVICE, "ntp1", row, service="ntp", transport=Transport.UDP)
    )
    assert cause.kind is Kind.NTP
    assert cause.title == (
        "No clock can be set by ntp1: it answers, but is not synchronised itself."
    )


@pytest.mark.parametrize(
    ("cause", "kind", "says"),
    [
        ("nat", Kind.NAT, "does not support NAT"),
        ("mtu", Kind.BLACK_HOLE, "smaller MTU"),
        ("token", Kind.WRONG_SERVICE, "which program holds the port"),
    ],
)
def test_what_a_listener_found_is_told_by_its_name(cause: str, kind: Kind, says: str) -> None:
    row = seen("8006", Signal.INVALID, meaning="what it saw", detail={"cause": cause})
    found = only(failed(ReasonCode.WRONG_SERVICE, "pve1", row, ports="8006"))
    assert found.kind is kind
    assert says in " ".join(found.what)


def nameless(name: str, source: str) -> Outcome:
    row = seen("22", Signal.UNRESOLVED, address=name, probed=0, local=None)
    return failed(ReasonCode.UNRESOLVED, "repo1", row, source=source)


def test_a_name_that_no_vantage_finds_is_one_finding() -> None:
    cause = only(nameless("repo1.example.com", "vbr1"), nameless("repo1.example.com", "pve1"))
    assert cause.title == "vbr1 and pve1 find no address for repo1.example.com."
    assert len(cause.flows) == 2


def test_a_name_that_another_vantage_finds_says_so() -> None:
    found = flow(
        "rule-22", "pve1", "repo1", "22", Verdict.PASS, ReasonCode.OPEN,
        [seen("22", Signal.OPEN, name="repo1.example.com")],
    )  # fmt: skip
    cause = only(nameless("repo1.example.com", "vbr1"), found)
    assert cause.title == "vbr1 finds no address for repo1.example.com, although pve1 did."


def test_a_router_without_a_route_is_one_finding_for_all_behind_it() -> None:
    def lost(target: str) -> Outcome:
        detail = {"icmp_type": 3, "icmp_code": 0}
        row = seen("22", Signal.UNREACHABLE, by="10.0.10.1", detail=detail, meaning="no network")
        return failed(ReasonCode.UNREACHABLE, target, row)

    cause = only(
        *(lost("repo1"), lost("repo2"), lost("sql1"), passed("pve1")),
        silent("sql1", "8006"),  # routers send only a few messages a second
    )
    assert cause.kind is Kind.NO_ROUTE
    assert cause.title.startswith("The router at 10.0.10.1 has no way to repo1 (10.0.30.5), repo2")
    assert cause.who == (Who.NETWORK,)


def test_hosts_that_a_router_looked_for_in_vain_are_down_each_for_itself() -> None:
    def lost(target: str) -> Outcome:
        detail = {"icmp_type": 3, "icmp_code": 1}
        row = seen("22", Signal.UNREACHABLE, by="10.0.10.1", detail=detail, meaning="no host")
        return failed(ReasonCode.UNREACHABLE, target, row)

    causes = find_causes(report([lost("repo1"), lost("repo2"), passed("pve1")]))
    assert [cause.kind for cause in causes] == [Kind.HOST_DOWN, Kind.HOST_DOWN]


def test_a_missing_route_of_the_vantage_itself_is_its_own_finding() -> None:
    row = seen("22", Signal.UNREACHABLE, meaning="no route")
    flows = [failed(ReasonCode.UNREACHABLE, target, row) for target in ("repo1", "sql1")]
    cause = only(*flows, passed("pve1"))
    assert cause.kind is Kind.NO_ROUTE
    assert cause.title.startswith("vbr1 has no way to repo1 (10.0.30.5) and sql1 (10.0.40.7)")
    assert cause.who[0] is Who.OPERATOR


def test_a_network_that_stays_silent_is_one_finding() -> None:
    cause = only(silent("repo1"), silent("repo2"), passed("pve1"))
    assert cause.kind is Kind.NETWORK_SILENT
    assert cause.title == (
        "Nothing in 10.0.30.0/24 answers vbr1: repo1 and repo2 gave no sign of life."
    )
    assert cause.who[0] is Who.NETWORK


def test_a_silent_network_that_answers_another_vantage_is_up() -> None:
    cause = only(silent("repo1"), silent("repo2"), passed("pve1"), passed("repo2", source="pve1"))
    assert cause.title.endswith("gave no sign of life, although pve1 got answers there.")
    assert "are up" not in " ".join(cause.what)


@pytest.mark.parametrize(
    "flows",
    [
        [silent("repo1"), passed("pve1"), passed("repo2")],
        [silent("pve1"), silent("pve2"), passed("repo1")],  # its own neighbours: no router between
    ],
    ids=["one of the network answers", "its own network"],
)
def test_a_network_is_not_blamed_for_its_hosts(flows: list[Outcome]) -> None:
    assert {cause.kind for cause in find_causes(report(flows))} == {Kind.HOST_DOWN}


def test_the_same_ports_dropped_at_many_hosts_are_one_finding() -> None:
    hosts = ("pve1", "repo1", "sql1")
    blocked = [silent(host, port) for host in hosts for port in ("6160", "6162")]
    cause = only(*blocked, *(passed(host) for host in hosts))
    assert cause.kind is Kind.DROPPED_ALIKE
    assert cause.title == (
        "3 hosts answer vbr1, but none on TCP 6160 and 6162: pve1, repo1 and sql1."
    )
    assert len(cause.flows) == 6


def test_a_port_that_answers_anywhere_is_not_dropped_alike() -> None:
    hosts = ("pve1", "repo1", "sql1")
    flows = [silent(host, "6162") for host in hosts] + [passed(host) for host in hosts]
    causes = find_causes(report([*flows, passed("repo2", "6162")]))
    assert [cause.kind for cause in causes] == [Kind.DROPPED] * 3


def test_the_vantages_own_firewall_is_one_device() -> None:
    cause = only(rejected("repo1", "6162", "10.0.10.5"), rejected("pve2", "22", "10.0.10.5"))
    assert cause.title.startswith("vbr1 itself (10.0.10.5) rejects TCP 22 and 6162")


@pytest.mark.parametrize("code", [ReasonCode.SCAN_PROTECTION, ReasonCode.ACCEPTS_ALL])
def test_what_lies_between_hosts_is_told_by_the_end_that_they_share(code: ReasonCode) -> None:
    def met(target: str, source: str) -> Outcome:
        signal = Signal.OPEN if code is ReasonCode.ACCEPTS_ALL else Signal.SILENT
        return unproven(code, target, seen("22", signal), source=source)

    assert len(only(met("repo1", "vbr1"), met("pve1", "vbr1")).flows) == 2
    assert len(only(met("repo1", "vbr1"), met("repo1", "pve2")).flows) == 2
    assert len(find_causes(report([met("repo1", "vbr1"), met("pve1", "pve2")]))) == 2


def test_what_hurts_most_comes_first_among_failures() -> None:
    made = everything()
    weights = [cause.weight for cause in find_causes(made) if cause.verdict is Verdict.FAIL]
    assert weights == sorted(weights)
    assert weights[0] == 1


def test_a_vantage_that_nothing_answers_is_suspected_first() -> None:
    cause = only(silent("pve1"), silent("pve2"), silent("repo1"))
    assert cause.kind is Kind.ISOLATED
    assert cause.who[0] is Who.OPERATOR
    assert "10.0.10.5" in cause.what[0]


@pytest.mark.parametrize(
    "other",
    [
        passed("repo1"),
        rejected("repo1", "22", "10.0.99.1"),
        failed(ReasonCode.UNREACHABLE, "repo1", seen("22", Signal.UNREACHABLE, by="10.0.10.1")),
    ],
    ids=["an open port", "a reject", "a router"],
)
def test_any_answer_clears_the_vantage(other: Outcome) -> None:
    causes = find_causes(report([silent("pve1"), silent("pve2"), silent("worker1"), other]))
    assert Kind.ISOLATED not in {cause.kind for cause in causes}


@pytest.mark.parametrize(
    ("code", "row", "kind", "said"),
    [
        (ReasonCode.INTERRUPTED, None, Kind.INTERRUPTED, "interrupted"),
        (
            ReasonCode.SCAN_PROTECTION,
            seen("22", Signal.SILENT),
            Kind.SCAN_PROTECTION,
            "answered vbr1 first and then went silent",
        ),
        (
            ReasonCode.LOCAL_ERROR,
            seen("22", Signal.LOCAL_ERROR, meaning="too many open files"),
            Kind.LOCAL_ERROR,
            "could not try 1 flow itself: too many open files",
        ),
        (
            ReasonCode.ACCEPTS_ALL,
            seen("22", Signal.OPEN),
            Kind.ACCEPTS_ALL,
            "Something accepts every connection to repo1 (10.0.30.5)",
        ),
        (
            ReasonCode.NOT_RUNNING,
            seen("22", Signal.SILENT),
            Kind.NOT_RUNNING,
            "repo1 exists only while a job runs",
        ),
        (
            ReasonCode.REFUSAL_UNATTRIBUTED,
            seen("22", Signal.REFUSED, attributed=False),
            Kind.UNATTRIBUTED_REFUSAL,
            "cannot be told from a firewall's reject",
        ),
        (
            ReasonCode.IDLE_SILENT,
            seen("22", Signal.SILENT),
            Kind.IDLE,
            "repo1: TCP 22 stayed silent, which proves nothing",
        ),
    ],
)
def test_every_reason_to_be_unproven_has_its_finding(
    code: ReasonCode, row: Evidence | None, kind: Kind, said: str
) -> None:
    cause = only(unproven(code, "repo1", *([row] if row else []), ports="22"))
    assert cause.kind is kind
    assert cause.verdict is Verdict.UNPROVEN
    assert said in cause.title


def test_idle_ports_before_the_installation_wait_for_it() -> None:
    idle = unproven(ReasonCode.IDLE_SILENT, "repo1", seen("6160", Signal.SILENT))
    (cause,) = find_causes(report([idle], run=run_note(phase=Phase.PREDEPLOY)))
    assert any("--phase live" in sentence for sentence in cause.what)


def test_a_failure_without_evidence_is_still_a_finding() -> None:
    assert only(failed(ReasonCode.BLOCKED_SILENT, "repo1", ports="22")).kind is Kind.UNKNOWN


def test_waived_flows_have_no_cause() -> None:
    assert find_causes(report([replace(silent("repo1"), verdict=Verdict.WAIVED)])) == ()


def test_a_stand_ins_address_is_not_given_out_as_the_sources() -> None:
    cause = only(replace(silent("repo1", source="worker1"), runs_from="pve2"))
    assert cause.connections[0].source == "worker1"
    assert cause.connections[0].source_address is None


def test_what_breaks_is_said_once_for_each_text() -> None:
    cause = only(silent("pve2"), silent("pve2", source="pve1"))
    assert cause.breaks == ("Jobs that need rule-22 fail.",)


def test_the_worst_comes_first() -> None:
    causes = find_causes(everything())
    ranks = [TROUBLED.index(cause.verdict) for cause in causes]
    assert ranks == sorted(ranks)
    assert causes[0].kind is Kind.HOST_DOWN


OUTCOMES = st.builds(
    flow_of,
    st.sampled_from(Verdict),
    st.sampled_from(ReasonCode),
    st.sampled_from(["pve1", "pve2", "repo1", "repo2", "sql1"]),
    st.builds(
        seen,
        st.sampled_from(["22", "2500-2600", "2700"]),
        st.sampled_from(Signal),
        by=st.sampled_from([None, "10.0.99.1", "10.0.30.5", "10.0.10.5"]),
        attributed=st.booleans(),
        meaning=st.sampled_from([None, "prohibited"]),
    ),
    ports=st.just("22,2500-2700"),
    source=st.sampled_from(["vbr1", "pve1"]),
    service=st.sampled_from(["tcp", "ntp"]),
)


@given(st.lists(OUTCOMES, max_size=12))
def test_every_flow_in_trouble_is_in_exactly_one_cause(flows: list[Outcome]) -> None:
    flows = [replace(each, id=f"{number}-{each.id}") for number, each in enumerate(flows)]
    causes = find_causes(report(flows))
    told = [flow_id for cause in causes for flow_id in cause.flows]
    assert sorted(told) == sorted(each.id for each in flows if each.verdict in TROUBLED)
    assert all(cause.title and cause.who and 1 <= len(cause.what) <= 3 for cause in causes)


@given(st.lists(OUTCOMES, max_size=12))
def test_no_cause_claims_more_than_was_seen(flows: list[Outcome]) -> None:
    flows = [replace(each, id=f"{number}-{each.id}") for number, each in enumerate(flows)]
    by_id = {each.id: each for each in flows}
    life = {Signal.OPEN, Signal.REFUSED, Signal.INVALID}
    alive = {
        (each.runs_from, row.address)
        for each in flows
        for row in each.evidence
        if row.signal in life
    }
    for cause in find_causes(report(flows)):
        own = [by_id[flow_id] for flow_id in cause.flows]
        tried = {row.address for each in own for row in each.evidence}
        assert {each.address for each in cause.connections} <= tried
        lifeless = {Kind.HOST_DOWN, Kind.NETWORK_SILENT, Kind.NO_ROUTE, Kind.NO_WAY, Kind.ISOLATED}
        if cause.kind in lifeless:
            assert not alive & {
                (each.runs_from, row.address) for each in own for row in each.evidence
            }
        if cause.kind in {Kind.DROPPED, Kind.DROPPED_ALIKE}:
            assert alive >= {(each.runs_from, row.address) for each in own for row in each.evidence}
