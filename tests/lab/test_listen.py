"""The far-end listener: what it proves, what it exposes, and what it withstands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

from tests.lab import Action, Lab, Policy, Rule
from tests.lab.inside.crowd import crowd, flood
from tests.lab.process import Process, wait_until
from tests.lab.topology import CHECKOUT, Host
from veeamcheck.farside import token
from veeamcheck.farside.keyfile import make_key
from veeamcheck.ports import PortSet

pytestmark = pytest.mark.lab

INVENTORY = """\
[audit]
rule_sets = ["veeam-pve"]
phase = "predeploy"

[hosts.vbr1]
address = "10.77.1.10"
roles = ["backup-server"]

[hosts.pve1]
address = "10.77.2.10"
roles = ["proxmox-ve"]

[hosts.worker1]
address = "10.77.2.11"
roles = ["worker"]

[hosts.repo1]
address = ["10.77.3.10", "fd00:10:77:3::10"]
roles = ["repository"]

[hosts.time1]
address = "10.77.3.11"
roles = ["ntp-server"]
"""
NAMES = ("vbr1", "pve1", "worker1", "repo1", "time1")
Flows = dict[str, dict[str, Any]]


@dataclass
class Listening:
    """A listener on a host of the lab."""

    process: Process
    summary_file: Path

    def stop(self) -> dict[str, Any]:
        """End it as an administrator would, and give its summary."""
        self.process.send_signal(SIGTERM)
        assert self.process.wait(10) == 0, self.process.read_log()
        summary: dict[str, Any] = json.loads(self.summary_file.read_text())
        return summary


@dataclass
class Site:
    """Three networks with a router between, and nothing installed."""

    lab: Lab
    files: Path
    listening: dict[str, Listening] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nets = [self.lab.network(f"10.77.{number}.0/24") for number in (1, 2, 3)]
        self.router = self.lab.router("router", *nets)
        self.hosts = {
            name: self.lab.host(name, address, nets[place - 1])
            for name, address, place in (
                ("vbr1", "10.77.1.10", 1),
                ("pve1", "10.77.2.10", 2),
                ("worker1", "10.77.2.11", 2),
                ("repo1", "10.77.3.10", 3),
                ("time1", "10.77.3.11", 3),
                ("stranger", "10.77.1.66", 1),
            )
        }
        self.inventory = self.files / "inventory.toml"
        self.inventory.write_text(INVENTORY)
        self.key_file = self.files / "key"
        self.key = make_key(self.key_file)

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def listen(self, name: str, *options: str, wait: str | None = None) -> Listening:
        """Start a listener; returns once it serves `wait`, or one port that it opens."""
        summary, log = self.files / f"{name}.json", self.files / f"{name}.log"
        with log.open("w") as output:
            process = self[name].popen(
                [
                    *(sys.executable, "-m", "veeamcheck", "listen", "-i", str(self.inventory)),
                    *("--host", name, "--key-file", str(self.key_file)),
                    *("-o", f"json={summary}", *options),
                ],
                env={"PYTHONPATH": str(CHECKOUT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
            )
        process.log = log
        first = {"vbr1": "10006", "pve1": "8006", "worker1": "19000", "repo1": "6162"}
        if name == "time1":
            process.wait_listening([123], "udp")
        else:
            process.wait_listening(PortSet.parse(wait or first[name]))
        self.listening[name] = Listening(process, summary)
        return self.listening[name]

    def flows(self, vantage: str, *options: str) -> Flows:
        """Every flow that starts at the vantage."""
        report = self[vantage].report(
            self.inventory, "--from", vantage, "--key-file", str(self.key_file), *options
        )
        return {flow["id"]: flow for flow in report["flows"] if flow["runs_from"] == vantage}


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[Site]:
    site = Site(lab, tmp_path)
    yield site
    for each in site.listening.values():
        each.process.stop()


def verdicts(flows: Flows) -> dict[str, str]:
    return {name: f"{flow['verdict']} {flow['reason_code']}" for name, flow in flows.items()}


def test_a_deployment_is_proven_before_it_exists(site: Site) -> None:
    """A listener on each target: nothing stays unproven; without them, what can be said."""
    blocked = Policy(
        (
            Rule(action=Action.DROP, protocol="tcp", ports=8006, source="10.77.1.10"),
            Rule(action=Action.RESET, protocol="tcp", ports="2700-2799", source="10.77.2.11"),
            Rule(action=Action.DROP, protocol="tcp", ports=6162, source="10.77.2.11"),
            Rule(action=Action.DROP, protocol="tcp", ports=443, target="10.77.2.11"),
        )
    )
    site.router.nft(blocked.text("forward"))
    for name in NAMES:
        site.listen(name)

    seen = site.flows("vbr1") | site.flows("worker1")

    assert {flow["verdict"] for flow in seen.values()} == {"pass", "fail"}, verdicts(seen)
    assert seen["backup-server-pve-api@vbr1>pve1"]["reason_code"] == "blocked-silent"
    assert seen["backup-server-worker-updater@vbr1>worker1"]["reason_code"] == "blocked-silent"
    assert seen["backup-server-worker-control@vbr1>worker1"]["reason_code"] == "open"
    assert seen["worker-ntp-server-time@worker1>time1"]["reason_code"] == "open"
    data = seen["worker-repository-data@worker1>repo1"]
    assert (data["verdict"], data["reason_code"]) == ("fail", "partly-blocked")
    for address in ("10.77.3.10", "fd00:10:77:3::10"):
        signals = {
            row["ports"]: (row["signal"], row["proven"])
            for row in data["evidence"]
            if row["address"] == address
        }
        if address == "10.77.3.10":
            # The policy names IPv4 sources: over IPv6 everything passes.
            assert signals == {
                "6162": ("silent", False),
                "2500-2699,2800-3300": ("open", True),
                "2700-2799": ("rejected", False),
            }
        else:
            assert signals == {"6162": ("open", True)}
    failing = {name for name, flow in seen.items() if flow["verdict"] == "fail"}
    assert failing == {
        "backup-server-pve-api@vbr1>pve1",
        "backup-server-worker-updater@vbr1>worker1",
        "worker-repository-data@worker1>repo1",
        "worker-backup-server-index@worker1>vbr1",
    }

    summary = site.listening["repo1"].stop()
    assert summary["never_came"] == []
    assert summary["sources"][0]["name"] == "worker1"
    assert summary["sources"][0]["held_key"]
    for name in ("vbr1", "pve1", "worker1", "time1"):
        site.listening[name].stop()

    after = site.flows("worker1")
    assert after["worker-repository-data@worker1>repo1"]["reason_code"] == "idle-silent"
    assert after["worker-ntp-server-time@worker1>time1"]["verdict"] == "fail"


def test_nat_fails_the_flows_that_must_not_have_it_and_is_a_note_elsewhere(site: Site) -> None:
    for name in ("pve1", "repo1", "vbr1"):
        site.listen(name)
    site.router.nft(
        """table ip nat {
            chain postrouting {
                type nat hook postrouting priority srcnat
                ip saddr { 10.77.1.10, 10.77.2.11 } masquerade
            }
        }"""
    )

    direct = site.flows("vbr1", "--host", "pve1")["backup-server-pve-api@vbr1>pve1"]
    other = site.flows("worker1", "--rule", "worker-repository-data")
    noted = other["worker-repository-data@worker1>repo1"]

    assert (direct["verdict"], direct["reason_code"]) == ("fail", "wrong-service")
    assert "NAT on the way: the listener saw 10.77.2.1 instead of 10.77.1.10" in direct["reason"]
    (row,) = direct["evidence"]
    assert row["signal"] == "invalid"
    assert row["detail"]["seen_source"] == "10.77.2.1"
    assert noted["verdict"] == "pass"
    assert "the listener saw 10.77.3.1 instead of 10.77.2.11" in noted["reason"]
    summary = site.listening["pve1"].stop()
    assert [(each["address"], each["held_key"]) for each in summary["strangers"]] == [
        ("10.77.2.1", True)
    ]
    assert "vbr1" in summary["never_came"]


@pytest.mark.parametrize("way", ["ip saddr 10.77.1.10", "ip daddr 10.77.1.10"])
def test_a_path_that_swallows_large_packets_is_named(site: Site, way: str) -> None:
    site.listen("pve1")
    site.router.nft(
        f"""table ip hole {{
            chain forward {{
                type filter hook forward priority 0
                {way} ip length > 1400 counter drop
            }}
        }}"""
    )

    flow = site.flows("vbr1", "--host", "pve1")["backup-server-pve-api@vbr1>pve1"]

    assert (flow["verdict"], flow["reason_code"]) == ("fail", "wrong-service")
    assert "MTU black hole" in flow["reason"]


def test_a_smaller_mtu_that_is_announced_is_no_black_hole(site: Site) -> None:
    site.listen("pve1")
    site.router.run(["ip", "link", "set", "eth1", "mtu", "1400"])

    flow = site.flows("vbr1", "--host", "pve1")["backup-server-pve-api@vbr1>pve1"]

    assert (flow["verdict"], flow["evidence"][0]["proven"]) == ("pass", True)


def test_another_key_is_invalid_and_a_real_service_is_what_it_was(site: Site) -> None:
    site["pve1"].sshd()
    site["pve1"].nginx_tls(8006)
    plain = site.flows("vbr1", "--host", "pve1")
    assert verdicts(plain) == {
        "backup-server-pve-api@vbr1>pve1": "pass open",
        "backup-server-pve-ssh@vbr1>pve1": "pass open",
    }
    rows = [row for flow in plain.values() for row in flow["evidence"]]
    assert not any("listener" in row["detail"] for row in rows)

    site.listen("repo1")
    site.key_file = site.files / "another key"
    make_key(site.key_file)
    flows = site.flows("worker1", "--rule", "worker-repository-data")
    flow = flows["worker-repository-data@worker1>repo1"]
    assert (flow["verdict"], flow["reason_code"]) == ("fail", "wrong-service")
    assert {row["signal"] for row in flow["evidence"]} == {"invalid"}


def test_held_ports_are_left_to_their_services(site: Site) -> None:
    site["pve1"].sshd(22)
    site["pve1"].nginx_tls(8006)
    ran = site["pve1"].veeamcheck(
        *("listen", "-i", site.inventory, "--key-file", site.key_file, "--for", "1s")
    )
    assert ran.returncode == 2
    assert "not on 10.77.2.10 tcp 22,8006: held by a service: left to it" in ran.stderr
    assert "no port is left to listen on" in ran.stderr


def test_where_the_product_listens_its_data_ports_stay_free(site: Site) -> None:
    site["repo1"].listen_tcp(6160, hold=True)
    site["repo1"].listen_tcp(2600, hold=True)
    refused = site.listen("repo1").stop()
    assert {row["ports"] for row in refused["opened"]} == {"6162"}
    spared = [row for row in refused["left_alone"] if "2500" in row["ports"]]
    assert {row["reason"] for row in spared} == {
        "left to the jobs of the product, which is installed here"
    }

    forced = site.listen("repo1", "--force").stop()
    assert {row["ports"] for row in forced["opened"]} == {"2500-2599,2601-3300,6162"}


def test_the_temporary_rule_that_it_prints_works_and_goes_again(site: Site) -> None:
    pve1 = site["pve1"]
    pve1.nft("table inet own {\nchain in {\ntype filter hook input priority 0; policy drop\n}\n}")
    before = pve1.run(["nft", "list", "ruleset"]).stdout
    listening = site.listen("pve1")
    assert wait_until(lambda: "until it is stopped" in listening.process.read_log())
    listening.stop()
    said = listening.process.read_log()
    allow, remove = said.split("run:\n", 1)[1].split("and afterwards")
    commands = [line.strip() for line in allow.splitlines() if line.startswith("    ")]
    undo = [line.strip() for line in remove.splitlines() if line.startswith("    ")]
    assert pve1.run(["nft", "list", "ruleset"]).stdout == before

    site.listen("pve1")
    hidden = site.flows("vbr1", "--host", "pve1")
    pve1.run(["sh", "-euc", "\n".join(commands)])
    shown = site.flows("vbr1", "--host", "pve1")
    pve1.run(["sh", "-euc", "\n".join(undo)])

    assert {flow["verdict"] for flow in hidden.values()} == {"fail"}
    assert {flow["verdict"] for flow in shown.values()} == {"pass"}
    assert pve1.run(["nft", "list", "ruleset"]).stdout == before


def test_it_keeps_serving_while_it_is_attacked(site: Site) -> None:
    """10,000 connections with slow words, garbage or nothing, and datagrams of forged senders."""
    repo1 = site.listen("repo1")
    time1 = site.listen("time1")
    outgoing = "meta l4proto udp udp sport 123"
    site["time1"].nft(
        f"""table inet seen {{
            counter answers {{ }}
            chain output {{
                type filter hook output priority 0
                {outgoing} counter name answers
            }}
        }}"""
    )
    before = memory(repo1.process), memory(time1.process)

    with ThreadPoolExecutor() as pool:
        ports = list(PortSet.parse("2500-2999"))
        attack = pool.submit(site["stranger"].call, crowd, "10.77.3.10", ports, 10_000, 12.0)
        forged = pool.submit(
            site["stranger"].call, flood, "10.77.3.11", 123, "10.77.2.11", b"x" * 900, 50_000
        )
        during = [site.flows("worker1") for _ in range(3)]
        made, answered = attack.result()
        forged.result()

    assert made > 9_000
    # Nobody without the key hears more than the greeting.
    assert answered <= made * len(token.greeting(token.new_nonce()))
    assert site["time1"].counted("answers") <= 2 * len(during)
    proven = []
    for flows in [*during, site.flows("worker1")]:
        data = flows["worker-repository-data@worker1>repo1"]
        assert (data["verdict"], data["reason_code"]) == ("pass", "open")
        proven.append(all(row["proven"] for row in data["evidence"]))
        assert flows["worker-ntp-server-time@worker1>time1"]["verdict"] == "pass"
    assert any(proven[:-1]), "it serves in the crowd, though a machine this small may be late"
    assert proven[-1]
    after = memory(repo1.process), memory(time1.process)
    for start, end in zip(before, after, strict=True):
        assert end - start < 60_000, "kB"
    summary = repo1.stop()
    assert summary["turned_away"] > 5_000
    assert summary["never_came"] == []
    assert time1.stop()["without_proof"] > 1_000


def memory(process: Process) -> int:
    """The most that a process has had in memory, in kB."""
    status = Path(f"/proc/{process.inner_pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def test_a_target_alone_is_asked_over_ssh_whether_the_listener_stands(site: Site) -> None:
    """Behind a firewall that drops all of it, only the host itself can say that it listens."""
    dropped = Rule(action=Action.DROP, protocol="tcp", ports="2500-3300,6162")
    site.router.nft(Policy((dropped,)).text("forward"))
    repo1, login = site["repo1"], site.lab.ssh_login
    repo1.sshd()
    home = site.files / "home"
    (home / ".ssh").mkdir(parents=True)
    scanned = site["worker1"].run(["ssh-keyscan", "-t", "ed25519", repo1.address]).stdout
    (home / ".ssh" / "known_hosts").write_text(scanned)
    site.inventory.write_text(
        INVENTORY
        + f'\n[hosts.repo1.ssh]\nuser = "{login.user}"\nkey = "{login.key}"\nhost = "10.77.3.10"\n'
    )
    site.listen("repo1")

    def audited() -> tuple[list[str], dict[str, Any]]:
        report = site["worker1"].report(
            *(site.inventory, "--from", "worker1", "--all", "--key-file", str(site.key_file)),
            env={"HOME": str(home), "SSH_AUTH_SOCK": ""},
        )
        flows = {flow["id"]: flow for flow in report["flows"]}
        return report["run"]["vantages"], flows["worker-repository-data@worker1>repo1"]

    vantages, data = audited()

    assert (data["verdict"], data["reason_code"]) == ("fail", "blocked-silent")
    assert vantages == ["worker1"], "nothing was audited from repo1"

    site.listening["repo1"].stop()
    _, data = audited()

    assert (data["verdict"], data["reason_code"]) == ("unproven", "idle-silent")
