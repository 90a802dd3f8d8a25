"""What an administrator may run so that this host's own firewall lets the listener be reached.

Nothing here changes a firewall: it is looked at, and the commands are given as text.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from veeamcheck.model import Transport
from veeamcheck.ports import PortSet

_NAME = "veeamcheck-listen"
_PATIENCE = 3
"""Seconds that a firewall's own program may take to tell its state."""

Ports = Mapping[Transport, PortSet]


class Hint(NamedTuple):
    """Commands for the administrator of one firewall."""

    firewall: str
    allow: tuple[str, ...]
    remove: tuple[str, ...]


class Chain(NamedTuple):
    """Where nftables filters what comes in."""

    family: str
    table: str
    name: str


def hints(ports: Ports, sources: Collection[str]) -> list[Hint]:
    """For every firewall that filters on this host, as far as that can be seen."""
    if sys.platform == "win32":
        return [windows(ports, sources)]
    if sys.platform != "linux":
        return []
    if _says("firewall-cmd", "--state") is not None:
        return [firewalld(ports, sources)]
    if _ufw_is_on():
        return [ufw(ports, sources)]
    ruleset = _says("nft", "-j", "list", "ruleset")
    return [nftables(chain, ports, sources) for chain in filtering_chains(ruleset or "{}")]


def windows(ports: Ports, sources: Collection[str]) -> Hint:
    remote = f" remoteip={','.join(sorted(sources))}" if sources else ""
    return Hint(
        "Windows Defender Firewall",
        tuple(
            f'netsh advfirewall firewall add rule name="{_NAME}" dir=in action=allow '
            f"protocol={transport.upper()} localport={own}{remote}"
            for transport, own in ports.items()
            if own
        ),
        (f'netsh advfirewall firewall delete rule name="{_NAME}"',),
    )


def firewalld(ports: Ports, sources: Collection[str]) -> Hint:
    """Rules that firewalld forgets at its next reload."""
    rules = [
        f'rule family="ipv{ip_address(source).version}" source address="{source}" '
        f'port port="{run}" protocol="{transport}" accept'
        for source in sorted(sources)
        for transport, own in ports.items()
        for run in _runs(own)
    ]
    what = [f"rich-rule='{rule}'" for rule in rules] or [
        f"port={run}/{transport}" for transport, own in ports.items() for run in _runs(own)
    ]
    return Hint(
        "firewalld",
        tuple(f"firewall-cmd --add-{each}" for each in what),
        tuple(f"firewall-cmd --remove-{each}" for each in what),
    )


def ufw(ports: Ports, sources: Collection[str]) -> Hint:
    rules = [
        f"allow proto {transport} from {source} to any port {str(own).replace('-', ':')}"
        for source in sorted(sources) or ["any"]
        for transport, own in ports.items()
        if own
    ]
    return Hint(
        "ufw",
        tuple(f"ufw insert 1 {rule}" for rule in rules),
        tuple(f"ufw delete {rule}" for rule in rules),
    )


def nftables(chain: Chain, ports: Ports, sources: Collection[str]) -> Hint:
    """In front of what is there: an accept elsewhere would not stop a later drop."""
    where = f"{chain.family} {chain.table} {chain.name}"
    matches = [
        f"{match}{transport} dport {{ {own} }}"
        for match in _saddr(chain.family, sources)
        for transport, own in ports.items()
        if own
    ]
    handle = f"nft -a list chain {where} | sed -n 's/.*\"{_NAME}\".*# handle //p'"
    return Hint(
        f"nftables ({where})",
        tuple(f"nft 'insert rule {where} {match} accept comment \"{_NAME}\"'" for match in matches),
        (f"for h in $({handle}); do nft delete rule {where} handle $h; done",),
    )


def filtering_chains(ruleset: str) -> list[Chain]:
    """The chains of nft's JSON that can turn away what comes in to this host."""
    try:
        items: list[dict[str, Any]] = json.loads(ruleset).get("nftables", [])
    except (ValueError, AttributeError):
        return []
    rules = {
        Chain(rule["family"], rule["table"], rule["chain"])
        for item in items
        if (rule := item.get("rule"))
    }
    return [
        where
        for item in items
        if (chain := item.get("chain")) and chain.get("hook") == "input"
        for where in [Chain(chain["family"], chain["table"], chain["name"])]
        if chain.get("type") == "filter"
        and where.family in ("ip", "ip6", "inet")
        and (chain.get("policy") == "drop" or where in rules)
    ]


def _saddr(family: str, sources: Collection[str]) -> list[str]:
    by_version: dict[int, list[str]] = {}
    for source in sorted(sources):
        by_version.setdefault(ip_address(source).version, []).append(source)
    if not by_version:
        return [""]
    words = {4: "ip", 6: "ip6"}
    return [
        f"{words[version]} saddr {{ {', '.join(own)} }} "
        for version, own in by_version.items()
        if family in (words[version], "inet")
    ]


def _runs(ports: PortSet) -> list[str]:
    return str(ports).split(",") if ports else []


def _ufw_is_on() -> bool:
    try:
        return "ENABLED=yes" in Path("/etc/ufw/ufw.conf").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _says(*command: str) -> str | None:
    """What a program prints; None where it is missing, fails or takes too long."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        ran = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return ran.stdout if ran.returncode == 0 else None
