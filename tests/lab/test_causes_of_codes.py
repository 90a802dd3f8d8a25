"""Every verdict and every reason code, produced by a real cause and told by the real command."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests import oracle
from tests.lab import Action, Lab, Policy, Rule, count
from tests.lab.anchor import STATE
from tests.lab.process import wait_until
from tests.lab.topology import CHECKOUT
from tests.oracle import Json
from tests.published import assert_published

pytestmark = pytest.mark.lab

INVENTORY = """
[audit]
rule_sets = ["veeam-pve"]

[hosts.vbr1]
address = "10.77.1.10"
roles = ["backup-server", "guest-interaction-proxy"]
os = "windows"

[hosts.alias1]
address = "alias1.example.com"
roles = ["guest-interaction-proxy"]
os = "linux"

[hosts.pve1]
address = "10.77.2.10"
roles = ["proxmox-ve", "ntp-server"]

[hosts.pve2]
address = "10.77.2.11"
roles = ["proxmox-ve", "ntp-server"]

[hosts.pve3]
address = "fd00:10:77:2::12"
roles = ["proxmox-ve", "ntp-server"]

[hosts.pve4]
address = "10.77.2.99"
roles = ["proxmox-ve"]

[hosts.pve5]
address = "10.77.1.99"
roles = ["proxmox-ve"]

[hosts.pve6]
address = "pve6.example.com"
roles = ["proxmox-ve"]

[hosts.pve7]
address = ["10.77.2.20", "10.77.2.21"]
roles = ["proxmox-ve"]

[hosts.pve8]
address = "both.example.com"
roles = ["proxmox-ve"]

[hosts.pve9]
address = "10.77.2.13"
roles = ["proxmox-ve", "ntp-server"]

[hosts.guest1]
address = "10.77.2.12"
roles = ["vm-guest"]
os = "linux"

[hosts.guest2]
address = "10.77.2.14"
roles = ["vm-guest", "ntp-server"]
os = "linux"

[hosts.guest3]
address = "10.77.2.15"
roles = ["vm-guest"]
os = "linux"

[hosts.hyperv1]
address = "10.77.2.16"
roles = ["hyper-v"]
powershell_direct = true

[hosts.worker1]
address = "10.77.2.98"
roles = ["worker"]
stand_in = "vbr1"

