"""From flows to openings: nothing needed is missing, nothing else is in, and none is too many."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import ADDRESSES, everything, flow, report, seen
from veeamcheck.firewall.connections import address_book
from veeamcheck.firewall.openings import Opening, Openings, find_openings
from veeamcheck.model import Flow, Mode, Outcome, ReasonCode, RuleNote, Signal, Transport, Verdict
from veeamcheck.ports import PortSet

HOSTS = {host: (address,) for host, address in ADDRESSES.items()}


def needed(
    rule: str, source: str, target: str, ports: str, *evidence: Signal, **more: object
) -> Outcome:
    """A flow that is blocked, or that shows these signals on all of its ports."""
    rows = [seen(ports, signal) for signal in evidence or [Signal.SILENT]]
    return flow(rule, source, target, ports, Verdict.FAIL, ReasonCode.BLOCKED_SILENT, rows, **more)


def found(flows: Iterable[Outcome], **options: bool) -> Openings:
    made = report(flows)
    return find_openings(made.flows, made.rules, address_book(made.flows, HOSTS), **options)


def texts(openings: Iterable[Opening]) -> list[str]:
    """``vbr1>pve1,pve2 tcp 22 (ssh)``, with addresses where a host has several."""
    return [
        f"{','.join(end.host for end in each.sources)}>{','.join(end.host for end in each.targets)}"
        f" {each.transport} {each.ports} ({','.join(rule.id for rule in each.rules)})"
        for each in openings
    ]


def reasons(result: Openings) -> list[str]:
    return [item.why for item in result.left_out]


# --- joining ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flows", "wanted"),
    [
        (
            [("api", "vbr1", "pve1", "8006"), ("ssh", "vbr1", "pve1", "22")],
            ["vbr1>pve1 tcp 22,8006 (api,ssh)"],
        ),
        (
            [("ssh", "vbr1", "pve1", "22"), ("ssh", "vbr1", "pve2", "22")],
            ["vbr1>pve1,pve2 tcp 22 (ssh)"],
        ),
        (
            [(rule, source, target, ports)
             for rule, ports in (("api", "8006"), ("ssh", "22"))
             for source in ("vbr1", "worker1") for target in ("pve1", "pve2")],
            ["vbr1,worker1>pve1,pve2 tcp 22,8006 (api,ssh)"],
        ),
        (
            [("ssh", "vbr1", "pve1", "22"), ("too", "vbr1", "pve1", "22")],
            ["vbr1>pve1 tcp 22 (ssh,too)"],
        ),
        (
            [("one", "vbr1", "sql1", "2501"), ("all", "vbr1", "sql1", "2500-3300")],
            ["vbr1>sql1 tcp 2500-3300 (one,all)"],
        ),
        (
            [("one", "vbr1", "pve1", "22"),
             ("all", "vbr1", "pve1", "22"), ("all", "vbr1", "pve2", "22")],
            ["vbr1>pve1,pve2 tcp 22 (one,all)"],
        ),
        # The first is covered by the two others together.
        (
            [("both", "vbr1", "pve1", "22,8006"), ("ssh", "vbr1", "pve1", "22"),
             ("ssh", "vbr1", "pve2", "22"), ("api", "vbr1", "pve1", "8006"),
             ("api", "vbr1", "repo1", "8006")],
            ["vbr1>pve1,pve2 tcp 22 (both,ssh)", "vbr1>pve1,repo1 tcp 8006 (both,api)"],
        ),
        # A pair that is missing is not opened.
        (
            [("ssh", "vbr1", "pve1", "22"), ("ssh", "vbr1", "pve2", "22"),
             ("ssh", "worker1", "pve1", "22")],
            ["vbr1>pve1,pve2 tcp 22 (ssh)", "worker1>pve1 tcp 22 (ssh)"],
        ),
    ],
    ids=["ports", "targets", "product", "same", "within-range", "within", "together", "hole"],
)  # fmt: skip
def test_openings_are_joined(flows: list[tuple[str, str, str, str]], wanted: list[str]) -> None:
    assert texts(found([needed(*each) for each in flows]).openings) == wanted


def test_transports_and_families_stay_apart() -> None:
    flows = [
        needed("time", "vbr1", "ntp1", "123", transport=Transport.UDP),
        needed("time", "vbr1", "ntp1", "123"),
    ]
    assert texts(found(flows).openings) == ["vbr1>ntp1 udp 123 (time)", "vbr1>ntp1 tcp 123 (time)"]

    both = needed("ssh", "vbr1", "pve1", "22", address=("10.0.10.20", "fd00::20"))
    book = address_book([both], {"vbr1": ("10.0.10.5", "fd00::5")})
    made = find_openings([both], report([both]).rules, book)
    assert [
        ([end.address for end in each.sources], [end.address for end in each.targets], each.version)
        for each in made.openings
    ] == [(["10.0.10.5"], ["10.0.10.20"], 4), (["fd00::5"], ["fd00::20"], 6)]
    assert made.left_out == ()


ADDRESSED = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2", "n.example"])
PORTS = st.sampled_from(["22", "135,445", "2500-2510", "2505", "2500-2520", "443"]).map(
    PortSet.parse
)
HOST_NAMES = [f"host{number}" for number in range(6)]


@st.composite
def deployments(draw: st.DrawFn) -> tuple[list[Flow], dict[str, tuple[str, ...]]]:
    hosts = {name: tuple(draw(st.sets(ADDRESSED, min_size=1, max_size=2))) for name in HOST_NAMES}
    pairs = draw(
        st.lists(
            st.tuples(*(st.sampled_from(HOST_NAMES),) * 2, PORTS, st.sampled_from("abcd")),
            max_size=12,
        )
    )
    return [
        flow(
            rule, source, target, str(ports), Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE,
            address=hosts[target],
        )
        for source, target, ports, rule in pairs
    ], hosts  # fmt: skip


Cell = tuple[str, str, str, str, str, int]


def cells(openings: Iterable[Opening]) -> list[set[Cell]]:
    """Every single connection that each opening lets through."""
    return [
        {
            (*source, *target, each.transport, port)
            for source in each.sources
            for target in each.targets
            for port in each.ports
        }
        for each in openings
    ]


@given(deployments(), st.booleans())
def test_openings_are_exact_and_none_is_too_many(
    deployment: tuple[list[Flow], dict[str, tuple[str, ...]]], takes_names: bool
) -> None:
    flows, hosts = deployment
    wanted = {
        (each.source, source, each.target, target, each.transport, port)
        for each in flows
        for source in hosts[each.source]
        for target in each.address
        for port in each.ports
        if each.source != each.target and source != target
        if takes_names or "n.example" not in (source, target)
        if "n.example" in (source, target) or (":" in source) == (":" in target)
    }

    made = find_openings(flows, (), address_book(flows, hosts), takes_names=takes_names)

    each_alone = cells(made.openings)
    assert set().union(*each_alone) == wanted
    for number, own in enumerate(each_alone):
        others = each_alone[:number] + each_alone[number + 1 :]
        assert own - set().union(*others), made.openings[number]
    # Every pair of hosts that is needed is opened, or it is said why it is not.
    told = {(s, t) for s, _, t, *_ in set().union(*each_alone)}
    told |= {(s, t) for own in cells(item.opening for item in made.left_out) for s, _, t, *_ in own}
    assert told == {(each.source, each.target) for each in flows}
    assert all(item.why for item in made.left_out)


# --- what is needed --------------------------------------------------------------------------


def test_the_primary_port_is_enough_unless_the_failover_is_asked_for() -> None:
    failover = needed(
        "data", "vbr1", "repo1", "6162",
        mode=Mode.FAILOVER, failover_ports=PortSet.parse("2500-2509"),
    )  # fmt: skip
    assert texts(found([failover]).openings) == ["vbr1>repo1 tcp 6162 (data)"]
    assert texts(found([failover], with_failover=True).openings) == [
        "vbr1>repo1 tcp 2500-2509,6162 (data)"
    ]


def test_names_to_allow_are_targets_too() -> None:
    made = everything()
    (with_list, *_) = made.rules
    assert with_list.allow_list
    book = address_book(made.flows, HOSTS)
    named = find_openings(made.flows, made.rules, book, takes_names=True)
    assert "*.cloudfront.net" in {end.address for each in named.openings for end in each.targets}
    addressed = find_openings(made.flows, made.rules, book)
    (why,) = (
        item.why for item in addressed.left_out
        if any(end.address == "*.cloudfront.net" for end in item.opening.targets)
    )  # fmt: skip
    assert "pattern" in why


# --- what failed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "code", "signal", "opened"),
    [
        (Verdict.FAIL, ReasonCode.BLOCKED_SILENT, Signal.SILENT, True),
        (Verdict.FAIL, ReasonCode.BLOCKED_REJECTED, Signal.REJECTED, True),
        (Verdict.FAIL, ReasonCode.PARTLY_BLOCKED, Signal.REJECTED, True),
        (Verdict.DEGRADED, ReasonCode.FAILOVER_ONLY, Signal.SILENT, True),
        (Verdict.FAIL, ReasonCode.NO_LISTENER, Signal.REFUSED, False),
        (Verdict.FAIL, ReasonCode.WRONG_SERVICE, Signal.INVALID, False),
        (Verdict.FAIL, ReasonCode.UNREACHABLE, Signal.UNREACHABLE, False),
        (Verdict.FAIL, ReasonCode.UNRESOLVED, Signal.UNRESOLVED, False),
    ],
)
def test_of_what_failed_only_what_a_firewall_may_have_done_is_opened(
    verdict: Verdict, code: ReasonCode, signal: Signal, opened: bool
) -> None:
    failed = flow("rule", "vbr1", "repo1", "6162", verdict, code, [seen("6162", signal)])
    result = found([failed], failed_only=True)
    assert len(result.openings) == opened
    assert len(result.left_out) == (not opened)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.PASS, ReasonCode.OPEN),
        (Verdict.UNPROVEN, ReasonCode.IDLE_SILENT),
        (Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE),
        (Verdict.WAIVED, ReasonCode.BLOCKED_SILENT),
    ],
)
def test_what_did_not_fail_is_not_opened_again(verdict: Verdict, code: ReasonCode) -> None:
    other = flow("rule", "vbr1", "repo1", "22", verdict, code, [seen("22", Signal.SILENT)])
    assert found([other], failed_only=True) == Openings((), ())


def test_only_the_addresses_that_are_blocked_are_opened() -> None:
    failed = needed(
        "ssh", "vbr1", "repo1", "22", address=("10.0.30.5", "10.0.30.6"),
    )  # fmt: skip
    rows = (
        seen("22", Signal.OPEN, address="10.0.30.5"),
        seen("22", Signal.SILENT, address="10.0.30.6"),
    )
    (opening,) = found([replace(failed, evidence=rows)], failed_only=True).openings
    assert [end.address for end in opening.targets] == ["10.0.30.6"]


def test_a_blocked_failover_beside_a_clear_primary_is_left_out_and_told() -> None:
    down = flow(
        "data", "vbr1", "repo1", "6162", Verdict.FAIL, ReasonCode.BLOCKED_SILENT,
        [seen("6162", Signal.REFUSED), seen("2500-2509", Signal.SILENT)],
        mode=Mode.FAILOVER, failover_ports=PortSet.parse("2500-2509"),
    )  # fmt: skip
    result = found([down], failed_only=True)
    assert result.openings == ()
    assert reasons(result) == ["none of these ports is silent or rejected"]
    assert texts(found([down], failed_only=True, with_failover=True).openings) == [
        "vbr1>repo1 tcp 2500-2509,6162 (data)"
    ]


# --- whose addresses -------------------------------------------------------------------------


def test_a_stand_in_is_not_let_through_in_place_of_the_source() -> None:
    probed = needed("data", "worker1", "repo1", "6162", runs_from="pve1")
    (opening,) = found([probed], failed_only=True).openings
    assert [tuple(end) for end in opening.sources] == [("worker1", "10.0.20.11")]


def test_a_source_that_only_probed_is_known_by_where_it_probed_from() -> None:
    probed = needed("data", "sql1", "repo1", "6162")  # its local address is the sample's
    book = address_book([probed])
    assert [end.address for end in book.ends("sql1")] == ["10.0.10.5"]
    # A stand-in's own address says nothing about the source.
    stood_in = needed("data", "sql1", "repo1", "6162", runs_from="vbr1")
    result = find_openings([stood_in], (), address_book([stood_in]))
    assert reasons(result) == ["no address of sql1 is known; name the inventory too"]
    named = find_openings([stood_in], (), address_book([stood_in]), takes_names=True)
    assert [tuple(end) for end in named.openings[0].sources] == [("sql1", "")]


def test_a_name_is_what_it_was_resolved_to() -> None:
    name = "repo1.example.com"
    rows = (seen("22", Signal.SILENT, address="10.0.30.5", name=name),)
    probed = replace(needed("ssh", "vbr1", "repo1", "22", address=(name,)), evidence=rows)
    # Another flow, of which nothing was seen, to and from the same host.
    untested = flow("api", "repo1", "pve1", "8006", Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE)
    book = address_book([probed, untested], HOSTS | {"repo1": (name,)})
    result = find_openings([probed, untested], (), book)
    assert [[end.address for end in each.targets] for each in result.openings] == [
        ["10.0.30.5"], ["10.0.10.20"],
    ]  # fmt: skip
    assert [end.address for end in result.openings[1].sources] == ["10.0.30.5"]


def test_a_name_that_nobody_resolved_is_left_out_with_the_reason() -> None:
    named = needed("ssh", "vbr1", "repo1", "22", address=("repo1.example.com",))
    result = found([replace(named, evidence=())])
    assert result.openings == ()
    assert "repo1.example.com is not known" in reasons(result)[0]


def test_a_source_declared_by_name_has_the_address_that_it_probed_from() -> None:
    probed = needed("ssh", "vbr1", "pve1", "22")
    book = address_book([probed], {"vbr1": ("vbr1.example.com",)})
    assert [end.address for end in book.ends("vbr1")] == ["10.0.10.5"]


def test_an_address_loses_its_zone() -> None:
    linked = needed("ssh", "vbr1", "pve1", "22", address=("fe80::20%eth0",))
    book = address_book([linked], {"vbr1": ("fe80::5%eth1",)})
    (opening,) = find_openings([linked], (), book).openings
    assert [end.address for end in (*opening.sources, *opening.targets)] == ["fe80::5", "fe80::20"]


def test_families_that_do_not_meet_are_left_out_with_the_reason() -> None:
    six = needed("ssh", "vbr1", "pve1", "22", address=("fd00::20",))
    result = found([replace(six, evidence=())])
    assert (result.openings, len(result.left_out)) == ((), 1)
    assert "family" in reasons(result)[0]


def test_what_stays_within_a_host_is_left_out() -> None:
    own = needed("database", "vbr1", "vbr1", "6172", address=("10.0.10.5",))
    shared = needed("ssh", "vbr1", "pve1", "22", address=("10.0.10.5",))
    result = found([replace(own, evidence=()), replace(shared, evidence=())])
    assert result.openings == ()
    assert all("within one host" in why for why in reasons(result))


def test_a_rule_that_the_report_says_nothing_of_is_named_all_the_same() -> None:
    unknown = needed("ssh", "vbr1", "pve1", "22")
    (opening,) = find_openings([unknown], (), address_book([unknown], HOSTS)).openings
    assert opening.rules == (
        RuleNote(
            id="ssh", rule_set="veeam-pve", section="Backup Server", row=1,
            purpose="", breaks="", document="",
        ),
    )  # fmt: skip
