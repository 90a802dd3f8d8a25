"""Probe scripts on hosts that have next to nothing, beside an audit from the same hosts."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import pytest

from tests.lab import Action, Lab, Policy, Rule
from tests.lab.anchor import STATE
from tests.lab.topology import Host
from tests.lab.truth import CLEAR
from tests.oracle import Json, disagreements, ports_of

pytestmark = pytest.mark.lab

DEBIAN_BASE = ("bash", "cat", "date", "getent", "hostname", "sleep", "sort", "timeout", "tr")

INVENTORY = """
[hosts.worker1]
address = "10.77.1.10"
roles = ["worker"]

[hosts.vbr1]
address = "10.77.2.10"
roles = ["backup-server"]

[hosts.repo1]
address = "repo1.example.com"
roles = ["repository"]

[hosts.repo2]
address = "10.77.2.12"
roles = ["repository"]

[hosts.repo3]
address = "gone.example.com"
roles = ["repository"]

[hosts.ntp1]
address = "10.77.2.13"
roles = ["ntp-server"]
"""


class Site:
    """A worker, a firewall with a little of everything, and servers behind it."""

    def __init__(self, lab: Lab) -> None:
        near, far = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
        self.router = lab.router("router", near, far)
        self.worker = lab.host("worker1", "10.77.1.10", near)
        self.vbr = lab.host("vbr1", "10.77.2.10", far)
        self.repo1 = lab.host("repo1", "10.77.2.11", far)
        self.repo2 = lab.host("repo2", "10.77.2.12", far)
        lab.name("repo1.example.com", "10.77.2.11")
        self.vbr.listen_tcp("2500-2520")
        self.repo1.listen_tcp("2700-3300")
        self.repo2.listen_tcp("6162")
        self.router.nft(
            Policy(
                (
                    Rule(
                        action=Action.DROP, protocol="tcp", target=self.vbr.address,
                        ports="2900-3000",
                    ),
                    Rule(
                        action=Action.DROP, protocol="tcp", target=self.repo1.address, ports="6162"
                    ),
                    Rule(
                        action=Action.RESET, protocol="tcp", target=self.repo1.address,
                        ports="2500-2599",
                    ),
                )
            ).text("forward")
        )  # fmt: skip
        self.files = lab.anchor.state
        (self.files / "site.toml").write_text(INVENTORY)

    @cached_property
    def audit(self) -> Json:
        """What an audit from the worker sees."""
        return self.worker.report(Path(f"{STATE}/site.toml"), "--from", "worker1")

    def script(self) -> None:
        """Write the worker's script to where it can run it."""
        made = self.worker.veeamcheck(
            *("script", "--from", "worker1", "--format", "sh", "-i", f"{STATE}/site.toml")
        )
        assert made.returncode == 0, made.stderr
        (self.files / "probe.sh").write_text(made.stdout)

    def run_script(self, path: str, shell: str) -> tuple[Json, str]:
        """What the script prints where only the programs in the folder `path` are to be had."""
        ran = self.worker.run(
            ["env", f"PATH={path}", f"{path}/{shell}", f"{STATE}/probe.sh"], timeout=240
        )
        (self.files / "observations.json").write_text(ran.stdout)
        return json.loads(ran.stdout), ran.stderr

    def merged(self) -> Json:
        ran = self.worker.veeamcheck(
            *("merge", f"{STATE}/observations.json"),
            *("-i", f"{STATE}/site.toml", "-o", "json"),
        )
        assert ran.stdout, ran.stderr
        report: Json = json.loads(ran.stdout)
        return report


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Lab() as lab:
        yield Site(lab)


def only(*programs: str) -> Callable[[Host, Path], str]:
    """A folder with these programs of the machine and no others."""

    def folder(host: Host, files: Path) -> str:
        name = f"bin{next(host.lab.numbers)}"
        (files / name).mkdir()
        for program in programs:
            found = shutil.which(program)
            assert found, program
            (files / name / program).symlink_to(found)
        return f"{STATE}/{name}"

    return folder


def busybox(host: Host, files: Path) -> str:
    """A folder with busybox under all its names, and getent."""
    folder = only("busybox", "getent")(host, files)
    host.run(["busybox", "--install", "-s", folder])
    return folder


def signals(flow: Json) -> dict[tuple[str, int], str]:
    """What each port showed; of a sampled range only where it is clear is exact."""
    return {
        (row["address"], port): "clear" if row["signal"] in CLEAR else row["signal"]
        for row in flow["evidence"]
        for port in ports_of(row["ports"])
    }


@pytest.mark.parametrize(
    ("folder", "shell", "means"),
    [
        (only("dash", *DEBIAN_BASE), "dash", "script: bash"),
        (only("dash", "nc", *set(DEBIAN_BASE) - {"bash", "timeout"}), "dash", "script: nc"),
        (busybox, "sh", "script: busybox"),
    ],
    ids=["debian", "nc", "busybox"],
)
def test_a_script_sees_what_an_audit_sees(
    site: Site, folder: Callable[[Host, Path], str], shell: str, means: str
) -> None:
    site.script()

    observed, told = site.run_script(folder(site.worker, site.files), shell)
    report = site.merged()

    assert "10.77.2.10 port 2900: silent" in told
    assert len(told.splitlines()) > len(observed["results"])
    assert disagreements(report) == []
    expected = {flow["id"]: flow for flow in site.audit["flows"]}
    for flow in report["flows"]:
        if flow["transport"] == "udp":
            assert (flow["verdict"], flow["reason_code"]) == ("unproven", "local-error")
            assert "a script cannot test UDP" in flow["reason"]
        elif flow["evidence"]:
            assert {row["means"] for row in flow["evidence"]} <= {means, "sockets"}
            seen, known = signals(flow), signals(expected[flow["id"]])
            assert seen == {port: known[port] for port in seen}, flow["id"]
    verdicts = {flow["id"]: (flow["verdict"], flow["reason_code"]) for flow in report["flows"]}
    assert verdicts["worker-backup-server-index@worker1>vbr1"] == ("fail", "partly-blocked")
    assert verdicts["worker-repository-data@worker1>repo2"] == ("pass", "open")
    assert verdicts["worker-repository-data@worker1>repo3"] == ("fail", "unresolved")


def test_a_host_that_has_nothing_to_contact_with(site: Site) -> None:
    site.script()
    folder = only("dash", "cat", "date", "sort", "sleep", "tr")(site.worker, site.files)

    ran = site.worker.run(
        ["env", f"PATH={folder}", f"{folder}/dash", f"{STATE}/probe.sh"], check=False
    )

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "neither bash" in ran.stderr
