"""rules/veeam-pve.toml against the document's rows, and against how each row is to be applied."""

import csv
import re
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inventories import host, inventory
from tests.veeam_pve_reading import documented
from veeamcheck.auditing.conclusion import conclude
from veeamcheck.auditing.settings import Settings
from veeamcheck.expand import expand
from veeamcheck.model import Host, InstalledBy, Inventory, Listener, Mode, Rule, RuleSet
from veeamcheck.ports import PortSet
from veeamcheck.probes import find_probe
from veeamcheck.rulesets import load_rule_set

PVE: RuleSet = load_rule_set("veeam-pve")

with Path(__file__).with_name("veeam_pve_rows.csv").open(encoding="utf-8", newline="") as _file:
    ROWS = list(csv.DictReader(_file))

ENDS = {
    "Worker": {"worker"},
    "Proxmox VE server": {"proxmox-ve"},
    "Backup server": {"backup-server"},
    "Veeam backup repository or gateway server": {"repository", "gateway"},
    "Backup repository": {"repository"},
    "Gateway server": {"gateway"},
    "Veeam Update Repository (repository.veeam.com)": {"update-repository"},
    "NTP server": {"ntp-server"},
    "FLR helper appliance": {"flr-helper"},
    "Guest interaction proxy": {"guest-interaction-proxy"},
    "Log shipping server": {"log-shipping-server"},
    "Log shipping server (backup server)": {"backup-server"},
    "Hyper-V host": {"hyper-v"},
    "ESXi server": {"esxi"},
    "ESXi host": {"esxi"},
}
ANY_DATABASE = {"mssql", "oracle", "postgresql"}


def guest(**attributes: Any) -> Host:
    return host("guest", "vm-guest", **({"os": "linux"} | attributes))


# --- the rows --------------------------------------------------------------------------------


def rules_of(row: dict[str, str]) -> list[Rule]:
    return [
        rule for rule in PVE.rules if (rule.section, rule.row) == (row["section"], int(row["row"]))
    ]


def roles_named(text: str) -> set[str]:
    return {"vm-guest"} if "VM guest OS" in text else ENDS[text]


def target_role(rule: Rule) -> str:
    if rule.target_self:
        return rule.source
    return "gateway" if rule.target_gateway_of else rule.target


def test_the_document_has_13_tables_and_54_rows() -> None:
    assert len(ROWS) == 54
    assert len({row["section"] for row in ROWS}) == 13


def test_no_row_without_a_rule_and_no_rule_without_a_row_in_the_order_of_the_document() -> None:
    rows = [(row["section"], int(row["row"])) for row in ROWS]
    assert list(dict.fromkeys((rule.section, rule.row) for rule in PVE.rules)) == rows


SERVICES = {
    "22": "ssh",
    "123": "ntp",
    "443": "https",
    "6172": "https",
    "8006": "https",
    "135,445": "smb-rpc",
}
"""Ports -> who answers a stranger there; the product's other ports have a protocol of its own."""


@pytest.mark.parametrize("rule", PVE.rules, ids=lambda rule: rule.id)
def test_what_should_answer(rule: Rule) -> None:
    ports = PortSet.of_runs(run for ports in rule.ports for run in ports.runs)
    assert rule.service == SERVICES.get(str(ports), "tcp")
    assert rule.service == "tcp" or find_probe(rule.service)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['section']}-{row['row']}")
def test_a_row_is_transcribed(row: dict[str, str]) -> None:
    rules = rules_of(row)
    assert {rule.source for rule in rules} == roles_named(row["from"])
    assert {target_role(rule) for rule in rules} == roles_named(row["to"])

    transport = "udp" if row["protocol"] == "UDP" else "tcp"
    assert {rule.transport for rule in rules} == {transport}
    if row["protocol"] != "TCP":
        service = {"TCP/HTTPS": "https", "SSH": "ssh", "UDP": "ntp"}[row["protocol"]]
        assert {rule.service for rule in rules} == {service}

    assert {rule.mode for rule in rules} == {row["mode"]}
    cell = row["port"].replace(" to ", "-")
    values = [PortSet.parse(value) for value in re.findall(r"[\d-]+", cell)]
    if row["mode"] == Mode.FAILOVER:
        assert {(rule.ports, rule.failover) for rule in rules} == {
            (tuple(values[:1]), tuple(values[1:]))
        }
    else:
        assert not any(rule.failover for rule in rules)
        assert {ports for rule in rules for ports in rule.ports} == set(values)

    for system in ("windows", "linux"):
        if f"{system})" in row["to"].lower():
            assert {rule.when.target.get("os") for rule in rules} == {system}


