"""Expansion on a small document of its own: what becomes a flow, what is skipped, and why."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inventories import host, inventory
from veeamcheck.expand import Selection, expand, select
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import (
    Attribute,
    Condition,
    Exclude,
    Flow,
    Host,
    Inventory,
    Listener,
    Mode,
    Option,
    Plan,
    Population,
    Role,
    Rule,
    RuleSet,
    Skipped,
    Transport,
    Value,
    Waiver,
)
from veeamcheck.ports import PortSet


def rule(rule_id: str = "client-server", **changes: Any) -> Rule:
    """A client talks to a server, except as told."""
    plain: dict[str, Any] = {
        "section": "Servers",
        "row": 1,
        "source": "client",
        "target": "server",
        "transport": Transport.TCP,
        "mode": Mode.ALL,
        "ports": (PortSet.of([80]),),
        "service": "tcp",
        "purpose": "Pages are read.",
        "breaks": "No pages.",
    }
    return Rule(id=rule_id, **(plain | changes))


def rule_set(*rules: Rule) -> RuleSet:
    roles = [
        Role(name="client", title="Client"),
        Role(name="server", title="Server"),
        Role(name="gateway", title="Gateway"),
        Role(name="guest", title="Guest", transient=True),
    ]
    options = [Option(name="fast", default=True), Option(name="proxy", default="")]
    attributes = [
        Attribute(name="os", default="", choices=("windows", "linux")),
        Attribute(name="kit", default=False),
        Attribute(name="databases", default=()),
        Attribute(name="runtime", default="brief"),
        Attribute(name="gateway", default=(), roles=("server",), hosts_with_role="gateway"),
    ]
    return RuleSet(
        id="toy",
        title="Toy",
        product_version="1",
        revision="1",
        document="https://example.com",
        roles={role.name: role for role in roles},
        options={option.name: option for option in options},
        attributes={attribute.name: attribute for attribute in attributes},
        rules=rules,
    )


def plan(rules: Rule | Iterable[Rule], *hosts: Host, **inventory_keys: Any) -> Plan:
    rules = (rules,) if isinstance(rules, Rule) else tuple(rules)
    return expand(inventory(rule_set(*rules), hosts, **inventory_keys))


def ids(plan: Plan) -> list[str]:
    return [flow.id for flow in plan.flows]


def skips(plan: Plan) -> list[tuple[str | None, str | None, str]]:
    return [(skip.source, skip.target, skip.reason) for skip in plan.skipped]


CLIENT = host("c", "client")
SERVER = host("s", "server")


# --- a flow ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failover", "listener"), [("2500-3300", Listener.SESSION), ("11731", Listener.ALWAYS)]
)
def test_a_failover_range_is_open_only_during_jobs(failover: str, listener: Listener) -> None:
    documented = PortSet.parse(failover)
    (flow,) = plan(
        rule(
            mode=Mode.FAILOVER,
            ports=(PortSet.of([6162]),),
            failover=(documented,),
            listener=Listener.ALWAYS,
        ),
        CLIENT,
        SERVER,
    ).flows
    assert flow.failover_listener is listener


def test_a_flow_says_everything() -> None:
    target = Host(
        name="g",
        address=("10.0.0.1", "g.example.com"),
        roles=("server", "guest"),
        attributes={"os": "linux"},
    )
    (flow,) = plan(
        rule(
            "client-guest",
            target="guest",
            row=7,
            mode=Mode.FAILOVER,
            ports=(PortSet.of([6162]),),
            failover=(PortSet.parse("2500-3300"),),
            listener=Listener.SESSION,
            service="https",
        ),
        CLIENT,
        target,
    ).flows
    assert flow == Flow(
        id="client-guest@c>g",
        rule_set="toy",
        rule="client-guest",
        section="Servers",
        row=7,
        source="c",
        target="g",
        address=("10.0.0.1", "g.example.com"),
        transport=Transport.TCP,
        mode=Mode.FAILOVER,
        ports=PortSet.of([6162]),
        failover_ports=PortSet.parse("2500-3300"),
        failover_listener=Listener.SESSION,
        listener=Listener.SESSION,
        installed_by=rule().installed_by,
        service="https",
        runs_from="c",
        target_transient=True,
        target_os="linux",
    )


def test_transience_is_of_the_role_in_the_rule_not_of_the_host() -> None:
    (flow,) = plan(rule(), CLIENT, host("both", "guest", "server")).flows
    assert not flow.target_transient


def test_rules_then_sources_then_targets_in_their_written_order() -> None:
    hosts = [host("z", "client"), host("y", "server"), host("b", "client"), host("a", "server")]
    assert ids(plan([rule("r2"), rule("r1")], *hosts)) == [
        *("r2@z>y", "r2@z>a", "r2@b>y", "r2@b>a"),
        *("r1@z>y", "r1@z>a", "r1@b>y", "r1@b>a"),
    ]


def test_a_role_written_twice_counts_once() -> None:
    assert ids(plan(rule(), CLIENT, host("s", "server", "server"))) == ["client-server@c>s"]


@pytest.mark.parametrize(
    ("own", "ports", "failover"),
    [
        ({}, "445,6160", "2500-3300"),
        ({"6160": "16160"}, "445,16160", "2500-3300"),
        ({"2500-3300": "2500-2509"}, "445,6160", "2500-2509"),
        ({"445": "446", "6160": "6161", "2500-3300": "9"}, "446,6161", "9"),
    ],
)
def test_ports_of_the_site_replace_documented_values(
    own: dict[str, str], ports: str, failover: str
) -> None:
    failing_over = rule(
        mode=Mode.FAILOVER,
        ports=(PortSet.of([6160]), PortSet.of([445])),
        failover=(PortSet.parse("2500-3300"),),
    )
    (flow,) = plan(failing_over, CLIENT, host("s", "server", ports=own)).flows
    assert (str(flow.ports), str(flow.failover_ports)) == (ports, failover)


def test_the_ports_of_the_source_do_not_count() -> None:
    (flow,) = plan(rule(), host("c", "client", ports={"80": "8080"}), SERVER).flows
    assert str(flow.ports) == "80"


def test_only_a_failover_rule_has_failover_ports() -> None:
    (flow,) = plan(rule(), CLIENT, host("s", "server", ports={"80": "8080"})).flows
    assert flow.failover_ports is None


# --- where a flow runs from ------------------------------------------------------------------


@pytest.mark.parametrize(("vantage", "runs_from"), [(None, "s"), ("s", "s"), ("c", "c")])
def test_a_stand_in_runs_the_flows_of_a_host_that_is_not_here(
    vantage: str | None, runs_from: str
) -> None:
    site = inventory(rule_set(rule()), [host("c", "client", stand_in="s"), SERVER])
    found = expand(site, vantage)
    assert [flow.runs_from for flow in found.flows] == [runs_from]
    assert found.vantage == vantage


def test_only_the_host_itself_runs_its_flow_to_itself() -> None:
    to_itself = rule("client-self", target="", target_self=True)
    found = plan(to_itself, host("c", "client", stand_in="s"), SERVER, host("c2", "client"))
    assert [(flow.id, flow.runs_from) for flow in found.flows] == [
        ("client-self@c>c", "c"),
        ("client-self@c2>c2", "c2"),
    ]
    assert found.skipped == ()


def test_a_flow_to_itself_asks_both_conditions_of_the_one_host() -> None:
    condition = Condition(source={"os": "linux"}, target={"kit": True})
    to_itself = rule("client-self", target="", target_self=True, when=condition)
    found = plan(
        to_itself,
        host("neither", "client"),
        host("one", "client", os="linux"),
        host("both", "client", os="linux", kit=True),
    )
    assert ids(found) == ["client-self@both>both"]
    assert [skip[:2] for skip in skips(found)] == [("neither", None), (None, "one")]


# --- gateways --------------------------------------------------------------------------------

TO_GATEWAYS = rule("client-gateway", target="", target_gateway_of="server")


def test_gateways_in_front_of_a_role_each_once_in_inventory_order() -> None:
    found = plan(
        TO_GATEWAYS,
        host("gw1", "gateway", "client"),
        host("idle", "gateway"),
        host("gw2", "gateway"),
        host("s1", "server", gateway=("gw2", "gw1")),
        host("s2", "server", gateway=("gw2",)),
        host("s3", "server"),
        CLIENT,
    )
    assert ids(found) == ["client-gateway@gw1>gw2", "client-gateway@c>gw1", "client-gateway@c>gw2"]
    assert skips(found) == [
        (None, "idle", "it is the gateway of no server"),
        ("gw1", "gw1", "source and target are the same host: nothing crosses a network"),
    ]


def test_without_gateways_the_rule_is_skipped_once() -> None:
    assert skips(plan(TO_GATEWAYS, CLIENT, SERVER)) == [
        (None, None, "no host has the role gateway")
    ]


# --- conditions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "wanted", "reason"),
    [
        ({"os": "linux"}, {"os": "linux"}, None),
        (
            {"os": "windows"},
            {"os": "linux"},
            "its os is windows; the rule applies where it is linux",
        ),
        ({}, {"os": "linux"}, "its os is not set; the rule applies where it is linux"),
        ({}, {"os": ("windows", "")}, None),
        (
            {"os": "linux"},
            {"os": ("windows", "")},
            "its os is linux; the rule applies where it is windows or not set",
        ),
        ({}, {"runtime": "brief"}, None),
        ({"kit": True}, {"kit": True}, None),
        ({}, {"kit": False}, None),
        ({"kit": True}, {"kit": False}, "its kit is true; the rule applies where it is false"),
        ({}, {"databases": ()}, None),
        ({}, {"os": ()}, None),
        (
            {"databases": ("a", "b")},
            {"databases": ()},
            "its databases is a, b; the rule applies where it is not set",
        ),
        ({"databases": ("a", "b")}, {"databases": "b"}, None),
        ({"databases": ("a",)}, {"databases": ("b", "a")}, None),
        (
            {"databases": ("a",)},
            {"databases": ("b", "c")},
            "its databases is a; the rule applies where it includes b or c",
        ),
        (
            {},
            {"databases": "b"},
            "its databases is not set; the rule applies where it includes b",
        ),
        (
            {"os": "linux", "kit": True},
            {"os": "linux", "kit": False},
            "its kit is true; the rule applies where it is false",
        ),
    ],
)
@pytest.mark.parametrize("end", ["source", "target"])
def test_conditions_on_hosts(
    end: str, attributes: dict[str, Value], wanted: dict[str, Value], reason: str | None
) -> None:
    ends = {
        "source": host("c", "client", **(attributes if end == "source" else {})),
        "target": host("s", "server", **(attributes if end == "target" else {})),
    }
    found = plan(rule(when=Condition(**{end: wanted})), *ends.values())
    assert bool(found.flows) is (reason is None)
    if reason is not None:
        names = (ends[end].name, None) if end == "source" else (None, ends[end].name)
        assert skips(found) == [(*names, reason)]


@pytest.mark.parametrize(
    ("options", "wanted", "reason"),
    [
        ({}, {"fast": True, "proxy": ""}, None),
        ({"fast": False}, {"fast": False}, None),
        (
            {"fast": False},
            {"fast": True},
            "the option fast is false; the rule applies where it is true",
        ),
        (
            {"proxy": "px:3128"},
            {"fast": True, "proxy": ""},
            "the option proxy is px:3128; the rule applies where it is not set",
        ),
    ],
)
def test_conditions_on_options(
    options: dict[str, bool | str], wanted: dict[str, Value], reason: str | None
) -> None:
    found = plan(rule(when=Condition(options=wanted)), CLIENT, SERVER, options=options)
    assert bool(found.flows) is (reason is None)
    assert skips(found) == ([] if reason is None else [(None, None, reason)])


def test_an_option_is_the_reason_even_where_nobody_has_the_role() -> None:
    found = plan(rule(when=Condition(options={"fast": True})), CLIENT, options={"fast": False})
    assert [skip[2].split(";")[0] for skip in skips(found)] == ["the option fast is false"]


BRIEF = Population(role="guest", attributes={"runtime": "brief"})
GUEST = host("g", "guest")
LASTING = host("g", "guest", runtime="lasting")


@pytest.mark.parametrize(
    ("condition", "guests", "reason"),
    [
        (Condition(has=(BRIEF,)), [GUEST], None),
        (
            Condition(has=(BRIEF,)),
            [LASTING],
            "no host is a guest with runtime brief; the rule applies where one is",
        ),
        (
            Condition(has=(Population(role="guest"),)),
            [],
            "no host is a guest; the rule applies where one is",
        ),
        (Condition(lacks=(BRIEF,)), [LASTING], None),
        (
            Condition(lacks=(BRIEF,)),
            [GUEST],
            "g is a guest with runtime brief; the rule applies where no host is",
        ),
        (
            Condition(has=(Population(role="guest"),), lacks=(BRIEF,)),
            [GUEST],
            "g is a guest with runtime brief; the rule applies where no host is",
        ),
    ],
)
def test_conditions_on_the_inventory(
    condition: Condition, guests: list[Host], reason: str | None
) -> None:
    found = plan(rule(when=condition), CLIENT, SERVER, *guests)
    assert bool(found.flows) is (reason is None)
    assert skips(found) == ([] if reason is None else [(None, None, reason)])


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        ([], "no host has the role client or server"),
        ([CLIENT], "no host has the role server"),
        ([SERVER], "no host has the role client"),
    ],
)
def test_a_role_that_nobody_has(hosts: list[Host], reason: str) -> None:
    found = plan(rule(), *hosts)
    assert found.skipped == (
        Skipped(rule="client-server", source=None, target=None, reason=reason, section="Servers"),
    )


# --- pairs -----------------------------------------------------------------------------------


def test_the_same_host_is_no_flow() -> None:
    found = plan(rule(), CLIENT, host("both", "client", "server"))
    assert ids(found) == ["client-server@c>both"]
    assert skips(found) == [
        ("both", "both", "source and target are the same host: nothing crosses a network")
    ]


@pytest.mark.parametrize(
    ("source", "target", "excluded"),
    [
        ("c1", "s1", {"c1>s1"}),
        ("s1", "c1", set()),
        ("role:client", "s2", {"c1>s2", "c2>s2"}),
        ("role:server", "*", set()),
        ("c2", "role:server", {"c2>s1", "c2>s2"}),
        ("*", "s1", {"c1>s1", "c2>s1"}),
        ("*", "*", {"c1>s1", "c1>s2", "c2>s1", "c2>s2"}),
    ],
)
def test_excludes(source: str, target: str, excluded: set[str]) -> None:
    hosts = [host("c1", "client"), host("c2", "client"), host("s1", "server"), host("s2", "server")]
    found = plan(rule(), *hosts, exclude=[Exclude(source, target, "other site")])
    every = {f"{client}>{server}" for client in ("c1", "c2") for server in ("s1", "s2")}
    assert {flow.id.partition("@")[2] for flow in found.flows} == every - excluded
    assert {f"{skip.source}>{skip.target}" for skip in found.skipped} == excluded
    assert {skip.reason for skip in found.skipped} <= {"it is excluded: other site"}


def test_the_most_exact_exclude_gives_the_reason() -> None:
    excludes = [
        Exclude("*", "*", "closed"),
        Exclude("c", "role:server", "by role"),
        Exclude("c", "s", "by name"),
    ]
    assert skips(plan(rule(), CLIENT, SERVER, exclude=excludes)) == [
        ("c", "s", "it is excluded: by name")
    ]


# --- waivers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flow", "because"),
    [
        ("client-server@c>s", None),
        ("client-server@s>c", "the rule is not for these hosts"),
        (
            "client-server@c>lin",
            "its os is linux; the rule applies where it is not set",
        ),
        ("never@c>s", "the option fast is true; the rule applies where it is false"),
    ],
)
def test_a_waiver_of_a_flow_that_does_not_arise_is_a_warning(
    flow: str, because: str | None
) -> None:
    rules = [
        rule(when=Condition(target={"os": ""})),
        rule("never", when=Condition(options={"fast": False})),
    ]
    found = plan(
        rules,
        CLIENT,
        SERVER,
        host("lin", "server", os="linux"),
        waive=[Waiver(flow, "change 4711", None)],
        warnings=["an earlier one"],
    )
    expected = ["an earlier one"]
    if because is not None:
        expected.append(f"inventory.toml: waive: the flow {flow} does not arise: {because}")
    assert list(found.warnings) == expected


# --- selection -------------------------------------------------------------------------------

WHOLE = plan(
    [
        rule("client-server"),
        rule("server-guest", source="server", target="guest", section="Inside"),
    ],
    host("c1", "client"),
    host("c2", "client"),
    host("S1", "server"),
)


@pytest.mark.parametrize(
    ("selection", "flows", "skipped"),
    [
        (Selection(), ["client-server@c1>S1", "client-server@c2>S1"], ["server-guest"]),
        (Selection(rules=("CLIENT-*",)), ["client-server@c1>S1", "client-server@c2>S1"], []),
        (Selection(rules=("nothing", "server-?uest")), [], ["server-guest"]),
        (Selection(hosts=("C1",)), ["client-server@c1>S1"], []),
        (Selection(hosts=("s*",)), ["client-server@c1>S1", "client-server@c2>S1"], []),
        (Selection(hosts=("c2", "c1")), ["client-server@c1>S1", "client-server@c2>S1"], []),
        (Selection(sections=("in*",)), [], ["server-guest"]),
        (Selection(sections=("servers",), hosts=("c2",)), ["client-server@c2>S1"], []),
        (Selection(rules=("server-*",), hosts=("c2",)), [], []),
        (Selection(rules=("client",)), [], []),
    ],
)
def test_select(selection: Selection, flows: list[str], skipped: list[str]) -> None:
    part = select(WHOLE, selection)
    assert ids(part) == flows
    assert [skip.rule for skip in part.skipped] == skipped


def test_select_keeps_what_is_said_of_the_whole() -> None:
    site = inventory(rule_set(rule()), [CLIENT, SERVER], warnings=["careful"])
    part = select(expand(site, "c"), Selection(hosts=("nobody",)))
    assert (part.vantage, part.warnings, part.flows) == ("c", ("careful",), ())


def test_a_skipped_host_is_matched_by_its_name() -> None:
    found = plan(rule(when=Condition(source={"kit": True})), CLIENT, host("c2", "client"), SERVER)
    assert [skip.source for skip in select(found, Selection(hosts=("*2",))).skipped] == ["c2"]


# --- what holds for every inventory ----------------------------------------------------------

_NAMES = ["h0", "h1", "h2", "h3", "h4"]
_conditions = st.builds(
    Condition,
    options=st.dictionaries(st.just("fast"), st.booleans()),
    source=st.dictionaries(st.just("os"), st.sampled_from(["linux", ("windows", ""), ()])),
    target=st.dictionaries(st.just("kit"), st.booleans()),
    lacks=st.sampled_from([(), (), (BRIEF,)]),
)
_roles = st.sampled_from(["client", "server", "gateway", "guest"])
_targets = st.one_of(
    _roles.map(lambda role: {"target": role}),
    st.just({"target": "", "target_self": True}),
    st.just({"target": "", "target_gateway_of": "server"}),
)


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    return [
        rule(f"r{i}", source=draw(_roles), when=draw(_conditions), **draw(_targets))
        for i in range(draw(st.integers(1, 4)))
    ]


@st.composite
def sites(draw: st.DrawFn) -> Inventory:
    hosts = [
        host(
            name,
            *draw(st.lists(_roles, max_size=3)),
            stand_in=draw(st.sampled_from([None, *_NAMES])),
            os=draw(st.sampled_from(["", "windows", "linux"])),
            kit=draw(st.booleans()),
        )
        for name in _NAMES[: draw(st.integers(0, 5))]
    ]
    ends = st.sampled_from([*_NAMES, "*", "role:server", "role:guest"])
    exclude = draw(st.lists(st.builds(Exclude, ends, ends, st.just("other site")), max_size=3))
    return inventory(
        rule_set(*draw(rules())),
        hosts,
        options=draw(st.dictionaries(st.just("fast"), st.booleans())),
        exclude=exclude,
    )


def _target_role(rule: Rule) -> str:
    if rule.target_self:
        return rule.source
    return "gateway" if rule.target_gateway_of else rule.target


@given(sites())
def test_every_pair_is_a_flow_or_skipped_for_exactly_one_kind_of_reason(site: Inventory) -> None:
    found = expand(site)
    flows = {(flow.rule, flow.source, flow.target) for flow in found.flows}
    reasons = {(skip.rule, skip.source, skip.target) for skip in found.skipped}
    assert len(reasons) == len(found.skipped)
    assert all(skip.reason for skip in found.skipped)
    for one in site.rule_sets[0].rules:
        sources = [h.name for h in site.hosts.values() if one.source in h.roles]
        targets = [h.name for h in site.hosts.values() if _target_role(one) in h.roles]
        pairs = [(s, t) for s in sources for t in targets if s == t or not one.target_self]
        for source, target in pairs:
            ends: list[tuple[str | None, str | None]] = [(source, None), (None, target)]
            whole_or_one_end = any((one.id, *end) in reasons for end in [(None, None), *ends])
            told = [
                (one.id, source, target) in flows,
                (one.id, source, target) in reasons,
                whole_or_one_end,
            ]
            assert told.count(True) == 1


@given(sites())
def test_flows_are_unique_cross_a_network_and_fit_their_rule(site: Inventory) -> None:
    found = expand(site)
    by_id = {one.id: one for one in site.rule_sets[0].rules}
    assert len({flow.id for flow in found.flows}) == len(found.flows)
    for flow in found.flows:
        one = by_id[flow.rule]
        assert flow.id == f"{flow.rule}@{flow.source}>{flow.target}"
        assert one.source in site.hosts[flow.source].roles
        assert (flow.source == flow.target) is one.target_self
        assert flow.runs_from in (flow.source, site.hosts[flow.source].stand_in)


@given(sites(), st.sampled_from([None, *_NAMES]))
def test_the_vantage_changes_only_where_flows_run(site: Inventory, vantage: str | None) -> None:
    here, nowhere = expand(site, vantage), expand(site)
    assert here.skipped == nowhere.skipped
    assert ids(here) == ids(nowhere)
    assert all(flow.runs_from == vantage for flow in here.flows if flow.source == vantage)


_globs = st.lists(st.sampled_from(["*", "h1", "H*", "r0", "R?", "serv*", ""]), max_size=2)


@given(sites(), st.builds(Selection, rules=_globs.map(tuple), hosts=_globs.map(tuple)))
def test_a_selection_is_a_part_in_the_same_order(site: Inventory, selection: Selection) -> None:
    whole = expand(site)
    part = select(whole, selection)
    in_part: Callable[[Flow | Skipped], bool] = {*part.flows, *part.skipped}.__contains__
    assert tuple(filter(in_part, whole.flows)) == part.flows
    assert tuple(filter(in_part, whole.skipped)) == part.skipped
    assert select(part, selection) == part


def test_nat_is_forbidden_only_between_hosts_whose_roles_both_forbid_it() -> None:
    deployment = parse_inventory(
        """
[hosts.vbr1]
address = "10.0.0.5"
roles = ["backup-server"]
[hosts.pve1]
address = "10.0.0.20"
roles = ["proxmox-ve"]
[hosts.worker1]
address = "10.0.0.31"
roles = ["worker"]
""",
        "inventory.toml",
    )
    forbidden = {(flow.source, flow.target) for flow in expand(deployment).flows if flow.no_nat}
    assert forbidden == {("vbr1", "pve1"), ("vbr1", "vbr1")}
