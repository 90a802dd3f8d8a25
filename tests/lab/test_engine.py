"""The engine on real networks: loss, limits, lateness, defences, exhaustion. Nothing is timed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.lab import Action, Host, Lab, Policy, Rule, loss, reset_limit
from tests.lab.cancelling import descriptors_left
from tests.lab.inside import answer_late
from tests.lab.recorder import recording
from veeamcheck.ports import PortSet

pytestmark = pytest.mark.lab

Json = dict[str, Any]

RULE = ("--rule", "worker-backup-server-index")
EVERYTHING = ("--full-range", "--pace", "fast")
CLEAR = {"open", "refused"}

MIXED = Policy(
    tuple(
        Rule(action=action, protocol="tcp", ports=ports)
        for action, ports in [
            (Action.DROP, "2900-3000"),
            (Action.RESET, "3001-3100"),
            (Action.PROHIBITED, "3101-3200"),
            (Action.PORT_UNREACHABLE, "3201-3300"),
        ]
    )
)


class Site:
    """`worker1`, a firewall, and `vbr1`, on which nothing listens."""

    def __init__(self, lab: Lab) -> None:
        near, far = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
        self.firewall = lab.router("firewall", near, far)
        self.worker = lab.host("worker1", "10.77.1.10", near)
        self.server = lab.host("vbr1", "10.77.2.10", far)

    def inventory(self, ports: str = "2500-3300", address: str = "10.77.2.10") -> str:
        return f"""
            [hosts.worker1]
            address = ["10.77.1.10", "fd00:10:77:1::10"]
            roles = ["worker"]
            [hosts.vbr1]
            address = "{address}"
            roles = ["backup-server"]
            ports = {{ "2500-3300" = "{ports}" }}
        """

    def flow(
        self,
        *options: str,
        ports: str = "2500-3300",
        address: str = "10.77.2.10",
        env: Mapping[str, str] | None = None,
    ) -> Json:
        """The one flow that is audited."""
        inventory = self.inventory(ports, address)
        report = self.worker.report(inventory, *RULE, *options, env=env)
        (flow,) = report["flows"]
        return dict(flow)


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with Lab() as lab:
        yield Site(lab)


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    """The shared site without any firewall rule, ICMP errors unlimited."""
    for host in (shared.firewall, shared.server):
        _icmp_limited(host, limited=False)
    yield shared
    for host in (shared.firewall, shared.server, shared.worker):
        host.nft("flush ruleset")


def _icmp_limited(host: Host, *, limited: bool) -> None:
    host.sysctl("net.ipv4.icmp_ratelimit", 1000 if limited else 0)
    host.sysctl("net.ipv6.icmp.ratelimit", 1000 if limited else 0)


def runs(flow: Json) -> dict[str, str]:
    """Ports -> signal."""
    return {row["ports"]: row["signal"] for row in flow["evidence"]}


def not_clear(flow: Json) -> set[int]:
    return {
        port
        for row in flow["evidence"]
        if row["signal"] not in CLEAR
        for port in PortSet.parse(row["ports"])
    }


# --- ranges behind a firewall ---


@pytest.mark.parametrize(
    ("address", "by"), [("10.77.2.10", "10.77.1.1"), ("fd00:10:77:2::10", "fd00:10:77:1::1")]
)
def test_a_mixed_range_is_told_exactly_and_who_rejects_is_named(
    site: Site, address: str, by: str
) -> None:
    site.firewall.nft(MIXED.text("forward"))

    flow = site.flow(*EVERYTHING, address=address)

    assert {(row["ports"], row["signal"], row["by"]) for row in flow["evidence"]} == {
        ("2500-2899,3001-3100", "refused", None),
        ("2900-3000", "silent", None),
        ("3101-3200", "rejected", by),
        ("3201-3300", "rejected", by),
    }
    assert all(row["attributed"] for row in flow["evidence"] if row["signal"] != "silent")
    assert flow["contacted"] == flow["total"] == 801


def test_limited_icmp_errors_make_no_port_clear(site: Site) -> None:
    site.firewall.nft(MIXED.text("forward"))
    _icmp_limited(site.firewall, limited=True)

    full, sampled = site.flow(*EVERYTHING), site.flow("--pace", "fast")

    blocked = {*range(2900, 3001), *range(3101, 3301)}
    assert not_clear(full) == not_clear(sampled) == blocked
    assert sampled["contacted"] <= 801 / 4


def test_the_portable_way_tells_what_it_can(site: Site) -> None:
    site.firewall.nft(MIXED.text("forward"))

    flow = site.flow(*EVERYTHING, env={"VEEAMCHECK_PORTABLE": "1"})

    # A port-unreachable looks like a reset to it, which it therefore never attributes.
    assert runs(flow) == {
        "2500-2899,3001-3100,3201-3300": "refused",
        "2900-3000": "silent",
        "3101-3200": "unreachable",
    }
    assert not any(row["attributed"] or row["by"] for row in flow["evidence"])


# --- loss and limits ---


@pytest.mark.parametrize("portable", ["", "1"])
def test_no_port_is_lost_where_packets_are(site: Site, portable: str) -> None:
    site.firewall.nft(loss(10))

    flow = site.flow(*EVERYTHING, env={"VEEAMCHECK_PORTABLE": portable})

    assert runs(flow) == {"2500-3300": "refused"}


@pytest.mark.parametrize(
    ("pace", "ports"), [("fast", "2500-3300"), ("normal", "2500-2800"), ("polite", "2500-2520")]
)
def test_a_limit_on_resets_makes_no_port_silent(site: Site, pace: str, ports: str) -> None:
    site.server.nft(reset_limit(200))

    flow = site.flow("--full-range", "--pace", pace, ports=ports)

    assert runs(flow) == {ports: "refused"}


def test_answers_that_come_after_the_timeout_are_waited_for(site: Site) -> None:
    site.server.nft(Policy((), default=Action.DROP).text("input"))
    late = site.server.popen([sys.executable, answer_late.__file__, "1.3"], stdout=subprocess.PIPE)
    assert late.stdout is not None
    assert late.stdout.readline() == "ready\n"
    try:
        flow = site.flow(*EVERYTHING, ports="2500-2504")
    finally:
        late.stop()

    assert runs(flow) == {"2500-2504": "refused"}
    assert flow["evidence"][0]["rtt_ms"] >= 1300


# --- defences ---


def test_a_ban_in_the_middle_of_a_range_fails_nothing(site: Site) -> None:
    site.server.nft(
        """
        table inet guard {
            set banned { type ipv4_addr; flags dynamic, timeout; timeout 5m; }
            chain input {
                type filter hook input priority filter
                ip saddr @banned drop
                tcp flags & (syn | ack) == syn limit rate over 10/second burst 100 packets \
                    add @banned { ip saddr } drop
            }
        }
        """
    )

    flow = site.flow(*EVERYTHING)

    assert (flow["verdict"], flow["reason_code"]) == ("unproven", "scan-protection")


def test_a_redirect_of_every_port_proves_nothing(site: Site) -> None:
    site.server.listen_tcp(9)
    site.server.nft(
        """
        table inet proxy {
            chain prerouting {
                type nat hook prerouting priority dstnat
                meta l4proto tcp redirect to :9
            }
        }
        """
    )

    flow = site.flow("--pace", "fast")

    assert set(runs(flow).values()) == {"open"}
    assert (flow["verdict"], flow["reason_code"]) == ("unproven", "accepts-all")


# --- this machine ---


def test_without_free_ports_nothing_is_said_of_the_path(site: Site) -> None:
    site.worker.sysctl("net.ipv4.ip_local_port_range", "40000 40009")
    holder = site.worker.listen_tcp("40000-40009")
    try:
        flow = site.flow(*EVERYTHING, ports="2500-2509")
    finally:
        holder.stop()
        site.worker.sysctl("net.ipv4.ip_local_port_range", "32768 60999")

    assert runs(flow) == {"2500-2509": "local-error"}
    assert (flow["verdict"], flow["reason_code"]) == ("unproven", "local-error")


def test_few_descriptors_are_enough(site: Site) -> None:
    site.firewall.nft(MIXED.text("forward"))
    inventory = "/run/lab/few.toml"
    (site.worker.lab.anchor.state / "few.toml").write_text(site.inventory("2850-3050"))
    command = f"ulimit -n 40; exec {sys.executable} -m veeamcheck run -i {inventory} -o json"

    ran = site.worker.run(
        ["sh", "-c", f"{command} {' '.join((*RULE, *EVERYTHING))}"],
        check=False,
        env={"PYTHONPATH": "."},
    )

    assert ran.returncode == 1, ran.stderr
    assert '"signal": "local-error"' not in ran.stdout
    assert '"ports": "2900-3000"' in ran.stdout


def test_cancelling_leaves_no_socket(site: Site) -> None:
    site.firewall.nft(MIXED.text("forward"))
    inventory = f"""{site.inventory()}
            [hosts.time1]
            address = "10.77.1.1"
            roles = ["ntp-server"]
    """
    moments = [step / 8 for step in range(40)]

    before, after = site.worker.call(descriptors_left, inventory, "worker1", moments)

    assert after == before


# --- paces, where they arrive ---


@pytest.mark.parametrize(
    ("pace", "ports", "seconds", "most"),
    [("polite", "2500-2508", 5, 20), ("normal", "2500-2900", 1, 150)],
)
@pytest.mark.parametrize("answered", [True, False])
def test_a_pace_is_kept_where_it_arrives(
    site: Site, pace: str, ports: str, seconds: float, most: int, answered: bool
) -> None:
    if not answered:
        site.server.nft(Policy((), default=Action.DROP).text("input"))

    with recording(site.server) as contacts:
        site.flow("--full-range", "--pace", pace, ports=ports)

    assert contacts.most_within(seconds) <= most
    contacted = Counter(port for _, port in contacts.targets)
    assert contacted.keys() >= set(PortSet.parse(ports)), "the recorder sees everything"
    assert not answered or set(contacted.values()) == {1}, "what answered is not asked again"
