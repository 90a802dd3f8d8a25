"""What answers, asked from a host over SSH by both means: by a prober there, and by forwarding."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.lab import Lab
from tests.lab.anchor import STATE
from tests.lab.firewall import count
from tests.lab.process import wait_until
from tests.lab.recorder import recording
from tests.lab.topology import CHECKOUT, Host
from tests.oracle import Json

pytestmark = pytest.mark.lab

PROBER, FORWARDING = 22, 2022
"""Ports of SSH servers: programs may be run; connections are forwarded and no more."""
MEANS = {PROBER: "prober over SSH", FORWARDING: "SSH forwarding"}
BOTH = pytest.mark.parametrize("means", MEANS)

INVENTORY = """
[hosts.vbr1]
address = "10.77.1.10"
roles = ["backup-server"]

[hosts.gip1]
address = "10.77.2.10"
roles = ["guest-interaction-proxy"]
os = "linux"
ssh = {{ user = "{user}", key = "{key}", port = {port} }}

[hosts.worker1]
address = "10.77.2.60"
roles = ["worker"]
stand_in = "gip1"

[hosts.pve1]
address = "10.77.3.10"
roles = ["proxmox-ve"]

[hosts.db1]
address = "10.77.3.20"
roles = ["vm-guest"]
os = "linux"
ports = {{ "2500-3300" = "2500-2506" }}
"""
API, SSH = "worker-pve-api@worker1>pve1", "worker-pve-ssh@worker1>pve1"
GUEST = "guest-proxy-guest-ssh@gip1>db1"
SERVICES = ("--rule", "*-api", "--rule", "*-ssh")
CUT = "table inet cut {\nchain cut_off {\ntype filter hook forward priority -500\ndrop\n}\n}\n"
EVERYBODY = """
table ip proxy {
    chain in {
        type nat hook prerouting priority dstnat
        ip saddr 10.77.2.10 ip daddr 10.77.3.0/24 meta l4proto tcp redirect to :9
    }
}
"""
"""The router itself takes whatever gip1 sends to the others."""


class Site:
    """`vbr1` is the desk; `gip1`, the vantage, has SSH servers; a router stands between all."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        desk, near, far = (lab.network(f"10.77.{n}.0/24") for n in (1, 2, 3))
        self.router = lab.router("router", desk, near, far)
        self.vbr1 = lab.host("vbr1", "10.77.1.10", desk)
        self.gip1 = lab.host("gip1", "10.77.2.10", near)
        self.pve1 = lab.host("pve1", "10.77.3.10", far)
        self.db1 = lab.host("db1", "10.77.3.20", far)
        self.gip1.sshd(PROBER)
        self.gip1.sshd(FORWARDING, "ForceCommand /bin/false")
        self.home = f"{STATE}/home"
        lab.sh(f"mkdir -p {self.home}/.ssh")
        scans = "; ".join(f"ssh-keyscan -t ed25519 -p {port} 10.77.2.10" for port in MEANS)
        self.vbr1.run(["sh", "-c", f"{{ {scans}; }} > {self.home}/.ssh/known_hosts"])
        path = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
        self.environment = {"HOME": self.home, "SSH_AUTH_SOCK": "", "PYTHONPATH": path}

    def inventory(self, means: int) -> str:
        login = self.lab.ssh_login
        return INVENTORY.format(user=login.user, key=login.key, port=means)

    def flows(self, means: int, *options: str) -> dict[str, Json]:
        report = self.vbr1.report(
            *(self.inventory(means), "--from", "gip1", "--pace", "fast", *options),
            env=self.environment,
            timeout=120,
        )
        return by_id(report, means)


def by_id(report: Json, means: int) -> dict[str, Json]:
    found = {flow["id"]: flow for flow in report["flows"] if flow["runs_from"] == "gip1"}
    used = {row["means"] for flow in found.values() for row in flow["evidence"]}
    assert used == {MEANS[means]}
    return found


def code(flow: Json) -> str:
    return f"{flow['verdict']} {flow['reason_code']}"


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with Lab() as lab:
        yield Site(lab)


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    before = list(shared.lab.processes)
    yield shared
    for process in shared.lab.processes[len(before) :]:
        process.stop()
    shared.router.nft("flush ruleset")


def callers(host: Host, service: str = "sshd") -> list[str]:
    """Who came to a server and left without logging in, as its newest log says."""
    logs = host.lab.anchor.state.glob(f"{host.name}-{service}-*.log")
    newest = max(logs, key=lambda log: int(log.stem.rpartition("-")[2]))
    return re.findall(r"^Connection (?:closed|reset) by ([\d.]+)", newest.read_text(), re.MULTILINE)


