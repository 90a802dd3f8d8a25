"""What a group of troubled flows means, who should look and what to do: words, and nothing else.

Only what the evidence supports is said. A reset came over a clear path; silence was dropped
somewhere or the host is down; a reject names the device that sent it, and never more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from veeamcheck.diagnosis.seen import network_of
from veeamcheck.model import (
    Evidence,
    InstalledBy,
    Outcome,
    Phase,
    RunNote,
    Signal,
    Verdict,
)
from veeamcheck.ports import PortSet
from veeamcheck.probes.interface import UNHEARD
from veeamcheck.verdict import beside_rejects, is_listener_up, meaning
from veeamcheck.wording import counted, listed


class Who(StrEnum):
    """Who should look."""

    BACKUP = "backup administrator"
    SERVER = "server administrator"
    NETWORK = "network administrator"
    DNS = "DNS administrator"
    OPERATOR = "whoever runs veeamcheck"


class Kind(StrEnum):
    """What flows in trouble can share; the order is the order in which to look at them."""

    ISOLATED = "isolated"
    """Nothing at all answers a vantage."""
    UNRESOLVED = "unresolved"
    NO_ROUTE = "no-route"
    """A router, or the vantage itself, says that it knows no way."""
    NETWORK_SILENT = "network-silent"
    """No host of a network gave a vantage a sign of life."""
    HOST_DOWN = "host-down"
    """An address gives no sign of life to anybody."""
    NO_WAY = "no-way"
    """An address answers one vantage and not another."""
    REJECTED = "rejected"
    DROPPED = "dropped"
    """A host answers, but some of its ports stay silent."""
    DROPPED_ALIKE = "dropped-alike"
    """Several hosts answer a vantage, and none on the same ports."""
    NO_LISTENER = "no-listener"
    NAT = "nat"
    """The listener saw another address than the vantage's, where the product supports no NAT."""
    BLACK_HOLE = "black-hole"
    """Small packets pass, full-size ones are swallowed."""
    INTERCEPTED = "intercepted"
    """Another certificate is shown than the inventory pins."""
    WRONG_SERVICE = "wrong-service"
    NTP = "ntp"
    SCAN_PROTECTION = "scan-protection"
    LOCAL_ERROR = "local-error"
    ACCEPTS_ALL = "accepts-all"
    UNATTRIBUTED_REFUSAL = "unattributed-refusal"
    INTERRUPTED = "interrupted"
    IDLE = "idle"
    NOT_RUNNING = "not-running"
    UNKNOWN = "unknown"


class Trouble(NamedTuple):
    """A flow in trouble."""

    flow: Outcome
    rows: tuple[Evidence, ...]
    """The part of its evidence that speaks of the trouble."""


class Advice(NamedTuple):
    title: str
    who: tuple[Who, ...]
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Flows in trouble for one shared reason."""

    kind: Kind
    troubles: tuple[Trouble, ...]
    run: RunNote
    answers: tuple[str, ...] = ()
    """Other vantages to which an address of the group gave a sign of life, or that found one."""

    @property
    def flows(self) -> list[Outcome]:
        return [trouble.flow for trouble in self.troubles]

    @property
    def rows(self) -> list[Evidence]:
        return [row for trouble in self.troubles for row in trouble.rows]

    @property
    def vantages(self) -> str:
        return listed(flow.runs_from for flow in self.flows)

    @property
    def targets(self) -> str:
        """The target hosts by name."""
        return listed(flow.target for flow in self.flows)

    @property
    def addressed(self) -> str:
        """The target hosts with the addresses in question: ``repo1 (10.0.30.5)``."""
        addresses: dict[str, list[str]] = {}
        for flow, rows in self.troubles:
            known = addresses.setdefault(flow.target, [])
            known += [row.address for row in rows if row.address != flow.target]
        return listed(
            f"{target} ({listed(known, 3)})" if known else target
            for target, known in addresses.items()
        )

    @property
    def ports(self) -> str:
        """The ports in question, without their addresses: ``22, 6162``."""
        return _few(_ports(self.rows))

    @property
    def said(self) -> str:
        """What came back beyond the signals, in words; empty if nothing."""
        return listed(text for text in map(meaning, self.rows) if text)

    @property
    def by(self) -> str:
        """The devices that answered in a target's place; empty if none said so."""
        return listed(row.by for row in self.rows if row.by)

    def seen(self, signal: Signal) -> bool:
        return any(row.signal is signal for row in self.rows)