def test_rules_by_the_binding_names() -> None:
    rules = {rule.id: rule for rule in PVE.rules}
    assert len(rules) == len(PVE.rules)
    assert (rules["worker-repository-data"].section, rules["worker-repository-data"].row) == (
        "Workers",
        5,
    )
    assert (rules["backup-server-pve-ssh"].section, rules["backup-server-pve-ssh"].row) == (
        "Backup Server",
        5,
    )


def test_the_document_is_named() -> None:
    assert (PVE.id, PVE.product_version, PVE.revision) == ("veeam-pve", "13.0.1", "2026-04")
    assert PVE.document == "https://helpcenter.veeam.com/docs/vbr/userguide/pve_used_ports.html"
    assert "backup server to backup repositories" in {what for what, _ in PVE.not_covered}
    assert all(where.startswith("https://") for _, where in PVE.not_covered)


@pytest.mark.parametrize("rule", PVE.rules, ids=lambda rule: rule.id)
def test_who_listens_and_who_installed_it(rule: Rule) -> None:
    ports = {port for values in rule.ports for port in values}
    session = (
        rule.mode is Mode.RANGE
        or ports in ({6190}, {137})
        or (ports <= {6173, 6167} and rule.when.target.get("runtime") == "non-persistent")
    )
    assert rule.listener is (Listener.SESSION if session else Listener.ALWAYS)

    site = (
        (target_role(rule) == "proxmox-ve" and ports == {8006})
        or (target_role(rule) == "esxi" and ports == {443})
        or target_role(rule) in ("ntp-server", "update-repository")
        or ports <= {22, 135, 137, 139, 445}
    )
    assert rule.installed_by is (InstalledBy.SITE if site else InstalledBy.PRODUCT)


@pytest.mark.parametrize("rule", PVE.rules, ids=lambda rule: rule.id)
def test_137_139_and_the_helper_stand_alone(rule: Rule) -> None:
    """Ports of one rule share its listener and condition, so these may share with nobody."""
    for port in (137, 139, 6173, 6167):
        assert len(rule.ports) == 1 or not any(port in ports for ports in rule.ports)


def test_the_content_network_is_allowed_but_never_a_host() -> None:
    listed = {rule.id: rule.allow_list for rule in PVE.rules if rule.allow_list}
    assert listed == {"worker-update-repository-packages": ("*.cloudfront.net", "*.amazonaws.com")}


# --- what is asked ---------------------------------------------------------------------------


def test_roles() -> None:
    assert {name: role.transient for name, role in PVE.roles.items()} == {
        "worker": True,
        "proxmox-ve": False,
        "backup-server": False,
        "repository": False,
        "gateway": False,
        "update-repository": False,
        "ntp-server": False,
        "flr-helper": True,
        "guest-interaction-proxy": False,
        "vm-guest": False,
        "log-shipping-server": False,
        "hyper-v": False,
        "esxi": False,
    }


def test_options() -> None:
    assert {name: option.default for name, option in PVE.options.items()} == {
        "ransomware_index": True,
        "online_updates": True,
        "update_proxy": "",
        "smb1": False,
        "agent_installation": False,
    }


def test_attributes() -> None:
    asked = {
        name: (attribute.default, attribute.roles, attribute.choices)
        for name, attribute in PVE.attributes.items()
    }
    guests = ("vm-guest",)
    assert asked == {
        "os": ("", (), ("windows", "linux")),
        "deployment_kit": (False, (), ()),
        "gateway": ((), ("repository",), ()),
        "powershell_direct": (False, ("hyper-v",), ()),
        "legacy_vcenter": (False, ("esxi",), ()),
        "runtime": ("non-persistent", guests, ("non-persistent", "persistent")),
        "networkless": (False, guests, ()),
        "databases": ((), guests, ("mssql", "oracle", "postgresql")),
        "control_channel": ("ssh", guests, ("ssh", "management-agent")),
    }
    required = {name: a.required_for for name, a in PVE.attributes.items() if a.required_for}
    assert required == {"os": ("guest-interaction-proxy", "vm-guest")}
    named = {name: a.hosts_with_role for name, a in PVE.attributes.items() if a.hosts_with_role}
    assert named == {"gateway": "gateway"}