[[waive]]
flow = "backup-server-pve-ssh@vbr1>pve4"
reason = "change 4711"
"""

EXPECTED = {
    # Real servers, as they should be: OpenSSH, nginx, chrony.
    "backup-server-pve-ssh@vbr1>pve1": "pass open",
    "backup-server-pve-api@vbr1>pve1": "pass open",
    "worker-ntp-server-time@worker1>pve1": "pass open",
    # The router drops SSH and rejects the API; the clock there runs free.
    "backup-server-pve-ssh@vbr1>pve2": "fail blocked-silent",
    "backup-server-pve-api@vbr1>pve2": "fail blocked-rejected",
    "worker-ntp-server-time@worker1>pve2": "fail wrong-service",
    # Nothing listens, over IPv6.
    "backup-server-pve-ssh@vbr1>pve3": "fail no-listener",
    "worker-ntp-server-time@worker1>pve3": "fail no-listener",
    # No such host: behind the router, which says so, and among our own neighbours.
    "backup-server-pve-ssh@vbr1>pve4": "waived unreachable",
    "backup-server-pve-api@vbr1>pve4": "fail unreachable",
    "backup-server-pve-ssh@vbr1>pve5": "fail unreachable",
    "backup-server-pve-ssh@vbr1>pve6": "fail unresolved",
    # Two addresses, one of them dropped: all of a list, any of a name.
    "backup-server-pve-ssh@vbr1>pve7": "fail blocked-silent",
    "backup-server-pve-ssh@vbr1>pve8": "pass open",
    # Something accepts for everybody; and our own firewall lets no datagram out.
    "backup-server-pve-ssh@vbr1>pve9": "unproven accepts-all",
    "worker-ntp-server-time@worker1>pve9": "unproven local-error",
    # Ports that are served only while a job runs: clear, with a hole, hidden by the host.
    "guest-proxy-guest-data@vbr1>guest1": "pass path-clear",
    "guest-proxy-guest-data@vbr1>guest2": "fail partly-blocked",
    "worker-ntp-server-time@worker1>guest2": "fail wrong-service",
    "guest-proxy-guest-data@vbr1>guest3": "unproven idle-silent",
    "guest-proxy-guest-ssh@vbr1>guest3": "pass open",
    # The primary port is dropped, the failover range is clear.
    "backup-server-hyper-v-logs@vbr1>hyperv1": "degraded failover-only",
    # No job runs now.
    "backup-server-worker-control@vbr1>worker1": "unproven not-running",
    # Ourselves by another name; and what starts elsewhere.
    "backup-server-guest-proxy-ssh@vbr1>alias1": "untested same-host",
    "guest-proxy-guest-ssh@alias1>guest1": "untested other-vantage",
}


class Site:
    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        near, far = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
        self.router = lab.router("router", near, far)
        self.vbr1 = lab.host("vbr1", "10.77.1.10", near)
        names = ("pve1", "pve2", "guest1", "pve9", "guest2", "guest3", "hyperv1")
        hosts = [lab.host(name, f"10.77.2.{10 + n}", far) for n, name in enumerate(names)]
        pve1, pve2, self.guest1, pve9, guest2, guest3, _ = hosts
        # As by default it would tell vbr1 of only one missing host a second.
        self.router.sysctl("net.ipv4.icmp_ratelimit", 0)
        lab.name("alias1.example.com", "10.77.1.10")
        lab.name("both.example.com", "10.77.2.20", "10.77.2.21")
        for address in ("10.77.2.20", "10.77.2.21"):
            pve1.add_address(address)
        pve1.sshd()
        pve1.nginx_tls(8006)
        pve1.chronyd()
        pve2.ntp_fake("unsynchronised")
        guest2.ntp_fake("rate")
        guest3.sshd()
        self.router.nft(
            Policy(
                (
                    *(
                        Rule(action=Action.DROP, protocol="tcp", ports=ports, target=target)
                        for target, ports in (
                            ("10.77.2.11", "22"),
                            ("10.77.2.21", "22"),
                            ("10.77.2.14", "2900-3000"),
                            ("10.77.2.16", "6162"),
                        )
                    ),
                    Rule(action=Action.PROHIBITED, protocol="tcp", ports=8006, target="10.77.2.11"),
                )
            ).text("forward")
        )
        guest3.nft(
            Policy(
                (Rule(action=Action.ACCEPT, protocol="tcp", ports=22),), default=Action.DROP
            ).text("input")
        )
        pve9.listen_tcp(9)
        pve9.nft(
            """
            table ip everything {
                chain in {
                    type nat hook prerouting priority dstnat
                    tcp dport 1-65535 redirect to :9
                }
            }
            """
        )
        self.vbr1.nft(
            Policy(
                (Rule(action=Action.DROP, protocol="udp", ports=123, target="10.77.2.13"),)
            ).text("output")
        )


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Lab() as lab:
        yield Site(lab)


@pytest.fixture(scope="module")
def report(site: Site) -> Json:
    return site.vbr1.report(INVENTORY, "--from", "vbr1", "--pace", "fast")


def codes(report: Json) -> dict[str, str]:
    return {flow["id"]: f"{flow['verdict']} {flow['reason_code']}" for flow in report["flows"]}


def flow_of(report: Json, flow: str) -> Json:
    return next(each for each in report["flows"] if each["id"] == flow)


@pytest.mark.parametrize("flow", EXPECTED)
def test_each_cause_has_its_code(report: Json, flow: str) -> None:
    assert codes(report)[flow] == EXPECTED[flow]


def test_both_judges_agree(report: Json) -> None:
    assert oracle.disagreements(report) == []


def test_the_report_counts_what_it_says(report: Json) -> None:
    verdicts = [flow["verdict"] for flow in report["flows"]]

    for verdict in ("pass", "degraded", "fail", "unproven", "untested", "waived"):
        assert report["summary"][verdict] == verdicts.count(verdict)
    assert report["summary"]["exit_status"] == 1


def test_who_rejects_is_named(report: Json) -> None:
    (row,) = flow_of(report, "backup-server-pve-api@vbr1>pve2")["evidence"]

    assert (row["signal"], row["by"]) == ("rejected", "10.77.1.1")
    assert row["local_address"] == "10.77.1.10"


def test_a_hole_in_a_range_is_told_exactly(report: Json) -> None:
    evidence = flow_of(report, "guest-proxy-guest-data@vbr1>guest2")["evidence"]

    assert {row["signal"]: row["ports"] for row in evidence} == {
        "refused": "2500-2899,3001-3300",
        "silent": "2900-3000",
    }


def test_a_time_server_is_measured(report: Json) -> None:
    (row,) = flow_of(report, "worker-ntp-server-time@worker1>pve1")["evidence"]

    assert row["proven"]
    assert row["detail"]["stratum"] == 8
    assert abs(row["detail"]["offset_ms"]) < 1000


def test_a_stand_in_is_named(report: Json) -> None:
    flow = flow_of(report, "worker-ntp-server-time@worker1>pve1")

    assert flow["runs_from"] == "vbr1"
    assert "standing in for worker1" in flow["reason"]


def test_what_starts_elsewhere_comes_with_its_command(report: Json) -> None:
    reason = flow_of(report, "guest-proxy-guest-ssh@alias1>guest1")["reason"]

    assert "veeamcheck run" in reason
    assert "--from alias1" in reason


# --- what needs a run of its own -------------------------------------------------------------


def test_without_an_error_queue_a_refusal_proves_little(site: Site) -> None:
    report = site.vbr1.report(
        INVENTORY,
        *("--from", "vbr1", "--host", "guest1", "--pace", "fast"),
        env={"VEEAMCHECK_PORTABLE": "1"},
    )

    found = codes(report)
    assert found["guest-proxy-guest-data@vbr1>guest1"] == "unproven refusal-unattributed"
    assert found["guest-proxy-guest-ssh@vbr1>guest1"] == "fail no-listener"
    assert report["run"]["missing_evidence"]
    assert oracle.disagreements(report) == []


def test_an_interrupted_run_reports_what_it_has(site: Site) -> None:
    (site.lab.anchor.state / "interrupted.toml").write_text(INVENTORY)
    site.router.nft(count("contacts", "ip daddr 10.77.2.12 tcp flags == syn"))
    process = site.vbr1.popen(
        [
            *(sys.executable, "-m", "veeamcheck", "run", "-i", f"{STATE}/interrupted.toml"),
            *("--from", "vbr1", "--host", "guest1", "--host", "pve1", "--pace", "polite"),
            *("-o", "json"),
        ],
        env={"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # Single ports come first; then, three a second, the range takes half a minute.
    assert wait_until(lambda: site.router.counted("contacts") > 8, 30)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)

    report = json.loads(output)
    assert_published(report)
    assert process.returncode == report["summary"]["exit_status"] == 130, errors
    assert report["run"]["interrupted"]
    found = codes(report)
    assert found["backup-server-pve-ssh@vbr1>pve1"] == "pass open"
    assert found["guest-proxy-guest-data@vbr1>guest1"] == "unproven interrupted"
    assert oracle.disagreements(report) == []


def test_a_scan_protection_is_told_from_a_block(lab: Lab) -> None:
    """A host that bans whoever opens more than 30 connections in a moment."""
    network = lab.network("10.77.1.0/24")
    vbr1 = lab.host("vbr1", "10.77.1.10", network)
    guest1 = lab.host("guest1", "10.77.1.12", network)
    guest1.sshd()
    guest1.nft(
        """
        table inet guard {
            set seen { type ipv4_addr; flags dynamic, timeout; timeout 1m; }
            set banned { type ipv4_addr; flags dynamic, timeout; timeout 5m; }
            chain input {
                type filter hook input priority filter
                ip saddr @banned drop
                ct state new add @seen { ip saddr limit rate over 1/second burst 30 packets } \
                    add @banned { ip saddr } drop
            }
        }
        """
    )

    report = vbr1.report(
        """
        [audit]
        rule_sets = ["veeam-pve"]
        [hosts.vbr1]
        address = "10.77.1.10"
        roles = ["guest-interaction-proxy"]
        os = "linux"
        [hosts.guest1]
        address = "10.77.1.12"
        roles = ["vm-guest"]
        os = "linux"
        """,
        *("--from", "vbr1", "--pace", "fast"),
    )

    found = codes(report)
    assert found["guest-proxy-guest-ssh@vbr1>guest1"] == "pass open"
    assert found["guest-proxy-guest-data@vbr1>guest1"] == "unproven scan-protection"
    assert oracle.disagreements(report) == []


def test_nothing_is_missing_here() -> None:
    """Each verdict and reason code stands in the table, or has a run of its own."""
    of_their_own = {"refusal-unattributed", "interrupted", "scan-protection"}
    verdicts, table = zip(*(value.split() for value in EXPECTED.values()), strict=True)

    assert {*table, *of_their_own} == {code for each in oracle.CODES.values() for code in each}
    assert set(verdicts) == {*oracle.CODES, "waived"}