def advise(group: Group) -> Advice:
    """The finding in words."""
    return _ADVICE[group.kind](group)


def _ports(rows: Iterable[Evidence]) -> PortSet:
    return PortSet.of_runs(run for row in rows for run in row.ports.runs)


def _few(ports: PortSet, most: int = 6) -> str:
    """Runs of ports, at most so many of them."""
    return listed(str(ports).split(","), most)


def _sentences(*sentences: str) -> tuple[str, ...]:
    return tuple(sentence for sentence in sentences if sentence)


def _with(said: str) -> str:
    return f": {said}" if said else ""


def _isolated(group: Group) -> Advice:
    own = listed(row.local_address for row in group.rows if row.local_address)
    hosts = len({flow.target for flow in group.flows})
    return Advice(
        f"Nothing answers {group.vantages}: none of {hosts} hosts gave a sign of life.",
        (Who.OPERATOR, Who.NETWORK),
        _sentences(
            f"Look at {group.vantages} first: is its network up"
            + (f", is {own} its right address" if own else "")
            + ", does its own firewall let connections out?",
            "Only if it does reach other hosts, look at the targets one by one.",
        ),
    )


def _unresolved(group: Group) -> Advice:
    names = [row.name or row.address for row in group.rows]
    several = len({flow.runs_from for flow in group.flows}) > 1
    return Advice(
        f"{group.vantages} {'find' if several else 'finds'} no address for {listed(names)}"
        + (f", although {listed(group.answers)} did." if group.answers else "."),
        (Who.DNS, Who.BACKUP),
        _sentences(
            f"Add {'the name' if len(set(names)) == 1 else 'these names'} to the DNS that "
            f"{group.vantages} {'use' if several else 'uses'}, "
            "or correct the inventory if a name is misspelt.",
            f"What the resolver said: {group.said}." if group.said else "",
        ),
    )


def _host_down(group: Group) -> Advice:
    if any(map(is_listener_up, group.rows)):
        return Advice(
            f"Nothing from {group.vantages} reaches {group.addressed}, although our listener is "
            "up there.",
            (Who.NETWORK, Who.SERVER),
            (
                f"The host is up. Its own firewall or one on the way from {group.vantages} drops "
                "the connections: ask to allow those below.",
            ),
        )
    unreachable = group.seen(Signal.UNREACHABLE)
    by = _foreign(group)
    told = ""
    if unreachable:
        told = f"{by or group.vantages} reports it as unreachable{_with(group.said)}."
    return Advice(
        f"{group.addressed} gave no sign of life to {group.vantages}.",
        (Who.SERVER, Who.NETWORK),
        _sentences(
            told,
            f"See whether {group.targets} is up and has this address.",
            "If it is, its own firewall or one on the way drops "
            + ("everything or has no route" if unreachable else "everything")
            + ": ask to allow the connections below.",
        ),
    )


def _no_way(group: Group) -> Advice:
    return Advice(
        f"Nothing from {group.vantages} reaches {group.addressed}, although it answers "
        f"{listed(group.answers)}.",
        (Who.NETWORK, Who.SERVER),
        _sentences(
            f"The host is up. Its own firewall or one on the way from {group.vantages} drops the "
            "connections, or there is no route: ask to allow the connections below.",
            f"What came back: {group.said}." if group.said else "",
        ),
    )


def _no_route(group: Group) -> Advice:
    router = _foreign(group)
    return Advice(
        f"{f'The router at {router}' if router else group.vantages} has no way to "
        f"{group.addressed}{_with(group.said)}.",
        (Who.NETWORK,) if router else (Who.OPERATOR, Who.NETWORK),
        _sentences(
            f"Ask whoever runs {router} for the routes to these addresses."
            if router
            else f"Look at the routes and the default gateway of {group.vantages}.",
            "If they are right, see whether the inventory has the right addresses.",
        ),
    )