# --- how the rows apply ----------------------------------------------------------------------

WORKER = host("worker", "worker")
VBR = host("vbr", "backup-server")
REPO = host("repo", "repository")
GATEWAY = host("gw", "gateway")
UPDATES = host("updates", "update-repository")
PROXY = host("proxy", "guest-interaction-proxy", os="windows")
SHIPPER = host("shipper", "log-shipping-server")


def flows_of(section: str, site: Inventory) -> list[str]:
    """A section's flows as ``SOURCE>TARGET PORTS`` and, after a slash, the failover ports."""
    return [
        f"{flow.source}>{flow.target} {flow.ports}"
        + (f"/{flow.failover_ports}" if flow.failover_ports else "")
        for flow in expand(site).flows
        if flow.section == section
    ]


DATA = "6162/2500-3300"
PERSISTENT = {"runtime": "persistent"}
BY_AGENT = PERSISTENT | {"control_channel": "management-agent"}

# section, hosts, options, the section's flows
CASES: dict[str, tuple[str, list[Host], dict[str, bool | str], set[str]]] = {
    "the index of ransomware detection": (
        "Workers",
        [WORKER, VBR],
        {},
        {"worker>vbr 10006", "worker>vbr 2500-3300"},
    ),
    "no index": ("Workers", [WORKER, VBR], {"ransomware_index": False}, {"worker>vbr 10006"}),
    "a repository without a gateway, and a gateway in front of none": (
        "Workers",
        [WORKER, REPO, GATEWAY],
        {},
        {f"worker>repo {DATA}"},
    ),
    "a repository behind one of two gateways": (
        "Workers",
        [WORKER, host("repo", "repository", gateway=("gw",)), GATEWAY, host("gw2", "gateway")],
        {},
        {f"worker>gw {DATA}"},
    ),
    "two repositories behind two gateways: each gateway once": (
        "Workers",
        [
            WORKER,
            host("repo", "repository", gateway=("gw", "gw2")),
            host("repo2", "repository", gateway=("gw",)),
            GATEWAY,
            host("gw2", "gateway"),
        ],
        {},
        {f"worker>gw {DATA}", f"worker>gw2 {DATA}"},
    ),
    "updates from the vendor": ("Workers", [WORKER, UPDATES], {}, {"worker>updates 443"}),
    "updates switched off": ("Workers", [WORKER, UPDATES], {"online_updates": False}, set()),
    "updates through a proxy": ("Workers", [WORKER, UPDATES], {"update_proxy": "px:3128"}, set()),
    "what always applies to workers": (
        "Workers",
        [WORKER, host("pve", "proxmox-ve"), host("time", "ntp-server")],
        {},
        {"worker>pve 8006", "worker>pve 22", "worker>time 123"},
    ),
    "the backup server, and its own database": (
        "Backup Server",
        [VBR, WORKER, host("pve", "proxmox-ve"), host("flr", "flr-helper")],
        {},
        {
            "vbr>worker 19000",
            "vbr>worker 443",
            "vbr>vbr 6172",
            "vbr>pve 8006",
            "vbr>pve 22",
            "vbr>flr 22",
        },
    ),
    "a Windows proxy": ("Guest Interaction Proxies", [VBR, PROXY], {}, {"vbr>proxy 135,445"}),
    "a Linux proxy": (
        "Guest Interaction Proxies",
        [VBR, host("proxy", "guest-interaction-proxy", os="linux")],
        {},
        {"vbr>proxy 22"},
    ),
    "a proxy with the deployment kit": (
        "Guest Interaction Proxies",
        [VBR, host("proxy", "guest-interaction-proxy", os="windows", deployment_kit=True)],
        {},
        {"vbr>proxy 6160"},
    ),
    "a non-persistent guest behind the proxy": (
        "Guest Interaction Proxies",
        [VBR, PROXY, guest(**PERSISTENT), host("guest2", "vm-guest", os="linux")],
        {},
        {"vbr>proxy 135,445", "vbr>proxy 6190"},
    ),
    "only persistent guests behind the proxy": (
        "Guest Interaction Proxies",
        [VBR, PROXY, guest(**PERSISTENT)],
        {},
        {"vbr>proxy 135,445"},
    ),
    "a non-persistent Windows guest": (
        "Protected Workloads",
        [VBR, PROXY, guest(os="windows")],
        {"agent_installation": True},
        {"proxy>guest 2500-3300", "proxy>guest 135,445", "proxy>guest 6173"},
    ),
    "a non-persistent Linux guest": (
        "Protected Workloads",
        [VBR, PROXY, guest()],
        {"agent_installation": True},
        {"proxy>guest 2500-3300", "proxy>guest 22"},
    ),
    "a networkless guest": (
        "Protected Workloads",
        [VBR, PROXY, guest(os="windows", networkless=True)],
        {},
        set(),
    ),
    "a persistent Windows guest, networkless or not": (
        "Protected Workloads",
        [VBR, PROXY, guest(os="windows", networkless=True, **PERSISTENT)],
        {"agent_installation": True},
        {"proxy>guest 6160/11731", "proxy>guest 6173"},
    ),
    "a persistent Linux guest": (
        "Protected Workloads",
        [VBR, PROXY, guest(**PERSISTENT)],
        {},
        {"proxy>guest 6160"},
    ),
    "a persistent Linux guest, agent to be installed": (
        "Protected Workloads",
        [VBR, PROXY, guest(**PERSISTENT)],
        {"agent_installation": True},
        {"vbr>guest 22", "vbr>guest 2500-3300", "proxy>guest 6160"},
    ),
    "a persistent Linux guest controlled by the management agent": (
        "Protected Workloads",
        [PROXY, guest(**BY_AGENT)],
        {},
        {"proxy>guest 6160", "proxy>guest 6162"},
    ),
    "the proxy reaches every gateway": (
        "Guest processing / Gateway Servers",
        [PROXY, GATEWAY, host("gw2", "gateway")],
        {},
        {f"proxy>gw {DATA}", f"proxy>gw2 {DATA}"},
    ),
    "the proxy reaches ESXi, unless an old one through vCenter": (
        "Guest processing / Hypervisors",
        [PROXY, host("esx", "esxi"), host("old", "esxi", legacy_vcenter=True)],
        {},
        {"proxy>esx 443"},
    ),
    "a log shipping server": (
        "Log Shipping Servers",
        [VBR, SHIPPER],
        {},
        {"vbr>shipper 135,445", "vbr>shipper 6160", "vbr>shipper 6162"},
    ),
    "a log shipping server with SMB 1": (
        "Log Shipping Servers",
        [VBR, host("shipper", "log-shipping-server", os="windows")],
        {"smb1": True},
        {
            "vbr>shipper 135,445",
            "vbr>shipper 137",
            "vbr>shipper 139",
            "vbr>shipper 6160",
            "vbr>shipper 6162",
        },
    ),
    "a Linux log shipping server": (
        "Log Shipping Servers",
        [VBR, host("shipper", "log-shipping-server", os="linux")],
        {"smb1": True},
        {"vbr>shipper 6160", "vbr>shipper 6162"},
    ),
    "a log shipping server with the deployment kit": (
        "Log Shipping Servers",
        [VBR, host("shipper", "log-shipping-server", os="windows", deployment_kit=True)],
        {"smb1": True},
        {"vbr>shipper 6160", "vbr>shipper 6162"},
    ),
    "PowerShell Direct, Hyper-V to the backup server": (
        "Log Shipping Servers",
        [VBR, host("hv", "hyper-v", powershell_direct=True), host("hv2", "hyper-v")],
        {},
        {f"hv>vbr {DATA}"},
    ),
    "PowerShell Direct, the backup server to Hyper-V": (
        "Log shipping / Hypervisors",
        [VBR, host("hv", "hyper-v", powershell_direct=True), host("hv2", "hyper-v")],
        {},
        {f"vbr>hv {DATA}"},
    ),
    "the log shipping server reaches every ESXi": (
        "Log shipping / Hypervisors",
        [SHIPPER, host("esx", "esxi"), host("old", "esxi", legacy_vcenter=True)],
        {},
        {"shipper>esx 443", "shipper>old 443"},
    ),
    "database guests to the log shipping server": (
        "Log Shipping Servers",
        [
            SHIPPER,
            host("plain", "vm-guest", os="linux"),
            *(host(name, "vm-guest", os="linux", databases=(name,)) for name in ANY_DATABASE),
        ],
        {},
        {f"{name}>shipper {DATA}" for name in ANY_DATABASE},
    ),
    "MS SQL, non-persistent": (
        "MS SQL Guest OS",
        [PROXY, guest(os="windows", databases=("oracle", "mssql"))],
        {},
        {"proxy>guest 135,445", "proxy>guest 2500-3300", "proxy>guest 6173", "proxy>guest 6167"},
    ),
    "MS SQL, non-persistent, with SMB 1": (
        "MS SQL Guest OS",
        [PROXY, guest(os="windows", databases=("mssql",))],
        {"smb1": True},
        {
            "proxy>guest 135,445",
            "proxy>guest 137",
            "proxy>guest 139",
            "proxy>guest 2500-3300",
            "proxy>guest 6173",
            "proxy>guest 6167",
        },
    ),
    "MS SQL, non-persistent, with the deployment kit": (
        "MS SQL Guest OS",
        [PROXY, guest(os="windows", databases=("mssql",), deployment_kit=True)],
        {"smb1": True},
        {"proxy>guest 2500-3300", "proxy>guest 6173", "proxy>guest 6167"},
    ),
    "MS SQL, non-persistent, networkless": (
        "MS SQL Guest OS",
        [PROXY, guest(os="windows", databases=("mssql",), networkless=True)],
        {"smb1": True},
        {"proxy>guest 6173", "proxy>guest 6167"},
    ),
    "MS SQL, persistent": (
        "MS SQL Guest OS",
        [PROXY, guest(os="windows", databases=("mssql",), **PERSISTENT)],
        {"smb1": True},
        {"proxy>guest 2500-3300", "proxy>guest 6173", "proxy>guest 6160/11731", "proxy>guest 6167"},
    ),
    "Oracle on Windows, non-persistent": (
        "Oracle Guest OS",
        [PROXY, guest(os="windows", databases=("oracle",))],
        {"smb1": True},
        {"proxy>guest 2500-3300", "proxy>guest 135,445", "proxy>guest 6173", "proxy>guest 6167"},
    ),
    "Oracle on Windows, non-persistent, with the deployment kit": (
        "Oracle Guest OS",
        [PROXY, guest(os="windows", databases=("oracle",), deployment_kit=True)],
        {},
        {"proxy>guest 2500-3300", "proxy>guest 6173", "proxy>guest 6167"},
    ),
    "Oracle on Windows, networkless": (
        "Oracle Guest OS",
        [PROXY, guest(os="windows", databases=("oracle",), networkless=True)],
        {},
        {"proxy>guest 6173", "proxy>guest 6167"},
    ),
    "Oracle on Windows, persistent": (
        "Oracle Guest OS",
        [PROXY, guest(os="windows", databases=("oracle",), **BY_AGENT)],
        {},
        {"proxy>guest 2500-3300", "proxy>guest 6173", "proxy>guest 6160/11731", "proxy>guest 6167"},
    ),
    "Oracle on Linux, non-persistent": (
        "Oracle Guest OS",
        [PROXY, guest(databases=("oracle",))],
        {},
        {"proxy>guest 2500-3300", "proxy>guest 22"},
    ),
    "Oracle on Linux, networkless": (
        "Oracle Guest OS",
        [PROXY, guest(databases=("oracle",), networkless=True)],
        {},
        set(),
    ),
    "Oracle on Linux, persistent, by SSH": (
        "Oracle Guest OS",
        [PROXY, guest(databases=("oracle",), **PERSISTENT)],
        {},
        {"proxy>guest 2500-3300"},
    ),
    "Oracle on Linux, persistent, by the management agent": (
        "Oracle Guest OS",
        [PROXY, guest(databases=("oracle",), **BY_AGENT)],
        {},
        {"proxy>guest 2500-3300", "proxy>guest 6162"},
    ),
    "PostgreSQL, non-persistent": (
        "PostgreSQL Guest OS",
        [PROXY, guest(databases=("postgresql",))],
        {},
        {"proxy>guest 22", "proxy>guest 2500-3300"},
    ),
    "PostgreSQL, networkless": (
        "PostgreSQL Guest OS",
        [PROXY, guest(databases=("postgresql",), networkless=True)],
        {},
        set(),
    ),
    "PostgreSQL, persistent, by the management agent": (
        "PostgreSQL Guest OS",
        [PROXY, guest(databases=("postgresql",), **BY_AGENT)],
        {},
        {"proxy>guest 6162", "proxy>guest 2500-3300"},
    ),
    "a database guest and no log shipping server": (
        "Backup Repositories",
        [
            guest(databases=("postgresql",)),
            host("plain", "vm-guest", os="linux"),
            REPO,
            host("repo2", "repository", gateway=("gw",)),
            GATEWAY,
        ],
        {},
        {f"guest>repo {DATA}"},
    ),
    "a database guest and a log shipping server": (
        "Backup Repositories",
        [
            guest(databases=("postgresql",)),
            SHIPPER,
            REPO,
            host("repo2", "repository", gateway=("gw",)),
            GATEWAY,
        ],
        {},
        {f"shipper>repo {DATA}"},
    ),
    "the log shipping server reaches every gateway": (
        "Log shipping / Gateway Servers",
        [SHIPPER, GATEWAY, host("gw2", "gateway")],
        {},
        {f"shipper>gw {DATA}", f"shipper>gw2 {DATA}"},
    ),
}


