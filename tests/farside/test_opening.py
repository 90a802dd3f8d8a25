"""What a listener opens, and whom it expects."""

from veeamcheck.farside.opening import opening_of_host, opening_of_ports
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import Transport
from veeamcheck.ports import PortSet
from veeamcheck.rulesets import load_rule_set

INVENTORY = parse_inventory(
    """
[hosts.vbr1]
address = "10.0.0.5"
roles = ["backup-server"]

[hosts.pve1]
address = ["10.0.0.20", "pve1.example.com"]
roles = ["proxmox-ve"]

[hosts.worker1]
address = "10.0.0.31"
roles = ["worker"]
stand_in = "pve1"

[hosts.repo1]
address = "10.0.0.40"
roles = ["repository"]
ports = { "2500-3300" = "2500-2509" }

[hosts.time1]
address = "10.0.0.50"
roles = ["ntp-server"]
""",
    "inventory.toml",
)
NAMES = {
    "10.0.0.5": ["10.0.0.5"],
    "10.0.0.20": ["10.0.0.20"],
    "10.0.0.31": ["10.0.0.31"],
    "pve1.example.com": ["10.0.0.20", "10.0.9.20"],
}


def test_a_host_opens_what_the_rules_require_of_it() -> None:
    opening = opening_of_host(INVENTORY, "repo1", ["10.0.0.40"], NAMES)
    assert {t: str(ports) for t, ports in opening.ports.items()} == {
        Transport.TCP: "2500-2509,6162",
        Transport.UDP: "",
    }
    assert str(opening.data) == "2500-2509"
    assert 6162 in opening.product
    (worker,) = opening.expected
    assert worker.name == "worker1"
    assert worker.addresses == {"10.0.0.31", "10.0.0.20", "10.0.9.20"}


def test_udp_is_opened_where_a_rule_is_udp() -> None:
    opening = opening_of_host(INVENTORY, "time1", ["10.0.0.50"], NAMES)
    assert str(opening.ports[Transport.UDP]) == "123"
    assert not opening.ports[Transport.TCP]


def test_nobody_is_expected_to_come_from_the_host_itself() -> None:
    opening = opening_of_host(INVENTORY, "vbr1", ["10.0.0.5"], NAMES)
    assert "vbr1" not in [each.name for each in opening.expected]
    assert 6172 not in opening.ports[Transport.TCP]


def test_given_ports_are_opened_as_they_are() -> None:
    rule_sets = [load_rule_set("veeam-pve")]
    opening = opening_of_ports(
        PortSet.parse("3000-3400,6162"), PortSet.parse("123"), ["0.0.0.0"], rule_sets
    )
    assert str(opening.ports[Transport.TCP]) == "3000-3400,6162"
    assert str(opening.data) == "3000-3300"
    assert opening.expected == ()
    assert {6160, 6162, 10006} <= set(opening.product)
    assert not {22, 443, 445, 8006} & set(opening.product)
    assert str(opening.without(opening.data).ports[Transport.TCP]) == "3301-3400,6162"