@BOTH
def test_services_are_recognised_from_there(site: Site, means: int) -> None:
    site.pve1.nginx_tls(8006)
    site.pve1.sshd()
    site.db1.sshd()
    flows = site.flows(means, *SERVICES)
    for each in (API, SSH, GUEST):
        assert code(flows[each]) == "pass open", flows[each]["reason"]
        assert all(row["proven"] for row in flows[each]["evidence"])


@BOTH
def test_impostors_are_known_from_there(site: Site, means: int) -> None:
    site.pve1.sshd(8006)
    site.pve1.nginx_tls(22)
    site.db1.listen_tcp(22, hold=False)
    flows = site.flows(means, *SERVICES)
    for flow, why in {
        API: "an SSH server (SSH-2.0-OpenSSH",
        SSH: "an HTTP server (400 Bad Request",
        GUEST: "hangs up without a word",
    }.items():
        assert code(flows[flow]) == "fail wrong-service"
        assert why in flows[flow]["reason"]


@BOTH
def test_who_accepts_for_everybody_on_the_way_from_there_is_no_service(
    site: Site, means: int
) -> None:
    site.router.listen_tcp(9, hold=False)
    site.router.nft(EVERYBODY)
    flows = site.flows(means, *SERVICES)
    assert {code(flows[each]) for each in (API, SSH, GUEST)} == {"unproven accepts-all"}


def end_session(site: Site, means: int) -> None:
    """Kill what serves the desk's login."""
    sessions = site.gip1.run(["ss", "-Htnp", "state", "established", f"sport = :{means}"])
    (pid,) = set(re.findall(r"pid=(\d+)", sessions.stdout))
    site.gip1.run(["kill", "-KILL", pid])


def cut_off(site: Site, means: int) -> None:
    """From now on nothing passes the router."""
    site.router.nft(CUT)


@pytest.mark.parametrize(
    ("means", "lose"), [(PROBER, end_session), (FORWARDING, end_session), (FORWARDING, cut_off)]
)
def test_a_way_that_is_lost_in_the_middle_of_a_conversation_is_no_impostor(
    site: Site, means: int, lose: Callable[[Site, int], None]
) -> None:
    """The server there is slow: it would have answered."""
    site.db1.listen_tcp(22, hold=True)
    site.router.nft(count("begun", "ip daddr 10.77.3.20 tcp dport 22 tcp flags syn / syn,ack"))
    (site.lab.anchor.state / "lost.toml").write_text(site.inventory(means), encoding="utf-8")
    audit = site.vbr1.popen(
        [
            *(sys.executable, "-m", "veeamcheck", "run", "-i", f"{STATE}/lost.toml"),
            *("-o", "json", "--from", "gip1", "--rule", "*-guest-ssh"),
        ],
        env=site.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert wait_until(lambda: site.router.counted("begun") > 1, 30)  # contacted, and then asked
    lose(site, means)
    output, _ = audit.communicate(timeout=90)

    flow = next(each for each in json.loads(output)["flows"] if each["id"] == GUEST)
    assert code(flow) in {
        "unproven local-error",
        "unproven interrupted",
        "untested interrupted",
        "untested other-vantage",
    }
    assert re.search("lost|answers nothing any more|does not answer", flow["reason"])


@BOTH
def test_a_server_meets_few_strangers_and_never_too_many_at_a_time(site: Site, means: int) -> None:
    """One contact and one conversation, however many flows need it; conversations keep the pace."""
    site.pve1.nginx_tls(8006)
    site.pve1.sshd()
    with recording(site.pve1) as contacts:
        flows = site.flows(means, "--pace", "polite", *SERVICES)
    assert code(flows[SSH]) == "pass open"
    assert contacts.targets.count(("10.77.3.10", 22)) == 2
    assert contacts.most_within(5) <= 20


def test_a_server_that_forwards_does_not_meet_itself(site: Site) -> None:
    """OpenSSH 9.8 and newer turn away for a while who comes often and never logs in."""
    site.router.nft(
        "table inet silence {\nchain f {\ntype filter hook forward priority 0\n"
        "ip saddr 10.77.2.10 ip daddr 10.77.3.20 tcp dport 2500-2506 drop\n}\n}\n"
    )
    flows = site.flows(FORWARDING, "--rule", "guest-proxy-guest-data", "--pace", "normal")
    assert code(flows["guest-proxy-guest-data@gip1>db1"]) == "unproven idle-silent"
    assert "127.0.0.1" not in callers(site.gip1)
