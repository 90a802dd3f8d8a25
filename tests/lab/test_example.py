"""`inventory.example.toml` itself, built as it says: one desk, and a firewall between all networks.

Live, with real services, and before the deployment exists, with listeners in their place.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from random import Random

import pytest

from tests import oracle
from tests.lab import Action, Lab, Policy, Rule
from tests.lab.anchor import STATE
from tests.lab.process import Process
from tests.lab.topology import CHECKOUT
from tests.lab.truth import Truth, wrong_signals
from tests.oracle import Json, ports_of
from veeamcheck.farside.keyfile import make_key
from veeamcheck.ports import PortSet

pytestmark = pytest.mark.lab

ADDRESSES = {
    "vbr1": "10.0.10.5",
    "gip1": "10.0.10.6",
    "gw1": "10.0.30.6",
    "nas1": "10.0.30.7",
    "repo1": "10.0.30.8",
    "pve1": "10.0.20.11",
    "pve2": "10.0.20.12",
    "worker1": "10.0.20.31",
    "time1": "10.0.60.1",
    "sql1": "10.0.40.21",
    "pg1": "10.0.40.22",
    "web1": "10.0.50.23",
}
SECOND = {"gip1": "10.0.40.6"}
NAMES = {"repo1": "repo1.example.com", "time1": "ntp.example.com"}
ALL, FORWARDS, NOTHING = 22, 2022, 2023
"""Ports of SSH servers: all is allowed; no program can be run; nor is anything forwarded."""
NO_PROGRAM = "ForceCommand /bin/false"
WITH_SSH = ("gip1", "pve1", "sql1", "pg1")
"""Beside the desk, all that flows start at, or their stand-ins."""
SERVICES = {
    "vbr1": "10006,6172,2500-2510",
    "gip1": "6160,6162",
    "gw1": "6162",
    "repo1": "6162",
    "pve1": "8006",
    "pve2": "8006,22",
    "worker1": "443,19000",
    "sql1": "135,445,6173",
    "pg1": "6160,6162",
}
LISTENING = ("vbr1", "gip1", "gw1", "repo1", "pve1", "pve2", "worker1", "sql1", "pg1", "time1")
FROM_DESK = Rule(
    action=Action.ACCEPT, protocol="tcp", ports=f"{ALL},{FORWARDS},{NOTHING}",
    source=ADDRESSES["vbr1"],
)  # fmt: skip


def inventory() -> str:
    """The example, and a way to log in to the guests that flows start at."""
    text = (CHECKOUT / "inventory.example.toml").read_text(encoding="utf-8")
    for guest in ("sql1", "pg1"):
        assert f"[hosts.{guest}]\n" in text
        text = text.replace(f"[hosts.{guest}]\n", f"[hosts.{guest}]\nssh = true\n")
    return text


class Site:
    """`vbr1` is the desk."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.standing: list[Process] = []
        nets = {f"10.0.{n}": lab.network(f"10.0.{n}.0/24") for n in (10, 20, 30, 40, 50, 60)}
        # As router the last address of each network, where a host has the first.
        self.hosts = {
            name: lab.host(name, address, nets[network_of(address)])
            for name, address in ADDRESSES.items()
        }
        for name, address in SECOND.items():
            self.hosts[name].join(nets[network_of(address)], address)
        self.firewall = lab.router("firewall", *nets.values())
        self.firewall.sysctl("net.ipv4.icmp_ratelimit", 0)
        self.hosts["time1"].route("default", self.firewall.joined[nets["10.0.60"]], nets["10.0.60"])
        for name, other in NAMES.items():
            lab.name(other, ADDRESSES[name])
        self.desk = self.hosts["vbr1"]
        self.home = f"{STATE}/home"
        login = lab.ssh_login
        account = f"audit:x:{os.getuid()}:{os.getgid()}::/:/bin/sh"
        lab.sh(
            f"echo '{account}' >> {STATE}/passwd",
            f"echo 'audit:*:1::::::' >> {STATE}/shadow",
            f"mkdir -p {self.home}/.ssh",
            f"ln -s {login.key} {self.home}/.ssh/audit_ed25519",
        )
        for name in WITH_SSH:
            self.hosts[name].sshd(ALL)
            self.hosts[name].sshd(FORWARDS, NO_PROGRAM)
            self.hosts[name].sshd(NOTHING, NO_PROGRAM, "DisableForwarding yes")
        scans = "; ".join(
            f"ssh-keyscan -t ed25519 -p {port} {ADDRESSES[name]}"
            for name in WITH_SSH
            for port in (ALL, FORWARDS, NOTHING)
        )
        self.desk.run(["sh", "-c", f"{{ {scans}; }} > {self.home}/.ssh/known_hosts"])
        self.log_in_at({})

    def log_in_at(self, ports: dict[str, int]) -> None:
        """To these hosts at these ports, to all others at the usual one."""
        login = self.lab.ssh_login
        lines = [
            *(f"Host {ADDRESSES[name]}\nPort {port}" for name, port in ports.items()),
            f"Host *\nUser {login.user}\nIdentityFile {login.key}\n",
        ]
        config = self.lab.anchor.state / "home" / ".ssh" / "config"
        config.write_text("\n".join(lines), encoding="utf-8")

    def install(self) -> dict[str, set[int]]:
        """Real services; which ports answer on each host then."""
        for name, ports in SERVICES.items():
            self.standing.append(self.hosts[name].listen_tcp(ports))
        self.standing.append(self.hosts["time1"].chronyd())
        answering = {name: set(PortSet.parse(SERVICES.get(name, "9"))) for name in ADDRESSES}
        for name in WITH_SSH:
            answering[name].add(ALL)
        return answering

    def listen(self, files: Path) -> None:
        """Our listener on every target, all started at once."""
        make_key(files / "key")
        for name in LISTENING:
            arguments = ["listen", "-i", str(files / "site.toml"), "--host", name, "--quiet"]
            process = self.hosts[name].popen(
                [sys.executable, "-m", "veeamcheck", *arguments, "--key-file", str(files / "key")],
                env={"PYTHONPATH": str(CHECKOUT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.standing.append(process)
        for name, process in zip(LISTENING, self.standing, strict=True):
            if name == "time1":
                process.wait_listening([123], "udp", 60)
            else:
                wanted = PortSet.parse(SERVICES[name]) - PortSet.parse("22,6172")
                process.wait_listening(wanted, seconds=60)

    def stop(self) -> None:
        for process in self.standing:
            process.stop()
        self.standing.clear()

    def report(self, files: Path, *options: str) -> Json:
        environment = {"HOME": self.home, "SSH_AUTH_SOCK": ""}
        report = self.desk.report(
            files / "site.toml", "--all", "--pace", "fast", *options,
            env=environment, timeout=120,
        )  # fmt: skip
        assert oracle.disagreements(report) == []
        return report


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with Lab() as lab:
        yield Site(lab)


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    yield shared
    shared.stop()
    shared.firewall.nft("flush ruleset")
    shared.log_in_at({})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(inventory(), encoding="utf-8")
    return tmp_path


# --- the truth -------------------------------------------------------------------------------


def network_of(address: str) -> str:
    return address.rpartition(".")[0]


def addresses_of(name: str) -> set[str]:
    return {ADDRESSES[name], *filter(None, [SECOND.get(name)])}


def crossing(policy: Policy, vantage: str) -> Policy:
    """What stands between a vantage and everybody: nothing within its own networks."""
    own = {network_of(address) for address in addresses_of(vantage)}
    everybody = {*ADDRESSES.values(), *SECOND.values()}
    near = tuple(
        Rule(action=Action.ACCEPT, protocol="tcp", target=address)
        for address in sorted(everybody)
        if network_of(address) in own
    )
    return Policy((*near, *policy.rules), policy.default)


def mistakes(report: Json, policy: Policy, answering: dict[str, set[int]]) -> list[str]:
    """Where a report differs from what the firewall and the services are."""
    found = []
    everywhere = {a: ports for name, ports in answering.items() for a in addresses_of(name)}
    for flow in report["flows"]:
        # Names are told as their addresses, as the evidence tells them.
        flow = {**flow, "address": [by_name(address) for address in flow["address"]]}
        vantage = flow["runs_from"]
        if flow["target"] == vantage != flow["source"]:
            expected = oracle.Judged("untested", "same-host")
        elif flow["transport"] == "udp":
            passes = policy.action(ADDRESSES[vantage], flow["address"][0], "udp", 123)
            expected = NTP[passes]
        else:
            own = ADDRESSES[vantage]
            truth = Truth(
                source={4: own},
                forward=crossing(policy, vantage),
                router={4: f"{network_of(own)}.1"},
                inputs={address: Policy(()) for address in everywhere},
                listening=everywhere,
            )
            expected = truth.judged({**report, "flows": [flow]}, icmp_limited=True)[flow["id"]]
            found += wrong_signals(flow, truth, full=True, icmp_limited=True)
        said = oracle.Judged(flow["verdict"], flow["reason_code"])
        if flow["waived"]:
            said = oracle.Judged(flow["waived"]["verdict"], flow["reason_code"])
        if said != expected:
            found.append(f"{flow['id']}: {said}, not {expected}: {flow['reason']}")
    return found


NTP = {
    Action.ACCEPT: oracle.Judged("pass", "open"),
    Action.DROP: oracle.Judged("fail", "blocked-silent"),
    Action.HOST_UNREACHABLE: oracle.Judged("fail", "unreachable"),
    Action.PROHIBITED: oracle.Judged("fail", "blocked-rejected"),
    Action.PORT_UNREACHABLE: oracle.Judged("fail", "blocked-rejected"),
}


def by_name(address: str) -> str:
    return {NAMES[name]: ADDRESSES[name] for name in NAMES}.get(address, address)


def through(policy: Policy, vantage: str, flow: Json, ports: str) -> str:
    """Of these ports of a flow, `all`, `some` or `none` get through, over all its addresses."""
    between = crossing(policy, vantage)
    ways = {
        between.action(ADDRESSES[vantage], by_name(address), "tcp", port) is Action.ACCEPT
        for address in flow["address"]
        for port in ports_of(ports)
    }
    return {(True,): "all", (False,): "none"}.get(tuple(ways), "some")


def verdict_with_listeners(policy: Policy, flow: Json) -> str:
    """What a flow must be found to be where something answers on every port."""
    vantage = flow["runs_from"]
    if flow["target"] == vantage != flow["source"]:
        return "untested"
    if flow["transport"] == "udp":
        return "pass"  # nothing is in its way
    if through(policy, vantage, flow, flow["ports"]) == "all":
        return "pass"
    if flow["failover_ports"] and through(policy, vantage, flow, flow["failover_ports"]) == "all":
        return "degraded"
    return "fail"


# --- live ------------------------------------------------------------------------------------


def random_policy(random: Random) -> Policy:
    """A firewall that lets the desk log in."""
    others = Policy.random(
        random,
        [*ADDRESSES.values(), *SECOND.values()],
        random.choice(["22,135,445,2500-3300,6160,6162,8006,10006", "2500-2700,6162"]),
        rules=random.randint(4, 12),
        protocols=("tcp", "tcp", "tcp", "udp"),
        default=random.choice([Action.ACCEPT, Action.PROHIBITED]),
    )
    return Policy((FROM_DESK, *others.rules), others.default)


@pytest.mark.parametrize("seed", range(2))
def test_every_flow_of_the_example_is_judged_rightly(site: Site, files: Path, seed: int) -> None:
    policy = random_policy(Random(seed))
    answering = site.install()
    site.firewall.nft(policy.text("forward"))

    report = site.report(files, "--full-range", "--checks", "connect")

    assert set(report["run"]["vantages"]) == {"vbr1", *WITH_SSH}
    assert mistakes(report, policy, answering) == []


def test_a_host_that_neither_forwards_nor_runs_anything_keeps_its_flows_to_itself(
    site: Site, files: Path
) -> None:
    site.install()
    site.log_in_at({"gip1": NOTHING})

    report = site.report(files)

    untested = [flow for flow in report["flows"] if flow["reason_code"] == "other-vantage"]
    assert {flow["id"] for flow in untested} == {
        flow["id"] for flow in report["flows"] if flow["runs_from"] == "gip1"
    }
    assert all("forwards no connections" in flow["reason"] for flow in untested)
    assert set(report["run"]["vantages"]) == {"vbr1", *WITH_SSH} - {"gip1"}


# --- before the deployment exists ------------------------------------------------------------


def blocked(source: str, target: str, ports: str, action: Action = Action.DROP) -> Rule:
    return Rule(
        action=action, protocol="tcp", ports=ports,
        source=ADDRESSES[source], target=ADDRESSES[target],
    )  # fmt: skip


BLOCKS = Policy(
    (
        FROM_DESK,
        blocked("vbr1", "pve2", "8006"),
        blocked("vbr1", "worker1", "443", Action.PROHIBITED),
        blocked("pve1", "gw1", "6162"),  # failover
        blocked("gip1", "gw1", "2600-2699", Action.RESET),
        blocked("gip1", "repo1", "6162,2800-2899"),  # and part of the failover
        blocked("sql1", "gip1", "6162", Action.RESET),
        # Nothing at all passes: the host itself, or whoever meets its listener, tells of it.
        blocked("pve1", "vbr1", "1-65535"),
        blocked("pg1", "gip1", "1-65535"),
    )
)


FORGED = "guest-log-shipping-logs@sql1>gip1"
"""Its way is barred by resets that look like the host's own, unless something listens there."""


def test_a_deployment_is_proven_before_it_exists(site: Site, files: Path) -> None:
    """From one desk and with nothing installed: over probers, over forwardings, without listeners.

    Flows that a firewall lets pass partly, or not at all, are among them.
    """
    site.listen(files)
    site.firewall.nft(BLOCKS.text("forward"))
    options = ("--phase", "predeploy", "--key-file", str(files / "key"))

    by_prober = site.report(files, *options)
    site.log_in_at(dict.fromkeys(WITH_SSH, FORWARDS))
    forwarded = site.report(files, *options)
    site.stop()
    site.log_in_at({})
    without = site.report(files, *options)

    truth = {f["id"]: verdict_with_listeners(BLOCKS, f) for f in by_prober["flows"]}
    assert set(truth.values()) == {"pass", "degraded", "fail", "untested"}
    assert verdicts(by_prober) == truth
    (ntp,) = (flow["id"] for flow in by_prober["flows"] if flow["transport"] == "udp")
    assert verdicts(forwarded) == {**truth, ntp: "unproven"}, "a forwarding carries no UDP"
    for report in (by_prober, forwarded):
        for flow in report["flows"]:
            assert flow["verdict"] != "pass" or is_proven(flow) or flow["id"] in BY_SSHD, flow
    check_without_listeners(without["flows"], truth)


BY_SSHD = {"backup-server-pve-ssh@vbr1>pve1", "backup-server-self-database@vbr1>vbr1"}
"""Where no listener of ours answers."""


def verdicts(report: Json) -> dict[str, str]:
    """By flow, as they were before any waiver."""
    return {flow["id"]: (flow["waived"] or flow)["verdict"] for flow in report["flows"]}


def is_proven(flow: Json) -> bool:
    return all(row["proven"] for row in flow["evidence"])


def check_without_listeners(flows: Collection[Json], truth: dict[str, str]) -> None:
    """They say what can be said, and nothing passes but what does, or what a reset forges."""
    for flow in flows:
        assert not is_proven(flow) or not flow["evidence"] or flow["id"] in BY_SSHD
        now = (flow["waived"] or flow)["verdict"]
        if flow["id"] == FORGED:
            assert now == "pass"
            assert "can be forged" in flow["reason"]
        elif now != truth[flow["id"]]:
            # Where nobody listens a path is unknown, and the site's own services are missed.
            assert now == "unproven" or flow["reason_code"] == "no-listener", flow
