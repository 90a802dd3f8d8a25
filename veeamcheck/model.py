"""The words of veeamcheck as frozen types. No behaviour beyond what a word itself means.

Everything that appears in a report or plan (`Flow`, `Skipped`, `Plan`, `Evidence`, `Outcome`,
`Report`) is written to JSON exactly as it is declared here: field names and order are the format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from veeamcheck.ports import PortSet

SCHEMA_VERSION = 1


# --- the matrix ------------------------------------------------------------------------------


class Mode(StrEnum):
    """How the ports of a rule count together."""

    ALL = "all"
    ANY = "any"
    RANGE = "range"
    FAILOVER = "failover"


class Listener(StrEnum):
    """Whether something listens on the ports all the time or only while a job runs."""

    ALWAYS = "always"
    SESSION = "session"


class InstalledBy(StrEnum):
    """Who brings the listening service: the product's installation, or the site before it."""

    PRODUCT = "product"
    SITE = "site"


class Transport(StrEnum):
    TCP = "tcp"
    UDP = "udp"


class Phase(StrEnum):
    """Is the product installed (`live`), or is its site only being prepared (`predeploy`)?"""

    LIVE = "live"
    PREDEPLOY = "predeploy"


Value = bool | str | tuple[str, ...]
"""What an option or host attribute can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A part that a host plays in the vendor document."""

    name: str
    title: str
    transient: bool = False
    """The host exists only while a job runs: its absence is not a failure."""
    no_nat: bool = False
    """Between hosts of such roles the product supports no address translation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A question asked once per inventory; its type is its default's."""

    name: str
    default: bool | str
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A question asked per host; its type is its default's (a list also takes a single string)."""

    name: str
    default: Value
    roles: tuple[str, ...] = ()
    """Roles for which it makes sense; empty: any host."""
    choices: tuple[str, ...] = ()
    required_for: tuple[str, ...] = ()
    hosts_with_role: str | None = None
    """The values are names of hosts that have this role."""
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Hosts counted by role and attributes, as in ``has = { role = "vm-guest", runtime = … }``."""

    role: str
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """When a rule applies: all of it must hold.

    A value must equal; a non-empty tuple means any of these; the empty tuple means empty; an
    attribute that is itself a list must contain the value.
    """

    options: Mapping[str, Value] = field(default_factory=dict)
    source: Mapping[str, Value] = field(default_factory=dict)
    target: Mapping[str, Value] = field(default_factory=dict)
    has: tuple[Population, ...] = ()
    lacks: tuple[Population, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Something that the product does, and that stops where a flow fails."""

    id: str
    title: str
    of: Mapping[str, str] = field(default_factory=dict)
    """Role of the host that it is told of -> the words before its name (``of VMs on``); where a
    rule has several of these roles, the first counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One requirement of a vendor document."""

    id: str
    section: str
    """The document's table."""
    row: int
    """The row in that table, from 1."""
    source: str
    """A role."""
    target: str
    """A role; empty for the two special targets below."""
    target_self: bool = False
    """The source host itself."""
    target_gateway_of: str | None = None
    """The hosts named by the ``gateway`` attribute of hosts that have this role."""
    transport: Transport
    mode: Mode
    ports: tuple[PortSet, ...]
    """The documented values one by one (of a failover rule: the primary ones)."""
    failover: tuple[PortSet, ...] = ()
    service: str
    """What should answer: tcp, https, ssh, ntp, …"""
    listener: Listener = Listener.ALWAYS
    installed_by: InstalledBy = InstalledBy.PRODUCT
    when: Condition = field(default_factory=Condition)
    allow_list: tuple[str, ...] = ()
    """Names to allow in a proxy or firewall beside the hosts; patterns, never probed."""
    purpose: str
    breaks: str
    affects: tuple[str, ...] = ()
    """Ids of the activities that need it."""


class NotCovered(NamedTuple):
    """What the document leaves to others, and where to read it."""

    what: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """One vendor document, as data."""

    id: str
    title: str
    product_version: str
    revision: str
    document: str
    not_covered: tuple[NotCovered, ...] = ()
    roles: Mapping[str, Role]
    options: Mapping[str, Option]
    attributes: Mapping[str, Attribute]
    activities: Mapping[str, Activity] = field(default_factory=dict)
    """By id; what hurts most comes first."""
    rules: tuple[Rule, ...]


