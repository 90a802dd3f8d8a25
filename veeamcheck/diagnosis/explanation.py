"""What an explanation consists of. JSON has it field by field, as it is declared here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from veeamcheck.diagnosis.advice import Who
from veeamcheck.model import Flow, Listener, Mode, NotCoveredNote, Signal, Transport
from veeamcheck.ports import PortSet

SCHEMA_VERSION = 1


class About(StrEnum):
    """What was asked about."""

    WORD = "word"
    FLOW = "flow"
    PORT = "port"
    RULE = "rule"
    HOST = "host"
    LOG = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a word of a report, or a message of a log, means."""

    id: str
    title: str
    signals: tuple[Signal, ...] = ()
    """What veeamcheck can see where a log says this, the likeliest first."""
    means: str
    unsure: str = ""
    """What it leaves open."""
    who: tuple[Who, ...] = ()
    check: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFact:
    """What a reader of an explanation must know of a rule."""

    id: str
    rule_set: str
    section: str
    row: int
    source: str
    target: str
    transport: Transport
    mode: Mode
    ports: PortSet
    failover_ports: PortSet | None
    listener: Listener
    purpose: str
    breaks: str
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A host that was named."""

    text: str
    """As it was named."""
    hosts: tuple[str, ...]
    """The hosts of the inventory that it can mean; none: it has no such host, or was not read."""
    roles: tuple[str, ...] = ()
    """Theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command that tells more, and where to type it."""

    host: str | None
    """None: anywhere, or it cannot be told."""
    command: str
    flows: int
    """So many of the finding's flows it probes; 0 where it is no audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLines:
    """Where a log says it."""

    first: int
    last: int
    count: int
    excerpt: str
    """The line that tells most, as it is: not inert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was asked about, or that a log says, and what it can be about."""

    title: str
    meanings: tuple[str, ...] = ()
    """Ids."""
    lines: LogLines | None = None
    named: tuple[Named, ...] = ()
    transport: Transport | None = None
    ports: PortSet = field(default_factory=PortSet)
    rules: tuple[str, ...] = ()
    """Ids."""
    flows: tuple[str, ...] = ()
    """Ids."""
    notes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNote:
    """How much of a log was read."""

    name: str
    lines: int
    cut_lines: int
    left_out: int
    """Records with a message that are in no finding."""
    ended_early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What something means, which rules and hosts it is about, and what to do next."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["explanation"] = "explanation"
    what: str
    about: About
    inventory: str | None
    log: LogNote | None = None
    findings: tuple[Finding, ...] = ()
    meanings: tuple[Meaning, ...] = ()
    rules: tuple[RuleFact, ...] = ()
    flows: tuple[Flow, ...] = ()
    """Those that the findings name."""
    not_covered: tuple[NotCoveredNote, ...] = ()
    """Connections that may be meant, too, and that the rules say nothing of."""
    notes: tuple[str, ...] = ()
