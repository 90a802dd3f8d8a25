"""The nftables that `veeamcheck firewall` writes, in real firewalls that deny by default.

They must turn green what was blocked, and open nothing else: every host then contacts every other
on all ports of the document and their neighbours, and only what was needed has changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.firewall.test_dialects import HOSTILE, hostile_request
from tests.lab import Action, Host, Lab, Policy, Rule
from tests.lab.anchor import STATE
from tests.lab.inside.look import look_around
from veeamcheck.expand import expand
from veeamcheck.firewall.dialects.nftables import render
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import Flow, Listener, Transport
from veeamcheck.ports import PortSet

pytestmark = pytest.mark.lab

Json = dict[str, Any]

HOSTS = {
    "vbr1": ("10.77.1.10", '["backup-server", "worker", "guest-interaction-proxy"]\nos = "linux"'),
    "other1": ("10.77.1.11", "[]"),
    "pve1": ("10.77.2.10", '["proxmox-ve"]'),
    "pve2": ("10.77.2.11", '["proxmox-ve"]'),
    "log1": ("10.77.2.12", '["log-shipping-server"]\nos = "windows"'),
    "lin1": ("10.77.2.13", '["vm-guest", "ntp-server"]\nos = "linux"\nruntime = "persistent"'),
    "sql1": ("10.77.2.14", '["vm-guest"]\nos = "windows"\ndatabases = ["mssql"]'),
    "gw1": ("10.77.2.15", '["gateway"]'),
    "repo1": ("10.77.2.16", '["repository"]\ngateway = ["gw1"]'),
}
INVENTORY = "\n".join(
    f'[hosts.{name}]\naddress = "{address}"\nroles = {roles}'
    for name, (address, roles) in HOSTS.items()
)
FLOWS = [
    flow for flow in expand(parse_inventory(INVENTORY, "inventory.toml")).flows
    if flow.source == "vbr1" != flow.target
]  # fmt: skip
FAR = [name for name, (address, _) in HOSTS.items() if address.startswith("10.77.2.")]
EVERY_PORT = PortSet.of(
    near
    for flow in FLOWS
    for ports in (flow.ports, flow.failover_ports or PortSet())
    for first, last in ports.runs
    for port in {first, min(first + 1, last), max(last - 1, first), last}
    for near in (port - 1, port, port + 1)
)


@dataclass
class Site:
    """One network with the backup server, one with all that it talks to, a router in between."""

    router: Host
    hosts: dict[str, Host]
    lab: Lab

    def audit(self) -> Json:
        return self.hosts["vbr1"].report(
            INVENTORY, "--from", "vbr1", "--checks", "connect", "--pace", "fast"
        )

    def rules(self, report: Json, *arguments: str) -> str:
        """What `veeamcheck firewall --only failed` gives for a report."""
        name = f"report{next(self.lab.numbers)}.json"
        Path(self.lab.anchor.state / name).write_text(json.dumps(report))
        ran = self.hosts["vbr1"].veeamcheck(
            *("firewall", f"{STATE}/{name}", "--only", "failed", "--format", "nftables"),
            *arguments,
            check=True,
        )
        return ran.stdout

    def reached(self) -> set[tuple[str, str, int]]:
        """Every (source, target, port) with a sign of life; both networks, either way."""
        targets = {"vbr1": FAR, "other1": FAR, "lin1": ["vbr1", "other1"]}
        return {
            (source, target, port)
            for source, names in targets.items()
            for target, answers in zip(
                names,
                self.hosts[source].call(
                    look_around, [HOSTS[name][0] for name in names], list(EVERY_PORT)
                ),
                strict=True,
            )
            for port, answer in answers.items()
            if answer in ("open", "reset")
        }


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with Lab() as lab:
        near, far = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
        router = lab.router("router", near, far)
        hosts = {
            name: lab.host(name, address, near if address.startswith("10.77.1.") else far)
            for name, (address, _) in HOSTS.items()
        }
        for host in (router, *hosts.values()):
            host.sysctl("net.ipv4.icmp_ratelimit", 0)
        for name in FAR:
            single = PortSet.of(
                port for flow in FLOWS if flow.target == name and flow.transport == "tcp"
                for ports in (flow.ports, flow.failover_ports or PortSet())
                if len(ports) < 10 for port in ports
            )  # fmt: skip
            if single:
                hosts[name].listen_tcp(single)
        hosts["lin1"].chronyd()
        hosts["vbr1"].listen_tcp(6172)  # what the backup server needs of itself
        yield Site(router, hosts, lab)


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    yield shared
    for host in (shared.router, *shared.hosts.values()):
        host.nft("flush ruleset")


def blocked_units(random: Random, default: Action, count: int) -> list[list[Flow]]:
    """So many flows that can fail, those together that need the same ports of the same host.

    No other flow needs any of these ports.
    """
    units: dict[tuple[str, Transport, PortSet], list[Flow]] = {}
    for flow in FLOWS:
        units.setdefault((flow.target, flow.transport, flow.ports), []).append(flow)
    candidates = [
        flows
        for (target, transport, ports), flows in units.items()
        # Silence on a port that is idle between jobs fails nothing.
        if default is not Action.DROP or flows[0].listener is Listener.ALWAYS
        # A host that says so of a UDP port by itself cannot be told from one where nothing listens.
        if default is not Action.PORT_UNREACHABLE or transport is Transport.TCP
        if not any(
            (other.ports | (other.failover_ports or PortSet())) & ports and other not in flows
            for other in FLOWS
            if (other.target, other.transport) == (target, transport)
        )
    ]
    for _ in range(100):
        random.shuffle(candidates)
        chosen: list[list[Flow]] = []
        for flows in candidates:
            if sum(map(len, chosen)) + len(flows) <= count:
                chosen.append(flows)
        if sum(map(len, chosen)) == count:
            return chosen
    raise AssertionError(f"no {count} flows")


def closed_to(blocked: list[Flow], flows: list[Flow], default: Action) -> Policy:
    """A firewall that lets these flows through, but not the blocked ones, and nothing else.

    Failover ports stay open: flows that have them are degraded.
    """
    return Policy(
        tuple(
            Rule(
                action=Action.ACCEPT,
                protocol=flow.transport.value,
                ports=ports,
                source=HOSTS[flow.source][0],
                target=HOSTS[flow.target][0],
            )
            for flow in flows
            for ports in (None if flow in blocked else flow.ports, flow.failover_ports)
            if ports
        ),
        default,
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_ten_blocked_flows_turn_green_and_nothing_else_opens(site: Site, seed: int) -> None:
    random = Random(seed)
    default = random.choice([Action.DROP, Action.PROHIBITED, Action.PORT_UNREACHABLE])
    at_router: list[Flow] = []
    at_host: list[Flow] = []
    for flows in blocked_units(random, default, 10):
        for places in random.choice([[at_router], [at_host], [at_router, at_host]]):
            places += flows
    site.router.nft(closed_to(at_router, FLOWS, default).text("forward"))
    guarded = sorted({flow.target for flow in at_host})
    for name in guarded:
        its = [flow for flow in FLOWS if flow.target == name]
        site.hosts[name].nft(closed_to(at_host, its, default).text("input"))
    blocked = {flow.id: flow for flow in (*at_router, *at_host)}

    before = site.audit()
    failed = {flow["id"] for flow in before["flows"] if flow["verdict"] in ("fail", "degraded")}
    assert failed == set(blocked)
    reached = site.reached()

    site.router.nft(site.rules(before, "--chain", "inet lab_policy forward"))
    for name in guarded:
        own = ("--for", name, "--chain", "inet lab_policy input")
        site.hosts[name].nft(site.rules(before, *own))

    after = site.audit()
    was = {flow["id"]: flow["verdict"] for flow in before["flows"]}
    now = {flow["id"]: flow["verdict"] for flow in after["flows"]}
    assert {flow for flow in now if now[flow] != was[flow]} == set(blocked)
    assert {now[flow] for flow in blocked} == {"pass"}
    needed = {
        (flow.source, flow.target, port)
        for flow in blocked.values()
        if flow.transport is Transport.TCP
        for port in flow.ports & EVERY_PORT
    }
    assert site.reached() - reached == needed
    assert reached


def test_loading_again_changes_nothing_and_the_commands_in_the_file_remove_all(lab: Lab) -> None:
    network = lab.network("10.77.1.0/24")
    host = lab.host("pve1", "10.77.1.20", network)
    site = "table inet filter { chain input { type filter hook input priority 0; policy drop; }; }"
    host.nft(site)
    before = host.run(["nft", "list", "ruleset"]).stdout
    inventory = lab.anchor.state / "inventory.toml"
    inventory.write_text(INVENTORY)
    made = host.veeamcheck(
        *("firewall", "-i", f"{STATE}/inventory.toml", "--for", "pve1", "--format", "nftables"),
        *("--chain", "inet filter input"),
        check=True,
    ).stdout

    host.nft(made)
    loaded = own_rules(host)
    host.nft(made)
    again = own_rules(host)
    removal = made.partition("# Remove it:\n")[2].partition("\n#\n")[0]
    host.run(["sh", "-eu"], stdin=removal.replace("#   ", "").replace("# \n", ""))

    assert loaded == again
    assert len(loaded) == 2
    assert host.run(["nft", "list", "ruleset"]).stdout == before


def own_rules(host: Host) -> list[str]:
    """What stands in our chain."""
    shown = host.run(["nft", "list", "chain", "inet", "filter", "veeamcheck-in"]).stdout
    return [line.strip() for line in shown.splitlines() if "accept" in line]


def test_hostile_words_load_as_the_rules_that_they_comment(lab: Lab) -> None:
    host = lab.host("vbr1", HOSTS["vbr1"][0], lab.network("10.77.1.0/24"))
    site = (
        "table inet filter {\n"
        "chain input { type filter hook input priority 0; }\n"
        "chain output { type filter hook output priority 0; }\n}"
    )
    for words in HOSTILE:
        host.nft(site)
        host.nft(render(hostile_request(words, words, words)))
        items = json.loads(host.run(["nft", "-j", "list", "ruleset"]).stdout)["nftables"]
        chains = [item["chain"]["name"] for item in items if "chain" in item]
        rules = [item["rule"]["chain"] for item in items if "rule" in item]
        host.nft("flush ruleset")
        assert sorted(chains) == ["input", "output", "veeamcheck-in", "veeamcheck-out"]
        assert sorted(rules) == [
            *("input", "output"), *("veeamcheck-in",) * 2, *("veeamcheck-out",) * 2
        ]  # fmt: skip