# --- the inventory ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SshAccess:
    """How to reach a host to probe from there; None: what the SSH client configuration says."""

    user: str | None = None
    port: int | None = None
    host: str | None = None
    key: str | None = None
    jump: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsPin:
    """The certificates that a host may show; whatever else is shown was put in their place."""

    issuer: tuple[str, ...] = ()
    """Any of these; empty: not told."""
    fingerprint: tuple[str, ...] = ()
    """Any of these: ``sha256:`` and 64 digits in lower case; empty: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A real host of the inventory."""

    name: str
    address: tuple[str, ...]
    """IP addresses or DNS names; each must work."""
    roles: tuple[str, ...]
    attributes: Mapping[str, Value] = field(default_factory=dict)
    """As written and, for every attribute that makes sense for the host, its default."""
    stand_in: str | None = None
    ports: Mapping[str, PortSet] = field(default_factory=dict)
    """Documented value (as its text) -> what this site uses instead."""
    ssh: SshAccess | None = None
    tls: TlsPin | None = None


class Exclude(NamedTuple):
    """A pair that never talks. Ends are a host name, ``role:NAME`` or ``*``."""

    source: str
    target: str
    reason: str


class Waiver(NamedTuple):
    """A known and accepted flow: still probed, still shown, does not fail the audit."""

    flow: str
    reason: str
    until: date | None
    """Its last day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Who is to talk, checked against the rule sets that it names."""

    file: str
    """Where it was read from, for messages."""
    rule_sets: tuple[RuleSet, ...]
    phase: Phase = Phase.LIVE
    record: bool = False
    """Each run is to be recorded in the history."""
    options: Mapping[str, bool | str] = field(default_factory=dict)
    """Every option that the rule sets declare, with its default where none was given."""
    hosts: Mapping[str, Host] = field(default_factory=dict)
    exclude: tuple[Exclude, ...] = ()
    waive: tuple[Waiver, ...] = ()
    """Those that still count; an expired one is left out and in `warnings`."""
    warnings: tuple[str, ...] = ()


