"""50 targets with two ports each, of which 20 are dead: 10 firewalled, 10 that do not exist."""

from __future__ import annotations

from bench.programs import Port, Run, alternate, nmap, typical, veeamcheck
from bench.rows import Figure, Row, at_most, exact
from tests.lab import Action, Lab, Policy, Rule

_ALIVE = [f"10.77.2.{number}" for number in range(10, 40)]
_FIREWALLED = [f"10.77.2.{number}" for number in range(40, 50)]
_MISSING = [f"10.77.2.{number}" for number in range(50, 60)]
_PORTS = "22,8006"


def run(quick: bool) -> list[Row]:
    with Lab() as lab:
        near, far = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
        firewall = lab.router("firewall", near, far)
        server = lab.host("vbr1", "10.77.1.10", near)
        target = lab.host("pve1", _ALIVE[0], far)
        for address in [*_ALIVE[1:], *_FIREWALLED]:
            target.add_address(address)
        target.listen_tcp(_PORTS)
        drop = [Rule(action=Action.DROP, protocol="tcp", target=address) for address in _FIREWALLED]
        firewall.nft(Policy(tuple(drop)).text("forward"))

        def audit(addresses: list[str]) -> Run:
            return veeamcheck(server, _inventory(server.address, addresses), "--host", "pve*")

        everything = [*_ALIVE, *_FIREWALLED, *_MISSING]
        truth: dict[Port, bool] = {
            (address, port): address in _ALIVE for address in everything for port in (22, 8006)
        }
        all_runs, firewalled, missing, their_runs = alternate(
            3,
            lambda: audit(everything),
            lambda: audit(_FIREWALLED[:1]),
            lambda: audit(_MISSING[:1]),
            lambda: nmap(server, everything, _PORTS),
        )
        ours = Figure.of("veeamcheck", all_runs, truth)
        theirs = Figure.of("nmap", their_runs, truth)
        slowest = max(typical(firewalled), typical(missing))
        bars = (exact(ours), at_most(1.3, ours.seconds / slowest, "the slowest dead target alone"))
        note = f"one firewalled {typical(firewalled):.1f} s, one missing {typical(missing):.1f} s"
        return [Row("50 targets, 20 of them dead", ours, theirs, bars, note)]


def _inventory(own: str, addresses: list[str]) -> str:
    server = f'[hosts.vbr1]\naddress = "{own}"\nroles = ["backup-server"]\n'
    targets = [
        f'[hosts.pve{number}]\naddress = "{address}"\nroles = ["proxmox-ve"]\n'
        for number, address in enumerate(addresses, 1)
    ]
    return "\n".join([server, *targets])
