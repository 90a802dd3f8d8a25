"""Who came to a listener, and which expected source never did. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from veeamcheck.farside.opening import Expected
from veeamcheck.model import Transport
from veeamcheck.ports import PortSet

MOST_STRANGERS = 256
"""Addresses that nobody expects and that are remembered; of the others only their number."""


@dataclass(slots=True)
class Visitor:
    """An address that came."""

    address: str
    ports: dict[Transport, set[int]] = field(
        default_factory=lambda: {transport: set() for transport in Transport}
    )
    """Those that it reached."""
    held_key: bool = False
    """It proved that it holds the key."""

    def reached(self, transport: Transport) -> PortSet:
        return PortSet.of(self.ports[transport])


class Visits:
    """What a listener has seen; memory does not follow how many come."""

    def __init__(self, expected: Sequence[Expected]) -> None:
        self.expected = tuple(expected)
        self._known = frozenset(address for each in expected for address in each.addresses)
        self._visitors: dict[str, Visitor] = {}
        self._strangers = 0
        self.turned_away = 0
        """Connections that were more than a listener serves at once."""
        self.unproven = 0
        """Requests and datagrams without proof that their sender holds the key."""
        self.answered = 0
        self.version = 0
        """Grows whenever there is something new to show."""

    @property
    def known(self) -> frozenset[str]:
        """Every address that is expected."""
        return self._known

    @property
    def strangers(self) -> list[Visitor]:
        """Those whom nobody expects and who are remembered."""
        return [each for each in self._visitors.values() if each.address not in self._known]

    @property
    def forgotten(self) -> bool:
        """There were more strangers than are remembered."""
        return self._strangers >= MOST_STRANGERS

    def came(self, address: str, transport: Transport, port: int, *, held_key: bool) -> None:
        """This address reached this port."""
        visitor = self._visitors.get(address)
        if visitor is None:
            if address not in self._known:
                if self.forgotten:
                    return
                self._strangers += 1
            visitor = self._visitors[address] = Visitor(address)
        if port not in visitor.ports[transport] or held_key > visitor.held_key:
            self.version += 1
        visitor.ports[transport].add(port)
        visitor.held_key |= held_key

    def of(self, expected: Expected) -> list[Visitor]:
        """The addresses of an expected source that came."""
        return [
            self._visitors[address]
            for address in sorted(expected.addresses)
            if address in self._visitors
        ]

    def reached(self, expected: Expected, transport: Transport) -> PortSet:
        """The ports that an expected source reached."""
        return PortSet.of(
            port for visitor in self.of(expected) for port in visitor.ports[transport]
        )