# --- flows and plan --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One rule applied to one (source host, target host): the unit of verdict."""

    id: str
    """``RULE@SOURCE>TARGET``"""
    rule_set: str
    rule: str
    section: str
    row: int
    source: str
    target: str
    address: tuple[str, ...]
    """The target's addresses as the inventory declares them."""
    transport: Transport
    mode: Mode
    ports: PortSet
    failover_ports: PortSet | None = None
    failover_listener: Listener | None = None
    """`session` for a documented failover range, else as for the primary."""
    listener: Listener
    installed_by: InstalledBy
    service: str
    runs_from: str
    """The source, or the stand-in declared for it."""
    target_transient: bool = False
    """The target's role in the rule is transient."""
    target_os: str = ""
    no_nat: bool = False
    """The product supports no address translation between source and target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A rule, or a pair, to which the matrix does not apply, and why."""

    rule: str
    source: str | None
    target: str | None
    reason: str
    section: str = ""
    """The rule's table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every flow and where it must be run."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["plan"] = "plan"
    vantage: str | None
    """The host that this machine is, or None where that cannot be told."""
    warnings: tuple[str, ...] = ()
    flows: tuple[Flow, ...]
    skipped: tuple[Skipped, ...]


# --- what was seen ---------------------------------------------------------------------------


class Signal(StrEnum):
    """What came back from one port."""

    OPEN = "open"
    REFUSED = "refused"
    REJECTED = "rejected"
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"
    INVALID = "invalid"
    LOCAL_ERROR = "local-error"


SIGNS_OF_LIFE = frozenset({Signal.OPEN, Signal.REFUSED, Signal.INVALID})
CLEAR = frozenset({Signal.OPEN, Signal.REFUSED})

Detail = Mapping[str, str | int | float | bool | None]


class Observation(NamedTuple):
    """What one attempt, or one probe with all its attempts, showed."""

    signal: Signal
    attributed: bool = False
    """The means of probing could have told an ICMP reject from a reset."""
    rtt: float | None = None
    """Round trip in seconds."""
    by: str | None = None
    """The sender of the ICMP error."""
    detail: Detail | None = None
    proven: bool = False
    """The service itself, or our listener, was recognised: more than an accepted connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A run of ports of one address that showed the same."""

    address: str
    """The IP address; the name itself where it has none."""
    local_address: str | None
    """Where the probes really left from."""
    ports: PortSet
    signal: Signal
    attributed: bool
    probed: int
    """How many of `ports` were contacted; the others took their neighbours' signal."""
    gap: int = 0
    """The longest run of `ports` that was not contacted: a hole of that size could be missed."""
    rtt_ms: float | None
    """Shortest round trip of those contacted."""
    by: str | None
    detail: Detail | None
    name: str | None = None
    """The DNS name that `address` was resolved from."""
    means: str = "sockets"
    """How it was probed; what that means can tell apart decides `attributed`."""
    proven: bool = False
    """The service itself, or our listener, was recognised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFacts:
    """What all probes from one vantage to one target showed together."""

    vantage: str
    target: str
    alive: bool
    """Some port of the target gave a sign of life."""
    accepts_all: tuple[str, ...] = ()
    """Addresses where a port that must be closed was open too."""
    scan_protected: tuple[str, ...] = ()
    """Addresses that answered first and then, proven ports included, went silent."""
    left_out: tuple[str, ...] = ()
    """Resolved addresses of a family without a route from here."""


class Progress(NamedTuple):
    """How far an audit has come."""

    contacts: int
    """Attempts made."""
    ports_done: int
    ports_total: int
    """Grows where a failover range turns out to be needed."""
    flows: int
    seconds_left: float | None


# --- traces ----------------------------------------------------------------------------------


class Place(StrEnum):
    """What a trace found of a port."""

    ANSWERS = "answers"
    """Nothing blocks it now."""
    SWALLOWED = "swallowed"
    """Dropped between two hops that are named."""
    REJECTED = "rejected"
    """By an ICMP error, whose sender is named."""
    UNREACHABLE = "unreachable"
    """Whoever is named has no way to the target."""
    FORGED = "forged"
    """Refused in the target's name by something nearer."""
    REFUSED = "refused"
    """By the target or what stands directly before it: no router nearer does it."""
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A router, or the target, by its place on the path."""

    number: int
    """From 1; 0: not known."""
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HopAnswer:
    """What all packets to one port with the same TTL brought back together."""

    routers: tuple[str, ...]
    """Those at which they expired."""
    signal: Signal | None
    """What else came back; None: nothing else, a router has answered."""
    by: str | None
    asked: int
    rtt_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRow:
    """One hop of a trace."""

    ttl: int
    port: HopAnswer | None
    compared: HopAnswer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Where on the path to one port its packets end, by packets that may go only so many hops."""

    address: str
    transport: Transport
    port: int
    compared_with: int | None
    """A TCP port of the same address that works."""
    place: Place
    last: Hop | None
    """The last hop that still answers for the port; None: not even the first."""
    next: Hop | None
    """The first one behind that answers for the compared port."""
    by: Hop | None
    """Who rejects."""
    reason: str
    """What was seen and what follows, for people."""
    rows: tuple[TraceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What `veeamcheck trace` gives."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["traces"] = "traces"
    traces: tuple[Trace, ...]


# --- verdicts --------------------------------------------------------------------------------


class Verdict(StrEnum):
    PASS = "pass"
    DEGRADED = "degraded"
    FAIL = "fail"
    UNPROVEN = "unproven"
    UNTESTED = "untested"
    WAIVED = "waived"


class ReasonCode(StrEnum):
    """Why; the order within each verdict is the order of precedence."""

    # pass
    OPEN = "open"
    PATH_CLEAR = "path-clear"
    # degraded
    FAILOVER_ONLY = "failover-only"
    # fail
    PARTLY_BLOCKED = "partly-blocked"
    BLOCKED_REJECTED = "blocked-rejected"
    BLOCKED_SILENT = "blocked-silent"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"
    NO_LISTENER = "no-listener"
    WRONG_SERVICE = "wrong-service"
    # unproven
    INTERRUPTED = "interrupted"
    SCAN_PROTECTION = "scan-protection"
    LOCAL_ERROR = "local-error"
    ACCEPTS_ALL = "accepts-all"
    NOT_RUNNING = "not-running"
    REFUSAL_UNATTRIBUTED = "refusal-unattributed"
    IDLE_SILENT = "idle-silent"
    # untested (and interrupted)
    OTHER_VANTAGE = "other-vantage"
    SAME_HOST = "same-host"


UNPROVEN_REASONS = (
    ReasonCode.INTERRUPTED,
    ReasonCode.SCAN_PROTECTION,
    ReasonCode.LOCAL_ERROR,
    ReasonCode.ACCEPTS_ALL,
    ReasonCode.NOT_RUNNING,
    ReasonCode.REFUSAL_UNATTRIBUTED,
    ReasonCode.IDLE_SILENT,
)
"""Why a flow can be unproven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """What a waiver replaced."""

    verdict: Verdict
    reason: str
    until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Flow):
    """A flow with its verdict."""

    verdict: Verdict
    reason_code: ReasonCode
    reason: str
    """One sentence for people."""
    contacted: int = 0
    """How many of the flow's needed ports were contacted, over all addresses."""
    total: int = 0
    waived: Waived | None = None
    evidence: tuple[Evidence, ...] = ()
    traces: tuple[Trace, ...] = ()
    """Where the flow's blocked ports end, as far as that was asked for; one port a run."""
    origin: str | None = None
    """Of a merged report: the vantages and the end of the run that this comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What counts against an audit."""

    fail_on_degraded: bool = False
    allow_unproven: frozenset[ReasonCode] = frozenset()
    require_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSetNote:
    """Which document was applied."""

    id: str
    product_version: str
    revision: str
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCoveredNote:
    what: str
    where: str


class End(StrEnum):
    """One of the two hosts of a flow."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """An activity that needs a rule, and how to tell of it."""

    activity: str
    title: str
    weight: int
    """Its place among the activities of its rule set, from 1: what hurts most."""
    host: End
    """The host of the flow that it is told of."""
    words: str
    """What stands between the title and that host's name: ``of VMs on``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleNote:
    """What a reader of the report must know of a rule."""

    id: str
    rule_set: str
    section: str
    row: int
    purpose: str
    breaks: str
    document: str
    allow_list: tuple[str, ...] = ()
    affects: tuple[Affected, ...] = ()
    """What the host needs it for, the worst loss first."""

    @classmethod
    def unexplained(cls, flow: Flow) -> RuleNote:
        """For a rule that a flow names and a report says nothing about."""
        return cls(
            id=flow.rule,
            rule_set=flow.rule_set,
            section=flow.section,
            row=flow.row,
            purpose="",
            breaks="",
            document="",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNote:
    """How the audit was made."""

    start: datetime
    end: datetime
    version: str
    phase: Phase
    vantages: tuple[str, ...]
    options: Mapping[str, bool | str]
    pace: str
    checks: str = "service"
    full_range: bool = False
    check_failover: bool = False
    interrupted: bool = False
    inventory: str = ""
    """The file, as it was named."""
    missing_evidence: tuple[str, ...] = ()
    """What this platform or means of probing could not tell apart, as sentences."""
    rule_sets: tuple[RuleSetNote, ...]
    not_covered: tuple[NotCoveredNote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of an audit; every format is made from it and from nothing else."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["report"] = "report"
    run: RunNote
    summary: Mapping[str, int]
    """Flows per verdict, and ``exit_status``."""
    warnings: tuple[str, ...]
    rules: tuple[RuleNote, ...] = ()
    """Those that the flows name."""
    pairs: tuple[PairFacts, ...] = ()
    """Only pairs with something to say beyond their flows' evidence."""
    flows: tuple[Outcome, ...]
    skipped: tuple[Skipped, ...] = ()


# --- input mistakes --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in an input file."""

    file: str
    line: int
    key: str
    """Path of the key, ``hosts.vbr1.roles``; empty where the file as a whole is meant."""
    what: str
    """What is wrong; what to write instead."""
    column: int | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        if self.column is not None:
            where += f":{self.column}"
        return f"{where}: {self.key}: {self.what}" if self.key else f"{where}: {self.what}"


class InputError(Exception):
    """All the mistakes of an input, at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))