@pytest.mark.parametrize(
    ("section", "hosts", "options", "expected"), CASES.values(), ids=CASES.keys()
)
def test_how_the_rows_apply(
    section: str, hosts: list[Host], options: dict[str, bool | str], expected: set[str]
) -> None:
    assert sorted(flows_of(section, inventory(PVE, hosts, options=options))) == sorted(expected)


def test_every_section_is_in_a_case() -> None:
    assert {section for section, *_ in CASES.values()} == {row["section"] for row in ROWS}


def test_a_proxy_for_updates_is_the_reason() -> None:
    site = inventory(PVE, [WORKER, UPDATES], options={"update_proxy": "http://px:3128"})
    (skipped,) = (
        skip for skip in expand(site).skipped if skip.rule == "worker-update-repository-packages"
    )
    assert (skipped.source, skipped.target) == (None, None)
    assert skipped.reason == (
        "the option update_proxy is http://px:3128; the rule applies where it is not set"
    )


# --- a second reading ------------------------------------------------------------------------

_roles = st.lists(st.sampled_from(sorted(PVE.roles)), max_size=4, unique=True)
_attributes = st.fixed_dictionaries(
    {"os": st.sampled_from(["windows", "linux"])},
    optional={
        "deployment_kit": st.booleans(),
        "powershell_direct": st.booleans(),
        "legacy_vcenter": st.booleans(),
        "runtime": st.sampled_from(["non-persistent", "persistent"]),
        "networkless": st.booleans(),
        "databases": st.lists(st.sampled_from(sorted(ANY_DATABASE)), unique=True).map(tuple),
        "control_channel": st.sampled_from(["ssh", "management-agent"]),
    },
)
_options = st.fixed_dictionaries(
    {},
    optional={
        "ransomware_index": st.booleans(),
        "online_updates": st.booleans(),
        "update_proxy": st.sampled_from(["", "http://px:3128"]),
        "smb1": st.booleans(),
        "agent_installation": st.booleans(),
    },
)


