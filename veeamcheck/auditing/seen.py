"""What the probing from one host has shown: filled by its vantage, read by all who conclude."""

from __future__ import annotations

from dataclasses import dataclass, field

from veeamcheck.auditing.services import Services
from veeamcheck.engine.sweep import Sweep
from veeamcheck.model import Evidence, Observation, Trace, Transport
from veeamcheck.ports import PortSet


@dataclass(slots=True)
class Seen:
    """What one vantage has seen so far. Filled while it probes, readable at any time."""

    unreached: str | None = None
    """Why nothing, or nothing more, could be probed from there."""
    only_home: bool = False
    """No flow starts there: the host is asked for our listener on itself, and nothing else."""
    missing_evidence: tuple[str, ...] = ()

    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Declared name -> addresses of it without a route from here."""
    unresolved: dict[str, str] = field(default_factory=dict)
    """Declared name -> why it has no address."""
    sweeps: dict[str, Sweep] = field(default_factory=dict)
    services: dict[str, Services] = field(default_factory=dict)
    """Address -> what its open ports turned out to be."""
    datagrams: dict[tuple[str, str, int], Observation] = field(default_factory=dict)
    """(address, service, port) -> what it showed."""
    evidence: dict[str, dict[tuple[str, str], tuple[Evidence, ...]]] = field(default_factory=dict)
    """Flow id -> (declared name, address) -> its rows, once the address is done with.

    Two names of a host may have the same address: each of them must be seen to work.
    """
    same_host: set[str] = field(default_factory=set)
    """Flows whose vantage turned out to be their target."""
    accepts_all: set[str] = field(default_factory=set)
    scan_protected: set[str] = field(default_factory=set)
    listening: dict[tuple[str, Transport], PortSet] = field(default_factory=dict)
    """(Address, transport) -> where our listener is up."""
    traces: list[Trace] = field(default_factory=list)
    contacts: int = 0
    ports_total: int = 0
    ports_folded: int = 0
    """Ports of addresses that are done with."""

    @property
    def was_used(self) -> bool:
        """Whether anything was probed from there."""
        return not self.only_home and (not self.unreached or self.contacts > 0)

    @property
    def ports_done(self) -> int:
        return self.ports_folded + sum(len(sweep.seen) for sweep in self.sweeps.values())
