"""`veeamcheck watch` while firewall rules come and go: each change told once, nothing leaks."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.lab import Action, Lab, Policy, Rule
from tests.lab.process import Process, wait_until
from tests.lab.topology import CHECKOUT, Router
from veeamcheck.diff import FLAPPING_WINDOW
from veeamcheck.history import History

pytestmark = pytest.mark.lab

STEPS = int(os.environ.get("VEEAMCHECK_WATCH_STEPS", "16"))
"""Changes of the firewall; each is held for two to three runs."""

HOSTS = [f"pve{number}" for number in range(1, 7)]
ADDRESS = {name: f"10.77.2.{number}" for number, name in enumerate(HOSTS, 10)}
API = "backup-server-pve-api@vbr1>{}"
SSH = "backup-server-pve-ssh@vbr1>{}"
PORT = {API: 8006, SSH: 22}
INVENTORY = '[hosts.vbr1]\naddress = "10.77.1.10"\nroles = ["backup-server"]\n' + "".join(
    f'[hosts.{name}]\naddress = "{address}"\nroles = ["proxmox-ve"]\n'
    for name, address in ADDRESS.items()
)
# What answers does not matter here, and a change in the middle of a conversation is neither.
RULES = (CHECKOUT / "rules" / "veeam-pve.toml").read_text(encoding="utf-8")
RULES = RULES.replace('"https"', '"tcp"').replace('"ssh"', '"tcp"')
RESTLESS = SSH.format("pve6")
"""Changes with every step."""


class Firewall:
    """What the router does to each flow, and what a reader should be told of it."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.states = {kind.format(name): Action.ACCEPT for kind in (API, SSH) for name in HOSTS}
        self.told: list[tuple[str, str]] = []
        self.recent: list[str] = []
        """Changed so lately that one more change could be flapping."""

    def change(self, random: Random) -> None:
        """Change one steady flow, and the restless one."""
        quiet = [flow for flow in self.states if flow not in (*self.recent, RESTLESS)]
        flow = random.choice(quiet)
        before = self.states[flow]
        others = [Action.ACCEPT, Action.RESET, Action.PROHIBITED]
        others.remove(before)
        after = self.states[flow] = random.choice(others)
        if after is Action.ACCEPT:
            self.told.append(("fixed", flow))
        else:
            self.told.append(("failed" if before is Action.ACCEPT else "changed", flow))
        self.recent = [*self.recent, flow][-FLAPPING_WINDOW // 4 :]
        self.states[RESTLESS] = (
            Action.RESET if self.states[RESTLESS] is Action.ACCEPT else Action.ACCEPT
        )
        self.apply()

    def apply(self) -> None:
        rules = [
            Rule(
                action=action,
                protocol="tcp",
                ports=str(PORT[API if "-api@" in flow else SSH]),
                target=ADDRESS[flow.partition(">")[2]],
            )
            for flow, action in self.states.items()
            if action is not Action.ACCEPT
        ]
        self.router.nft(Policy(tuple(rules)).text("forward"))


def recorded(history: Path) -> int:
    """The number of the latest run."""
    with History(history) as opened:
        runs = opened.runs(None, 1)
    return runs[0].number if runs else 0


def uses(process: Process) -> tuple[int, int]:
    """Descriptors and resident memory (KiB) of the program, where it rests between two probes."""
    root = Path(f"/proc/{process.inner_pid}")
    looks = []
    for _ in range(100):
        (memory,) = re.findall(r"VmRSS:\s+(\d+) kB", (root / "status").read_text())
        looks.append((len(list((root / "fd").iterdir())), int(memory)))
        time.sleep(0.003)
    return min(looks)


def test_every_change_is_told_once(lab: Lab, tmp_path: Path) -> None:
    near, far = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
    router = lab.router("router", near, far)
    router.sysctl("net.ipv4.icmp_ratelimit", 0)
    vbr1 = lab.host("vbr1", "10.77.1.10", near)
    first, *others = (ADDRESS[name] for name in HOSTS)
    pve = lab.host("pve", first, far)
    for address in others:
        pve.add_address(address)
    pve.listen_tcp("22,8006")
    vbr1.listen_tcp("6172")
    (tmp_path / "inventory.toml").write_text(INVENTORY)
    (tmp_path / "rules.toml").write_text(RULES)
    history = tmp_path / "history.db"
    random = Random(4711)
    firewall = Firewall(router)

    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        watch = vbr1.popen(
            [
                *(sys.executable, "-m", "veeamcheck", "watch", "--pace", "fast"),
                *("--every", "0.05s", "-i", "inventory.toml", "--history", "history.db"),
                *("--rules", "rules.toml"),
            ],
            cwd=tmp_path,
            env={"PYTHONPATH": str(CHECKOUT)},
            stdout=out,
            stderr=err,
        )
    try:
        assert wait_until(lambda: history.exists() and recorded(history) >= 3, 30)
        before = uses(watch)
        for step in range(STEPS):
            firewall.change(random)
            # The run that is under way may see either; the one after it must see the change.
            after = recorded(history) + 2
            assert wait_until(lambda after=after: recorded(history) >= after, 30)
            if step == STEPS // 2:
                before = uses(watch)
        descriptors, memory = uses(watch)
    finally:
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(10) == 0
        watch.close()

    lines = [line.split()[1:3] for line in (tmp_path / "out").read_text().splitlines()]
    told = [(word, flow.removesuffix(":")) for word, flow in lines]
    assert [each for each in told if each[1] != RESTLESS] == firewall.told
    # Of the restless one the first changes are told, then that it flaps, then no more.
    restless = [word for word, flow in told if flow == RESTLESS]
    assert restless == ["failed", "fixed", "failed", "fixed", "flapping"]
    assert (tmp_path / "err").read_text().splitlines()[-1] == "veeamcheck: stopping"
    assert descriptors == before[0]
    assert memory - before[1] < 4096
    print(f"{recorded(history)} runs: {descriptors} descriptors, {memory} KiB (was {before})")
