"""The far-end listener: what it proves, what it exposes, and what it withstands."""

from __future__ import annotations

import json
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
from tests.lab.process import Process
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
        assert self.process.wait(10) == 0, self.process.communicate()
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
        summary = self.files / f"{name}.json"
        process = self[name].popen(
            [
                *(sys.executable, "-m", "veeamcheck", "listen", "-i", str(self.inventory)),
                *("--host", name, "--key-file", str(self.key_file)),
                *("-o", f"json={summary}", *options),
            ],
            env={"PYTHONPATH": str(CHECKOUT)},
            stdout=-3,
            stderr=-3,
        )
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
