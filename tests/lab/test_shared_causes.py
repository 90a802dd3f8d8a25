"""Troubles that share a cause are one finding, in real networks and told by the real command."""

import json
from typing import Any

import pytest

from tests.lab import Action, Lab, Policy, Rule
from tests.lab.topology import Host
from veeamcheck import reports
from veeamcheck.diagnosis.advice import Kind
from veeamcheck.diagnosis.causes import Cause, find_causes
from veeamcheck.diagnosis.impact import find_impact, lines
from veeamcheck.model import Report
from veeamcheck.reports.json import read_report

pytestmark = pytest.mark.lab

HEAD = """
[audit]
rule_sets = ["veeam-pve"]
[hosts.vbr1]
address = "10.77.1.10"
roles = ["backup-server"]
"""


class Site:
    """A backup server, a router, and three Proxmox VE servers behind it that all serve."""

    def __init__(self, lab: Lab) -> None:
        near, far = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
        self.lab, self.near = lab, near
        self.router = lab.router("router", near, far)
        self.router.sysctl("net.ipv4.icmp_ratelimit", 0)
        self.vbr1 = lab.host("vbr1", "10.77.1.10", near)
        self.servers = [lab.host(f"pve{n}", f"10.77.2.1{n}", far) for n in range(3)]
        self.inventory = HEAD + "".join(
            _server(server.name, server.address) for server in self.servers
        )

    def serve(self, *servers: Host) -> None:
        for server in servers:
            server.listen_tcp("22,8006")

    def audit(self) -> Report:
        made = self.vbr1.report(
            self.inventory, "--from", "vbr1", "--section", "Backup Server", "--checks", "connect",
            "--pace", "fast", "--rule", "backup-server-pve-*",
        )  # fmt: skip
        return read_report(json.dumps(made))

    def causes(self) -> tuple[Cause, ...]:
        return find_causes(self.audit())


def _server(name: str, address: str) -> str:
    return f'[hosts.{name}]\naddress = "{address}"\nroles = ["proxmox-ve"]\n'


@pytest.fixture
def site(lab: Lab) -> Site:
    return Site(lab)


def drop(**match: Any) -> Policy:
    return Policy((Rule(action=Action.DROP, protocol="tcp", **match),))


def test_one_rule_of_a_router_that_drops_a_port_towards_all(site: Site) -> None:
    site.serve(*site.servers)
    site.router.nft(drop(ports=8006).text("forward"))

    made = site.audit()

    (cause,) = find_causes(made)
    assert cause.kind is Kind.DROPPED_ALIKE
    assert cause.title == "3 hosts answer vbr1, but none on TCP 8006: pve0, pve1 and pve2."
    told = [f"{line.what}: {line.how}" for line in lines(find_impact(made, [cause]))]
    assert told == [
        "Image backup of VMs on pve0, pve1 and pve2: fails with vbr1 (3 flows)",
        "Restore of VMs to pve0, pve1 and pve2: fails with vbr1 (3 flows)",
    ]
    assert "What does not work" in reports.render("terminal", made)


def test_a_network_to_which_everything_is_dropped(site: Site) -> None:
    neighbour = site.lab.host("pve9", "10.77.1.19", site.near)
    site.serve(*site.servers, neighbour)
    site.router.nft(drop(target="10.77.2.0/24").text("forward"))
    site.inventory += _server("pve9", neighbour.address)

    (cause,) = site.causes()

    assert cause.kind is Kind.NETWORK_SILENT
    assert cause.title == (
        "Nothing in 10.77.2.0/24 answers vbr1: pve0, pve1 and pve2 gave no sign of life."
    )


def test_a_router_without_a_route(site: Site) -> None:
    site.serve(*site.servers)
    for n in range(3):
        site.inventory += _server(f"far{n}", f"10.88.{n}.10")

    (cause,) = site.causes()

    assert cause.kind is Kind.NO_ROUTE
    assert cause.title.startswith("The router at 10.77.1.1 has no way to far0")
    assert len(cause.flows) == 6


def test_one_firewall_that_rejects_for_many(site: Site) -> None:
    site.serve(*site.servers)
    rule = Rule(action=Action.PROHIBITED, protocol="tcp", ports=8006)
    site.router.nft(Policy((rule,)).text("forward"))

    (cause,) = site.causes()

    assert cause.kind is Kind.REJECTED
    assert cause.title.startswith("The device at 10.77.1.1 rejects TCP 8006 to pve0, pve1 and pve2")


def test_the_vantages_own_firewall_that_rejects(site: Site) -> None:
    site.serve(*site.servers)
    rule = Rule(action=Action.PROHIBITED, protocol="tcp", ports=8006)
    site.vbr1.nft(Policy((rule,)).text("output"))

    (cause,) = site.causes()

    assert cause.title.startswith("vbr1 itself (10.77.1.10) rejects TCP 8006 to pve0, pve1 and")


def test_a_host_that_drops_all_but_ssh(site: Site) -> None:
    site.serve(*site.servers)
    site.servers[0].nft(
        Policy((Rule(action=Action.ACCEPT, protocol="tcp", ports=22),), default=Action.DROP).text(
            "input"
        )
    )

    (cause,) = site.causes()

    assert (cause.kind, cause.flows) == (Kind.DROPPED, ("backup-server-pve-api@vbr1>pve0",))
