"""Vantages over SSH: one desk, real SSH servers, and a firewall between all networks."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from random import Random

import pytest

from tests import oracle
from tests.lab import Action, Lab, Policy, Rule
from tests.lab.anchor import STATE
from tests.lab.firewall import count
from tests.lab.process import Process, wait_until
from tests.lab.topology import CHECKOUT, Host
from tests.lab.truth import Truth, wrong_signals
from veeamcheck.ports import PortSet

pytestmark = pytest.mark.lab

NORMAL, FORWARD = 22, 2022
"""Ports of SSH servers: all is allowed; no program can be run."""
NO_PROGRAM = "ForceCommand /bin/false"
NEEDED = PortSet.parse("22,123,443,2500-3300,6160,6162,8006,10006,19000")
ADDRESSES = {
    "vbr1": "10.77.1.10",
    "pve1": "10.77.2.10",
    "pve2": "10.77.2.11",
    "worker1": "10.77.2.50",
    "repo1": "10.77.3.10",
    "log1": "10.77.3.11",
    "db1": "10.77.4.10",
}
ROLES = {
    "vbr1": '["backup-server", "guest-interaction-proxy"]\nos = "linux"',
    "pve1": '["proxmox-ve"]',
    "pve2": '["proxmox-ve"]',
    "worker1": '["worker"]\nstand_in = "pve1"',
    "repo1": '["repository", "ntp-server"]\nos = "linux"',
    "log1": '["log-shipping-server"]\nos = "linux"',
    "db1": '["vm-guest"]\nos = "linux"\ndatabases = ["postgresql"]',
}
WITH_SSH = ("pve1", "log1", "db1")


class Site:
    """`vbr1` is the desk. Every other source of flows has SSH servers."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        networks = {f"10.77.{n}": lab.network(f"10.77.{n}.0/24") for n in range(1, 5)}
        self.firewall = lab.router("firewall", *networks.values())
        self.firewall.sysctl("net.ipv4.icmp_ratelimit", 0)
        self.hosts = {
            name: lab.host(name, address, networks[address.rpartition(".")[0]])
            for name, address in ADDRESSES.items()
        }
        self.desk = self.hosts["vbr1"]
        self.listening = {name: {NORMAL} for name in ("vbr1", *WITH_SSH)}
        for name in self.listening:
            self.hosts[name].sshd(NORMAL)
        for name in WITH_SSH:
            self.hosts[name].sshd(FORWARD, NO_PROGRAM)
        for name, ports in {
            "vbr1": "10006,2500-2505",
            "pve1": "8006",
            "pve2": "8006,22",
            "worker1": "443,19000",
            "repo1": "6162,2500-2510",
            "log1": "6160",
        }.items():
            self.hosts[name].listen_tcp(ports)
            self.listening[name] = self.listening.get(name, set()) | set(PortSet.parse(ports))
        self.hosts["repo1"].chronyd()
        self.home = f"{STATE}/home"
        lab.sh(f"mkdir -p {self.home}/.ssh")
        scans = [
            f"ssh-keyscan -t ed25519 -p {port} {ADDRESSES[name]}"
            for name in WITH_SSH
            for port in (NORMAL, FORWARD)
        ]
        self.desk.run(["sh", "-c", f"{{ {'; '.join(scans)}; }} > {self.home}/.ssh/known_hosts"])

    def inventory(self, ports: dict[str, int] | None = None) -> str:
        login = self.lab.ssh_login
        port = dict.fromkeys(WITH_SSH, NORMAL) | (ports or {})
        return self._inventory(
            {
                name: f'ssh = {{ user = "{login.user}", key = "{login.key}", port = {port[name]} }}'
                for name in WITH_SSH
            }
        )

    def bare_inventory(self, db1: str) -> str:
        """With this line for `db1` alone."""
        return self._inventory({"db1": db1})

    def _inventory(self, more: dict[str, str]) -> str:
        return "\n".join(
            f'[hosts.{name}]\naddress = "{address}"\nroles = {ROLES[name]}\n{more.get(name, "")}'
            for name, address in ADDRESSES.items()
        )

    def ssh_config(self, *lines: str) -> None:
        """The desk's configuration of SSH clients."""
        config = self.lab.anchor.state / "home" / ".ssh" / "config"
        config.write_text("\n".join((*lines, "")), encoding="utf-8")

    def report(self, inventory: str, *options: str) -> oracle.Json:
        return self.desk.report(inventory, *options, env=self.environment, timeout=120)

    def start(self, inventory: str, *options: str) -> Process:
        """Start an audit and return at once."""
        (self.lab.anchor.state / "started.toml").write_text(inventory, encoding="utf-8")
        arguments = ("run", "-i", f"{STATE}/started.toml", "-o", "json", *options)
        return self.desk.popen(
            [sys.executable, "-m", "veeamcheck", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
        return {"HOME": self.home, "SSH_AUTH_SOCK": "", "PYTHONPATH": path}


def probers(host: Host) -> int:
    """How many probers run on the hosts."""
    return int(host.run(["pgrep", "-fc", "stdin.buffer.read"], check=False).stdout)


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with Lab() as lab:
        yield Site(lab)


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    yield shared
    shared.firewall.nft("flush ruleset")
    shared.ssh_config()


def random_policy(random: Random) -> Policy:
    """A firewall between everybody that lets the desk log in."""
    doors = Rule(
        action=Action.ACCEPT,
        protocol="tcp",
        ports=f"{NORMAL},{FORWARD}",
        source=ADDRESSES["vbr1"],
    )
    others = Policy.random(
        random,
        list(ADDRESSES.values()),
        random.choice([NEEDED, PortSet.parse("2500-2700,6162"), PortSet.parse("22-123")]),
        rules=random.randint(3, 10),
        protocols=("tcp", "tcp", "udp"),
        default=random.choice([Action.ACCEPT, Action.ACCEPT, Action.DROP, Action.PROHIBITED]),
    )
    return Policy((doors, *others.rules), others.default)


def truth_from(site: Site, policy: Policy, vantage: str) -> Truth:
    """What stands between a vantage and everybody else: nothing within one network."""
    own = ADDRESSES[vantage]
    network = own.rpartition(".")[0]
    near = tuple(
        Rule(action=Action.ACCEPT, protocol="tcp", target=address)
        for address in ADDRESSES.values()
        if address.startswith(f"{network}.")
    )
    return Truth(
        source={4: own},
        forward=Policy((*near, *policy.rules), policy.default),
        router={4: f"{network}.1"},
        inputs={address: Policy(()) for address in ADDRESSES.values()},
        listening={address: site.listening.get(name, set()) for name, address in ADDRESSES.items()},
    )


def udp_verdict(policy: Policy, source: str, target: str, port: int) -> oracle.Judged:
    match policy.action(source, target, "udp", port):
        case Action.ACCEPT:
            return oracle.Judged("pass", "open")
        case Action.DROP:
            return oracle.Judged("fail", "blocked-silent")
        case Action.HOST_UNREACHABLE:
            return oracle.Judged("fail", "unreachable")
        case _:
            return oracle.Judged("fail", "blocked-rejected")


def mistakes(site: Site, policy: Policy, report: oracle.Json) -> list[str]:
    """Where a report made from all vantages at the fast pace differs from the truth.

    At that pace the firewall's kernel holds ICMP errors back.
    """
    found = oracle.disagreements(report)
    for vantage in {flow["runs_from"] for flow in report["flows"]}:
        truth = truth_from(site, policy, vantage)
        flows = [flow for flow in report["flows"] if flow["runs_from"] == vantage]
        streams = {**report, "flows": [f for f in flows if f["transport"] == "tcp"]}
        wanted = truth.judged(streams, icmp_limited=True)
        for flow in flows:
            right = wanted.get(flow["id"]) or udp_verdict(
                policy, ADDRESSES[vantage], flow["address"][0], int(flow["ports"])
            )
            if flow["reason_code"] == "same-host":
                right = oracle.Judged("untested", "same-host")
                if flow["source"] != flow["target"] and flow["target"] != vantage:
                    found.append(f"{flow['id']}: {vantage} is not the target")
            elif flow["transport"] == "tcp":
                found += wrong_signals(flow, truth, full=True, icmp_limited=True)
            if oracle.Judged(flow["verdict"], flow["reason_code"]) != right:
                found.append(f"{flow['id']}: {flow['verdict']}, not {right}: {flow['reason']}")
    return found


@pytest.mark.parametrize("seed", range(2))
def test_every_flow_is_judged_from_where_it_starts(site: Site, seed: int) -> None:
    policy = random_policy(Random(seed))
    site.firewall.nft(policy.text("forward"))

    options = ("--all", "--full-range", "--pace", "fast", "--checks", "connect")
    report = site.report(site.inventory(), *options)

    assert set(report["run"]["vantages"]) == {"vbr1", *WITH_SSH}
    assert mistakes(site, policy, report) == []
    untested = [f for f in report["flows"] if f["verdict"] == "untested"]
    assert {f["reason_code"] for f in untested} <= {"same-host"}
    for flow in report["flows"]:
        if flow["source"] == "worker1" and flow["verdict"] != "untested":
            assert flow["reason"].endswith("(from pve1, standing in for worker1)")
        means = "sockets" if flow["runs_from"] == "vbr1" else "prober over SSH"
        assert {row["means"] for row in flow["evidence"]} <= {means}


AS_FORWARDED = {
    "rejected": {"unreachable", "refused", "silent"},
    "unreachable": {"unreachable", "silent"},
}
"""What a forwarding makes of a signal: an error without ICMP, which may also be held back."""


@pytest.mark.parametrize("seed", range(2))
def test_forwarded_connections_say_what_a_forwarding_can_know(site: Site, seed: int) -> None:
    policy = random_policy(Random(seed))
    site.firewall.nft(policy.text("forward"))

    options = ("--all", "--full-range", "--pace", "fast", "--checks", "connect")
    report = site.report(site.inventory(dict.fromkeys(WITH_SSH, FORWARD)), *options)

    assert set(report["run"]["vantages"]) == {"vbr1", *WITH_SSH}
    assert oracle.disagreements(report) == []
    assert any("SSH forwarding" in note for note in report["run"]["missing_evidence"])
    rows = [
        (flow["runs_from"], row)
        for flow in report["flows"]
        for row in flow["evidence"]
        if flow["runs_from"] in WITH_SSH
    ]
    assert rows
    for vantage, row in rows:
        assert (row["means"], row["attributed"]) == ("SSH forwarding", False)
        if row["ports"] == "123":
            assert row["signal"] == "local-error"
            continue
        truth = truth_from(site, policy, vantage)
        for port, answer in truth.answers(row["address"], row["ports"]).items():
            allowed = AS_FORWARDED.get(answer.signal, {answer.signal})
            assert row["signal"] in allowed, (vantage, row, port, answer)


def test_a_server_that_waits_for_minutes_holds_up_nothing(site: Site) -> None:
    """More silent attempts than an SSH server has descriptors for, each kept for over 2 minutes."""
    inventory = site.inventory({"pve1": FORWARD}).replace(
        ROLES["vbr1"], f'{ROLES["vbr1"]}\nports = {{ "2500-3300" = "2500-2799" }}'
    )
    silence = Rule(action=Action.DROP, protocol="tcp", source=ADDRESSES["pve1"], ports="2500-3300")
    site.firewall.nft(Policy((silence,)).text("forward"))
    index = "worker-backup-server-index"

    report = site.report(
        inventory, "--from", "pve1", "--full-range", "--pace", "fast",
        "--rule", index, "--rule", "worker-backup-server-control",
    )  # fmt: skip

    flows = {flow["rule"]: flow for flow in report["flows"]}
    assert flows["worker-backup-server-control"]["verdict"] == "pass"
    (row,) = flows[index]["evidence"]
    assert (row["ports"], row["signal"], row["probed"]) == ("2500-2799", "silent", 300)
    assert (flows[index]["verdict"], flows[index]["reason_code"]) == ("unproven", "idle-silent")


def test_from_another_host_means_over_its_ssh(site: Site) -> None:
    report = site.report(site.inventory(), "--from", "pve1", "--host", "repo1")

    assert report["run"]["vantages"] == ["pve1"]
    judged = {flow["id"]: flow for flow in report["flows"] if flow["verdict"] != "untested"}
    assert set(judged) == {
        "worker-repository-data@worker1>repo1",
        "worker-ntp-server-time@worker1>repo1",
    }
    for flow in judged.values():
        assert flow["verdict"] == "pass"
        (row,) = flow["evidence"]
        assert row["local_address"] == ADDRESSES["pve1"]


def test_an_interrupt_leaves_nothing_running_on_other_hosts(site: Site) -> None:
    site.firewall.nft(
        Policy((Rule(action=Action.DROP, protocol="tcp", ports="2500-3300"),)).text("forward")
    )
    pve1 = site.hosts["pve1"]
    audit = site.start(site.inventory(), "--from", "pve1", "--pace", "polite", "--full-range")
    assert wait_until(lambda: probers(pve1) > 0)
    audit.send_signal(signal.SIGINT)
    output, _ = audit.communicate(timeout=30)

    assert json.loads(output)["run"]["interrupted"]
    assert audit.returncode == 130
    assert wait_until(lambda: probers(pve1) == 0)


CUT = "table inet cut {\nchain cut_off {\ntype filter hook forward priority -500\ndrop\n}\n}\n"


def end_session(site: Site, port: int) -> None:
    """Kill what serves the desk's login to `pve1`."""
    sessions = site.hosts["pve1"].run(["ss", "-Htnp", "state", "established", f"sport = :{port}"])
    (pid,) = set(re.findall(r"pid=(\d+)", sessions.stdout))
    site.hosts["pve1"].run(["kill", "-KILL", pid])


@pytest.mark.parametrize(("port", "silently"), [(NORMAL, False), (FORWARD, False), (FORWARD, True)])
def test_a_way_that_is_lost_meanwhile_is_no_firewall(site: Site, port: int, silently: bool) -> None:
    """What was seen until then counts; of the rest nothing is said but that."""
    silence = Rule(action=Action.DROP, protocol="tcp", source=ADDRESSES["pve1"], ports="2500-3300")
    site.firewall.nft(Policy((silence,)).text("forward"))
    site.firewall.nft(count("begun", f"ip saddr {ADDRESSES['pve1']} tcp dport 2500-3300"))
    audit = site.start(
        site.inventory({"pve1": port}), "--from", "pve1", "--pace", "polite", "--full-range",
        "--rule", "worker-backup-server-*",
    )  # fmt: skip
    assert wait_until(lambda: site.firewall.counted("begun") > 0, 30)
    if silently:
        site.firewall.nft(CUT)
    else:
        end_session(site, port)
    output, _ = audit.communicate(timeout=60)

    flows = {flow["rule"]: flow for flow in json.loads(output)["flows"]}
    assert flows["worker-backup-server-control"]["verdict"] == "pass"
    lost = flows["worker-backup-server-index"]
    assert (lost["verdict"], lost["reason_code"]) in {
        ("untested", "other-vantage"),
        ("unproven", "interrupted"),
        ("unproven", "local-error"),
    }
    assert "lost" in lost["reason"] or "answers nothing any more" in lost["reason"]


def why_not(site: Site, ssh: str) -> str:
    """The reason why `db1` cannot be probed from with this `ssh`."""
    report = site.report(site.bare_inventory(f"ssh = {ssh}"), "--from", "db1")
    (flow,) = [flow for flow in report["flows"] if flow["source"] == "db1"]
    assert (flow["verdict"], flow["reason_code"]) == ("untested", "other-vantage")
    return str(flow["reason"])


@pytest.mark.parametrize(
    ("ssh", "why", "remedy"),
    [
        ("{ user = 'root', key = 'KEY', host = 'new' }", "host key SHA256:", "known_hosts"),
        ("{ user = 'stranger', key = 'KEY' }", "accepts no key", "hosts.db1.ssh.key"),
        ("{ user = 'root' }", "accepts no key", "ssh-add"),
        ("{ user = 'root', key = '/no/such/key' }", "no key /no/such/key", "correct"),
        ("{ user = 'root', key = '/etc/hosts' }", "the key cannot be used", "hosts.db1.ssh.key"),
        ("{ user = 'root', key = 'KEY', port = 9 }", "refused", "ssh -p 9"),
        ("{ user = 'root', key = 'KEY', host = '10.77.4.99' }", "10.77.4.99 failed", "ssh -i"),
        ("{ user = 'root', key = 'KEY', host = 'no.such.name' }", "no address", ".ssh.host"),
        ("{ user = 'root', key = 'KEY', jump = 'db1' }", "circle (db1 > db1)", "hosts.db1.ssh"),
        ("{ user = 'root', key = 'KEY', jump = 'pve1' }", "jump host pve1", "known_hosts"),
    ],
)
def test_a_host_that_cannot_be_logged_in_to_says_what_to_do(
    site: Site, ssh: str, why: str, remedy: str
) -> None:
    site.lab.sh(f": > {site.home}/.ssh/empty")
    site.ssh_config(
        f"Host new {ADDRESSES['pve1']}", "UserKnownHostsFile ~/.ssh/empty",
        "Host new", f"HostName {ADDRESSES['db1']}",
    )  # fmt: skip

    reason = why_not(site, ssh.replace("KEY", site.lab.ssh_login.key))

    assert why in reason
    assert remedy in reason


def test_the_client_configuration_and_jump_hosts_are_honoured(site: Site) -> None:
    """`db1` lets in nobody but `log1`, which is reached by an alias."""
    door = Rule(
        action=Action.DROP, protocol="tcp", ports=NORMAL, source=ADDRESSES["vbr1"],
        target=ADDRESSES["db1"],
    )  # fmt: skip
    site.firewall.nft(Policy((door,)).text("forward"))
    key = site.lab.ssh_login.key
    site.ssh_config(
        "Host bastion", f"HostName {ADDRESSES['log1']}",
        "Host *", f"User {site.lab.ssh_login.user}", f"IdentityFile {key}",
    )  # fmt: skip

    for jump in ("bastion", "log1"):
        report = site.report(site.bare_inventory(f"ssh = {{ jump = '{jump}' }}"), "--from", "db1")
        assert report["run"]["vantages"] == ["db1"]