def _network_silent(group: Group) -> Advice:
    networks = listed(network_of(row.address) for row in group.rows)
    hosts = len({flow.target for flow in group.flows})
    but = f", although {listed(group.answers)} got answers there" if group.answers else ""
    return Advice(
        f"Nothing in {networks} answers {group.vantages}: {group.targets} gave no sign of "
        f"life{but}.",
        (Who.NETWORK, Who.SERVER),
        _sentences(
            f"Look first at what these {hosts} hosts share: the route from {group.vantages} to "
            "their network and back, and a firewall on it. Ask to allow the connections below.",
            "" if group.answers else "Then see whether the hosts are up and have these addresses.",
        ),
    )


def _dropped_alike(group: Group) -> Advice:
    hosts = len({flow.target for flow in group.flows})
    return Advice(
        f"{hosts} hosts answer {group.vantages}, but none on {_transports(group)} {group.ports}: "
        f"{group.targets}.",
        (Who.NETWORK, Who.SERVER),
        _sentences(
            f"The same ports at {hosts} hosts, and no host that answers on them: look first at "
            f"what they share, a firewall on the way or that of {group.vantages} itself.",
            "Ask to allow the connections below; if it is none of these, the hosts' own firewalls "
            "drop them.",
        ),
    )


def _rejected(group: Group) -> Advice:
    device = group.by
    addresses = {row.address for row in group.rows}
    own_addresses = {row.local_address for row in group.rows}
    told = [row for row in group.rows if row.signal is not Signal.SILENT]
    ports = f"{_transports(group)} {_few(_ports(told))}"
    if not device:
        who: tuple[Who, ...] = (Who.NETWORK, Who.SERVER)
        subject = "A device that could not be told"
        ask = "Find the firewall on the way that rejects, and have it allow the connections below."
    elif device in own_addresses:
        who = (Who.SERVER, Who.OPERATOR)
        subject = f"{group.vantages} itself ({device})"
        ask = (
            f"Allow the connections below in the firewall of {group.vantages}, "
            "or see why it has no route."
        )
    elif device in addresses:
        who = (Who.SERVER, Who.NETWORK)
        subject = f"The address of {group.targets} itself ({device})"
        ask = (
            f"Allow the connections below in the firewall of {group.targets}; "
            "a firewall right in front of it can also answer with its address."
        )
    else:
        who = (Who.NETWORK,)
        subject = f"The device at {device}"
        ask = f"Ask whoever runs {device} to allow the connections below."
    return Advice(
        f"{subject} rejects {ports} to {group.targets}{_with(group.said)}.",
        who,
        _sentences(
            ask,
            "Ports that stayed silent there are most likely rejected too: "
            "devices send only a few of these messages a second."
            if beside_rejects([row for flow in group.flows for row in flow.evidence])[1]
            else "",
        ),
    )


def _dropped(group: Group) -> Advice:
    degraded = all(flow.verdict is Verdict.DEGRADED for flow in group.flows)
    windows = any(flow.target_os == "windows" for flow in group.flows)
    return Advice(
        f"{group.addressed} answers, but not on {_transports(group)} {group.ports}"
        + (": only the failover ports work." if degraded else "."),
        (Who.NETWORK, Who.SERVER),
        _sentences(
            "Ask to allow the connections below in every firewall on the way.",
            f"The firewall of {group.targets} itself can drop them as well.",
            "On Windows a stopped service looks the same (stealth mode): see that it runs."
            if windows
            else "",
        ),
    )