@st.composite
def sites(draw: st.DrawFn) -> Inventory:
    drawn = draw(st.lists(st.tuples(_roles, _attributes), max_size=7))
    gateways = [f"h{i}" for i, (roles, _) in enumerate(drawn) if "gateway" in roles]
    hosts = []
    for i, (roles, attributes) in enumerate(drawn):
        if "repository" in roles and gateways and draw(st.booleans()):
            in_front = draw(st.lists(st.sampled_from(gateways), min_size=1, unique=True))
            attributes = attributes | {"gateway": tuple(in_front)}
        hosts.append(host(f"h{i}", *roles, **attributes))
    return inventory(PVE, hosts, options=draw(_options))


def assert_same_reading(site: Inventory) -> None:
    found = sorted(
        (
            flow.section,
            flow.row,
            flow.source,
            flow.target,
            str(flow.ports),
            str(flow.failover_ports or ""),
        )
        for flow in expand(site).flows
    )
    assert found == sorted(documented(site))


@given(sites())
def test_the_rules_agree_with_a_second_reading_of_the_document(site: Inventory) -> None:
    assert_same_reading(site)


@pytest.mark.parametrize("agent_installation", [False, True])
@pytest.mark.parametrize("smb1", [False, True])
def test_every_kind_of_guest_agrees_with_the_second_reading(
    smb1: bool, agent_installation: bool
) -> None:
    options: dict[str, bool | str] = {"smb1": smb1, "agent_installation": agent_installation}
    choices: dict[str, list[Any]] = {
        "os": ["windows", "linux"],
        "deployment_kit": [False, True],
        "runtime": ["non-persistent", "persistent"],
        "networkless": [False, True],
        "databases": [(), ("mssql",), ("oracle",), ("postgresql",), ("mssql", "postgresql")],
        "control_channel": ["ssh", "management-agent"],
    }
    for values in product(*choices.values()):
        kind = guest(**dict(zip(choices, values, strict=True)))
        assert_same_reading(inventory(PVE, [VBR, PROXY, REPO, kind], options=options))


