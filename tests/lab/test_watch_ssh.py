"""`veeamcheck watch --all` while a firewall opens and closes the ways, that of SSH among them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import Action, Lab, Policy, Rule
from tests.lab.anchor import STATE
from tests.lab.process import wait_until
from tests.lab.test_watch import recorded
from tests.lab.topology import CHECKOUT

pytestmark = pytest.mark.lab

SSH = 2022
"""Not 22, which rules are about."""
INVENTORY = """
[hosts.vbr1]
address = "10.77.1.10"
roles = ["backup-server"]

[hosts.worker1]
address = "10.77.2.50"
roles = ["worker"]
ssh = {{ user = "{user}", key = "{key}", port = {port} }}

[hosts.pve1]
address = "10.77.3.10"
roles = ["proxmox-ve"]

[hosts.pve2]
address = "10.77.3.11"
roles = ["proxmox-ve"]
"""
FLOWS = {
    f"worker-pve-{what}@worker1>{name}" for what in ("api", "ssh") for name in ("pve1", "pve2")
}
"""Those from `worker1`, over SSH."""
FROM_HERE = {f"backup-server-pve-api@vbr1>{name}" for name in ("pve1", "pve2")}


def test_a_vantage_that_comes_and_goes(lab: Lab, tmp_path: Path) -> None:
    networks = {number: lab.network(f"10.77.{number}.0/24") for number in (1, 2, 3)}
    firewall = lab.router("firewall", *networks.values())
    firewall.sysctl("net.ipv4.icmp_ratelimit", 0)
    desk = lab.host("vbr1", "10.77.1.10", networks[1])
    worker = lab.host("worker1", "10.77.2.50", networks[2])
    for name, address in (("pve1", "10.77.3.10"), ("pve2", "10.77.3.11")):
        lab.host(name, address, networks[3]).listen_tcp("22,8006")
    worker.sshd(SSH)
    login = lab.ssh_login
    home = f"{STATE}/home"
    lab.sh(f"mkdir -p {home}/.ssh")
    scan = f"ssh-keyscan -t ed25519 -p {SSH} 10.77.2.50 > {home}/.ssh/known_hosts"
    desk.run(["sh", "-c", scan])
    (tmp_path / "inventory.toml").write_text(
        INVENTORY.format(user=login.user, key=login.key, port=SSH)
    )
    history = tmp_path / "history.db"

    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        watch = desk.popen(
            [
                *(sys.executable, "-m", "veeamcheck", "watch", "--all", "--rule", "*-pve-*"),
                *("--every", "0.1s", "--confirm", "2", "--pace", "fast"),
                *("--checks", "connect"),
                *("-i", "inventory.toml", "--history", "history.db"),
            ],
            cwd=tmp_path,
            env={"PYTHONPATH": str(CHECKOUT), "HOME": home, "SSH_AUTH_SOCK": ""},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )

    def told() -> list[tuple[str, str]]:
        """What happened to each flow, in the order of the lines."""
        lines = (tmp_path / "out").read_text().splitlines()
        return [
            (flow, line.split()[1]) for line in lines for flow in re.findall(r"\S+@\w+>\w+", line)
        ]

    def reject(*ports: str) -> None:
        """Let the firewall reject these ports, and no others; return when that must be told."""
        rules = [Rule(action=Action.PROHIBITED, protocol="tcp", ports=port) for port in ports]
        firewall.nft(Policy(tuple(rules)).text("forward"))
        # The run that is under way, and two after it, make it sure.
        after = recorded(history) + 3
        assert wait_until(lambda: recorded(history) >= after, 60)

    try:
        assert wait_until(lambda: history.exists() and recorded(history) >= 2, 60)
        assert told() == []
        reject(str(SSH))
        assert dict(told()) == dict.fromkeys(FLOWS, "untested")
        reject(str(SSH), "8006")
        assert dict(told()[4:]) == dict.fromkeys(FROM_HERE, "failed")
        reject("8006")
        assert dict(told()[6:]) == {
            flow: "failed" if "-api@" in flow else "tested" for flow in FLOWS
        }
        reject()
        assert dict(told()[10:]) == {
            flow: "fixed" for flow in (*FROM_HERE, *FLOWS) if "-api@" in flow
        }
        assert len(told()) == 14  # each once
    finally:
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(15) == 0
        watch.close()
        print((tmp_path / "out").read_text(), (tmp_path / "err").read_text())
    assert (tmp_path / "err").read_text().splitlines()[-1] == "veeamcheck: stopping"