def _no_listener(group: Group) -> Advice:
    product = any(flow.installed_by is InstalledBy.PRODUCT for flow in group.flows)
    site = any(flow.installed_by is InstalledBy.SITE for flow in group.flows)
    sure = all(row.attributed for row in group.rows)
    several = len(_ports(group.rows)) > 1
    services = _services(group)
    return Advice(
        f"{group.targets} refuses {_transports(group)} {group.ports}: "
        + ("the path is clear, but nothing listens." if sure else "most likely nothing listens."),
        (*(_only(Who.BACKUP, product)), *(_only(Who.SERVER, site))),
        _sentences(
            f"See on {group.targets} that the service{'s' if several else ''} behind "
            f"{'these ports' if several else 'this port'}{f' ({services})' if services else ''} "
            f"{'are' if several else 'is'} installed and running.",
            "A reset came back: no firewall needs a change, unless one of them forges resets."
            if sure
            else "If they run, a firewall rejects: from here that cannot be told from a reset.",
        ),
    )


def _wrong_service(group: Group) -> Advice:
    causes = {(row.detail or {}).get("cause") for row in group.rows}
    return Advice(
        f"{group.targets} answers on {_transports(group)} {group.ports}, but not as "
        f"{_services(group) or 'the service'}{_with(group.said)}.",
        (Who.SERVER, Who.BACKUP),
        _sentences(
            f"See on {group.targets} which program holds the port, and that it is well.",
            "A proxy or an inspecting firewall on the way can also answer in its place: "
            "one that accepts, and lets nothing through, looks just like this."
            if causes & UNHEARD
            else "A proxy or an inspecting firewall on the way can also answer in its place.",
        ),
    )


def _intercepted(group: Group) -> Advice:
    return Advice(
        f"{group.targets} does not show {group.vantages} the certificate that the inventory pins "
        f"on {_transports(group)} {group.ports}{_with(group.said)}.",
        (Who.NETWORK, Who.SERVER),
        _sentences(
            f"See on {group.targets} which certificate it has. If it was renewed, correct the pin "
            "(`tls` at the host in the inventory).",
            "If it was not, a firewall or proxy on the way opens TLS and answers itself: "
            "have it leave these connections alone.",
        ),
    )


def _nat(group: Group) -> Advice:
    return Advice(
        f"Addresses are translated between {group.vantages} and {group.targets}"
        f"{_with(group.said)}.",
        (Who.NETWORK, Who.BACKUP),
        _sentences(
            "The product does not support NAT between these hosts: have them routed directly.",
        ),
    )


def _black_hole(group: Group) -> Advice:
    return Advice(
        f"Full-size packets get lost between {group.vantages} and {group.targets} "
        f"({_transports(group)} {group.ports}), although connections are made: "
        "an MTU black hole.",
        (Who.NETWORK,),
        _sentences(
            "Find the link with the smaller MTU (a tunnel or VPN, most often), and have its ends "
            "send, and every firewall on the way pass, ICMP type 3 code 4 (IPv6: packet too big).",
            "Or lower the MTU of both hosts, or have the firewall clamp the TCP MSS.",
        ),
    )


def _ntp(group: Group) -> Advice:
    return Advice(
        f"No clock can be set by {group.targets}: it "
        f"{group.said or 'answers, but not as a time server should'}.",
        (Who.SERVER,),
        _sentences(
            f"See on {group.targets} that its own time source is reachable and synchronised "
            "(`chronyc tracking`, `ntpq -p` or `w32tm /query /status`), and that it serves "
            f"{group.vantages}.",
            "The path is clear: no firewall needs a change for that.",
        ),
    )


def _scan_protection(group: Group) -> Advice:
    return Advice(
        f"{group.addressed} answered {group.vantages} first and then went silent: "
        "likely a protection against port scans.",
        (Who.NETWORK, Who.OPERATOR),
        _sentences(
            f"Have {group.vantages} exempted from scan protection while the audit runs.",
            "Or wait until the block has ended and run it again with `--pace polite`.",
        ),
    )


def _local_error(group: Group) -> Advice:
    return Advice(
        f"{group.vantages} could not try {counted(len(group.flows), 'flow')} itself"
        f"{_with(group.said)}.",
        (Who.OPERATOR,),
        _sentences(
            "This says nothing about the network: "
            f"remove the error on {group.vantages} and run the audit again.",
        ),
    )


