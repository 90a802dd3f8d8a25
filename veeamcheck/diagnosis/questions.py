"""What is asked, in terms of the inventory: hosts, ports, roles. Pure.

A question is what somebody typed, or what one record of a log says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from veeamcheck.diagnosis.explanation import Named
from veeamcheck.diagnosis.knowledge import Knowledge
from veeamcheck.diagnosis.log_lines import Incident, Place
from veeamcheck.diagnosis.messages import Message, Subject, ports_of
from veeamcheck.model import Transport
from veeamcheck.ports import PortSet
from veeamcheck.wording import listed

_PORT = re.compile(
    r"(?:port\s+)?(?:(tcp|udp)[\s/]?)?(\d{1,5}(?:-\d{1,5})?)(?:[\s/](tcp|udp))?",
    re.ASCII | re.IGNORECASE,
)
_FLOW = re.compile(r"([^@\s]+)@([^>\s]+)>(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be answered; what is empty narrows nothing down."""

    title: str
    targets: tuple[str, ...] = ()
    """Hosts of the inventory that were named with a port: a connection leads there."""
    hosts: tuple[str, ...] = ()
    """Other hosts of the inventory that were named."""
    named: tuple[Named, ...] = ()
    transport: Transport | None = None
    ports: PortSet = field(default_factory=PortSet)
    rules: tuple[str, ...] = ()
    """Only these, where any is given."""
    roles: tuple[str, ...] = ()
    """One end has such a role, where that leaves anything."""
    leads_away: bool = False
    """A connection leads to a host that the inventory does not have."""
    exact: bool = False
    """One flow is meant: the only host in `hosts` is its source."""


def about_flow(what: str, known: Knowledge) -> Question | None:
    match = _FLOW.fullmatch(what.strip())
    if not match:
        return None
    rules = known.rules_like(match[1])
    source, target = (_named(end, known) for end in match.groups()[1:])
    if not rules:
        return None
    return Question(
        title=what.strip(),
        named=(source, target),
        targets=target.hosts,
        hosts=source.hosts,
        rules=tuple(rules),
        exact=True,
    )


def about_port(what: str) -> Question | None:
    match = _PORT.fullmatch(what.strip())
    if not match:
        return None
    ports = PortSet.parse(match[2])
    transport = match[1] or match[3]
    return Question(
        title=" ".join(filter(None, ((transport or "").lower() or "port", str(ports)))),
        transport=Transport(transport.lower()) if transport else None,
        ports=ports,
    )


def about_rules(what: str, known: Knowledge) -> Question | None:
    rules = known.rules_like(what.strip())
    return Question(title=what.strip(), rules=tuple(rules)) if rules else None


def about_host(what: str, known: Knowledge) -> Question | None:
    named = _named(what.strip(), known)
    return Question(title=named.text, named=(named,), hosts=named.hosts) if named.hosts else None


def asked_by(places: Iterable[Place], known: Knowledge) -> Question:
    """What places that a log names ask for: where connections lead, and who else was named."""
    named = {place.host: _named(place.host, known) for place in places if place.host}
    ends = {place.host for place in places if place.host and (place.ports or place.towards)}
    targets = dict.fromkeys(host for end in named if end in ends for host in named[end].hosts)
    hosts = dict.fromkeys(host for each in named.values() for host in each.hosts)
    transports = {place.transport for place in places if place.transport}
    return Question(
        title="",
        targets=tuple(targets),
        hosts=tuple(host for host in hosts if host not in targets),
        named=tuple(named.values()),
        leads_away=bool(ends) and not targets,
        transport=transports.pop() if len(transports) == 1 else None,
        ports=PortSet.of_runs(run for place in places for run in place.ports.runs),
    )


def _named(text: str, known: Knowledge) -> Named:
    hosts = known.names.find(text)
    roles = dict.fromkeys(role for host in hosts for role in known.roles_of(host))
    return Named(text=text, hosts=hosts, roles=tuple(roles))


def of_incident(incident: Incident, known: Knowledge) -> Question:
    asked = asked_by(incident.places, known)
    ports, transport = asked.ports, asked.transport
    if not ports:
        hints: tuple[Message | Subject, ...] = (*incident.messages, *incident.subjects)
        for each in hints:
            if each.ports and (not ports or each.transport == transport):
                ports |= ports_of(each.ports)
                transport = each.transport
    roles = tuple(each.role for each in incident.subjects if each.role)
    return replace(asked, ports=ports, transport=transport, roles=roles)


def where(asked: Question) -> str:
    """``repo1 tcp 2502``: where connections lead, else all hosts, and the ports."""
    ports = f"{asked.transport or 'port'} {asked.ports}" if asked.ports else ""
    texts = asked.targets or tuple(
        each.hosts[0] if len(each.hosts) == 1 else each.text for each in asked.named
    )
    return " ".join(filter(None, (listed(texts), ports)))