@pytest.mark.parametrize("role", ["guest-interaction-proxy", "log-shipping-server"])
@pytest.mark.parametrize("kit", [False, True])
@pytest.mark.parametrize("system", ["windows", "linux"])
@pytest.mark.parametrize("smb1", [False, True])
def test_every_kind_of_server_agrees_with_the_second_reading(
    role: str, kit: bool, system: str, smb1: bool
) -> None:
    server = host("server", role, os=system, deployment_kit=kit)
    assert_same_reading(inventory(PVE, [VBR, server, guest()], options={"smb1": smb1}))


# --- what breaks -----------------------------------------------------------------------------

DATABASES = {"mssql": "SQL Server", "oracle": "Oracle", "postgresql": "PostgreSQL"}


@pytest.mark.parametrize("rule", PVE.rules, ids=lambda rule: rule.id)
def test_every_rule_says_what_needs_it(rule: Rule) -> None:
    assert rule.affects
    assert list(rule.affects) == [each for each in PVE.activities if each in rule.affects]


def test_every_activity_is_needed_by_some_rule() -> None:
    assert {each for rule in PVE.rules for each in rule.affects} == PVE.activities.keys()


@pytest.mark.parametrize("database", DATABASES)
def test_the_log_backup_of_a_database_needs_the_rules_of_its_table(database: str) -> None:
    activity = f"{database}-log-backup"
    assert PVE.activities[activity].title == f"{DATABASES[database]} log backup"
    for rule in PVE.rules:
        own = rule.when.target.get("databases") == database
        assert (activity in rule.affects) <= own
        assert not own or {activity, "updates"} & set(rule.affects)


def test_the_words_of_an_activity_fit_the_host_that_it_is_told_of() -> None:
    site = inventory(
        PVE,
        [
            host("vbr1", "backup-server"),
            host("pve1", "proxmox-ve"),
            host("worker1", "worker"),
            host("ntp1", "ntp-server"),
            host("repo1", "repository", gateway=("gw1",)),
            host("gw1", "gateway"),
        ],
    )
    plan = expand(site, "vbr1")
    settings = Settings(vantage="vbr1")
    made = conclude(site, plan, settings, {}, start=datetime(2026, 11, 22, tzinfo=UTC))
    told = {
        (rule.id, each.activity): (each.title, each.words, str(each.host), each.weight)
        for rule in made.rules
        for each in rule.affects
    }
    assert told["worker-pve-api", "backup"] == ("Image backup", "of VMs on", "target", 1)
    assert told["worker-gateway-data", "restore"] == ("Restore", "through", "target", 2)
    assert told["worker-ntp-server-time", "time"] == ("Time synchronisation", "of", "source", 11)
    assert told["backup-server-self-database", "backup"][2] == "target"