def _accepts_all(group: Group) -> Advice:
    return Advice(
        f"Something accepts every connection to {group.addressed}, "
        "also on ports that must be closed.",
        (Who.NETWORK, Who.OPERATOR),
        _sentences(
            f"Find the proxy or firewall between {group.vantages} and {group.targets} that "
            "answers in its place, and have it let these connections through.",
            "Or run the audit with `--checks service`: a service that is recognised counts."
            if group.run.checks != "service"
            else "",
        ),
    )


def _unattributed_refusal(group: Group) -> Advice:
    return Advice(
        f"{group.targets} refused {_transports(group)} {group.ports}, but from "
        f"{group.vantages} a reset cannot be told from a firewall's reject.",
        (Who.OPERATOR,),
        _sentences(
            "Run veeamcheck on a Linux or Windows host of the same network, "
            "which can tell the two apart.",
        ),
    )


def _interrupted(group: Group) -> Advice:
    return Advice(
        f"The run was interrupted before {counted(len(group.flows), 'flow')} "
        f"{'was' if len(group.flows) == 1 else 'were'} finished.",
        (Who.OPERATOR,),
        ("Run the audit again.",),
    )


def _idle(group: Group) -> Advice:
    predeploy = group.run.phase is Phase.PREDEPLOY
    return Advice(
        f"{group.targets}: {_transports(group)} {group.ports} stayed silent, "
        "which proves nothing while nothing listens there.",
        (Who.BACKUP, Who.OPERATOR),
        _sentences(
            "Hosts drop what comes to idle ports, firewalls what they forbid: "
            "silence tells neither. `veeamcheck listen` there would answer in the product's place.",
            "Run the audit again once the product is installed (`--phase live`)."
            if predeploy
            else "Run the audit again while a job uses these ports.",
        ),
    )


def _not_running(group: Group) -> Advice:
    single = len({flow.target for flow in group.flows}) == 1
    return Advice(
        f"{group.targets} {'exists' if single else 'exist'} only while a job runs, "
        "and gave no sign of life now.",
        (Who.BACKUP, Who.OPERATOR),
        ("That is normal between jobs. Run the audit again while a job runs.",),
    )


def _unknown(group: Group) -> Advice:
    return Advice(
        f"{counted(len(group.flows), 'flow')} to {group.targets}: no common cause was found.",
        (Who.OPERATOR,),
        ("Look at the reason of each flow below.",),
    )


def _only(who: Who, wanted: bool) -> tuple[Who, ...]:
    return (who,) if wanted else ()


def _foreign(group: Group) -> str:
    """Who reported a target as unreachable; empty where that was the vantage's own machine."""
    return listed(row.by for row in group.rows if row.by and row.by != row.local_address)


def _transports(group: Group) -> str:
    return listed(flow.transport.upper() for flow in group.flows)


def _services(group: Group) -> str:
    """The services by name; empty where one of them has none but its transport's."""
    names = [flow.service for flow in group.flows]
    return "" if {"tcp", "udp"} & set(names) else listed(names)


_ADVICE: dict[Kind, Callable[[Group], Advice]] = {
    Kind.ISOLATED: _isolated,
    Kind.UNRESOLVED: _unresolved,
    Kind.NO_ROUTE: _no_route,
    Kind.NETWORK_SILENT: _network_silent,
    Kind.HOST_DOWN: _host_down,
    Kind.NO_WAY: _no_way,
    Kind.REJECTED: _rejected,
    Kind.DROPPED: _dropped,
    Kind.DROPPED_ALIKE: _dropped_alike,
    Kind.NO_LISTENER: _no_listener,
    Kind.INTERCEPTED: _intercepted,
    Kind.WRONG_SERVICE: _wrong_service,
    Kind.NAT: _nat,
    Kind.BLACK_HOLE: _black_hole,
    Kind.NTP: _ntp,
    Kind.SCAN_PROTECTION: _scan_protection,
    Kind.LOCAL_ERROR: _local_error,
    Kind.ACCEPTS_ALL: _accepts_all,
    Kind.UNATTRIBUTED_REFUSAL: _unattributed_refusal,
    Kind.INTERRUPTED: _interrupted,
    Kind.IDLE: _idle,
    Kind.NOT_RUNNING: _not_running,
    Kind.UNKNOWN: _unknown,
}
