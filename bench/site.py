"""Where most jobs are done: a worker, a backup server, and a firewall between their networks."""

from __future__ import annotations

from bench.programs import Port, Run, nmap, veeamcheck
from tests.lab import Action, Lab, Policy
from veeamcheck.ports import PortSet

RULE = "worker-backup-server-index"
DOCUMENTED = "2500-3300"
_THROUGH = {Action.ACCEPT, Action.RESET}
"""A reset sent by a firewall is one sent by its target, as far as anyone can see."""


class Site:
    """`worker1` audits one flow, a range of ports on `vbr1`."""

    def __init__(self, lab: Lab, ports: str = DOCUMENTED) -> None:
        self.lab = lab
        self.ports = ports
        near, self.far = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
        self.firewall = lab.router("firewall", near, self.far)
        self.worker = lab.host("worker1", "10.77.1.10", near)
        self.server = lab.host("vbr1", "10.77.2.10", self.far)
        self.policy = Policy(())

    def filter(self, policy: Policy) -> None:
        """Have the firewall follow this policy."""
        self.policy = policy
        self.firewall.nft(policy.text("forward"))

    @property
    def truth(self) -> dict[Port, bool]:
        """Of each port whether it is clear."""
        source, target = self.worker.address, self.server.address
        return {
            (target, port): self.policy.action(source, target, "tcp", port) in _THROUGH
            for port in PortSet.parse(self.ports)
        }

    def inventory(self, *addresses: str) -> str:
        """One backup server at each of these addresses; by default `vbr1` alone."""
        servers = [
            f"[hosts.server{number}]\n"
            f'address = "{address}"\n'
            'roles = ["backup-server"]\n'
            f'ports = {{ "{DOCUMENTED}" = "{self.ports}" }}\n'
            for number, address in enumerate(addresses or [self.server.address], 1)
        ]
        worker = f'[hosts.worker1]\naddress = "{self.worker.address}"\nroles = ["worker"]\n'
        return "\n".join([worker, *servers])

    def veeamcheck(self, *options: str, program: tuple[str, ...] = ("-m", "veeamcheck")) -> Run:
        """Audit the flow."""
        options = ("--rule", RULE, *options)
        return veeamcheck(self.worker, self.inventory(), *options, program=program)

    def nmap(self, *options: str) -> Run:
        """Scan the same ports."""
        return nmap(self.worker, [self.server.address], self.ports, *options)

    def answer_elsewhere(self) -> None:
        """Have another core do the other hosts' part, so that answers come later, as over a wire.

        Otherwise the kernel delivers a packet and its answer before `connect` has returned.
        """
        for host in (self.firewall, self.server):
            self.lab.sh(
                f"ip netns exec {host.name} sh -c "
                "'for rps in /sys/class/net/eth*/queues/*/rps_cpus; do echo 2 > $rps; done'"
            )
