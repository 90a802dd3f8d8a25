"""The hosts of an inventory, by everything that a log or a person may call them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from veeamcheck.model import Host


def ip_of(text: str) -> str | None:
    """The one spelling of an IP address (a zone and brackets do not count); None if it is none."""
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


class HostNames:
    """Finds hosts by inventory name, address, DNS name and short name, without regard to case."""

    def __init__(self, hosts: Iterable[Host]) -> None:
        self._exact: dict[str, dict[str, None]] = {}
        self._short: dict[str, dict[str, None]] = {}
        self._full: dict[str, set[str]] = {}
        """Host -> the full DNS names that the inventory gives it."""
        for host in hosts:
            for text in (host.name, *host.address):
                name = _key(text)
                self._exact.setdefault(name, {})[host.name] = None
                if ip_of(name):
                    continue
                label, dot, _ = name.partition(".")
                self._short.setdefault(label, {})[host.name] = None
                if dot:
                    self._full.setdefault(host.name, set()).add(name)

    def find(self, text: str) -> tuple[str, ...]:
        """The inventory's names of the hosts that `text` can mean; several share a short name.

        A full name means a host that the inventory knows by its short one, unless the inventory
        gives that host full names, and this is none of them.
        """
        name = _key(text)
        exact = self._exact.get(name)
        if exact:
            return tuple(exact)
        label, dot, _ = name.partition(".")
        hosts = () if ip_of(name) else tuple(self._short.get(label, ()))
        return tuple(host for host in hosts if not (dot and self._full.get(host)))


def _key(text: str) -> str:
    return ip_of(text) or text.lower().rstrip(".")
