"""From a word, a port, a rule, a host or a log to what it means, and what to do next. Pure.

Two steps. A *question* is what was asked, or what one record of a log says, in terms of the
inventory: hosts, ports, roles. `_finding` answers it: the rules and flows that it can be about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from veeamcheck.diagnosis.codes import Word, find_words
from veeamcheck.diagnosis.explanation import (
    About,
    Explanation,
    Finding,
    LogLines,
    LogNote,
    Meaning,
    Named,
    Step,
)
from veeamcheck.diagnosis.knowledge import Knowledge, needed_ports
from veeamcheck.diagnosis.log_lines import Clues, Incident, Place
from veeamcheck.diagnosis.messages import MESSAGES, Message, Subject, ports_of
from veeamcheck.model import Flow, Listener, NotCoveredNote, Transport
from veeamcheck.ports import PortSet
from veeamcheck.wording import command_line, counted, listed

_MOST_RULES = 4
"""So many ``--rule`` a command has; one that names more is not for typing."""
_MOST_PROBES = 3
_MOST_SKIPPED = 3
_FIRST_DYNAMIC = 49152
_PORT = re.compile(
    r"(?:port\s+)?(?:(tcp|udp)[\s/]?)?(\d{1,5}(?:-\d{1,5})?)(?:[\s/](tcp|udp))?",
    re.ASCII | re.IGNORECASE,
)
_FLOW = re.compile(r"([^@\s]+)@([^>\s]+)>(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
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


def explain(what: str, known: Knowledge) -> Explanation | None:
    """What a word, flow id, port, rule or host means; None if `what` is none of these.

    ValueError where it is a port that cannot be.
    """
    if words := find_words(what):
        return _explanation(what, About.WORD, known, [], [_of_word(word) for word in words])
    for about, asked in (
        (About.FLOW, _about_flow(what, known)),
        (About.PORT, _about_port(what)),
        (About.RULE, _about_rules(what, known)),
        (About.HOST, _about_host(what, known)),
    ):
        if asked:
            return _explanation(what, about, known, [_finding(asked, known)], [])
    return None


def explain_log(what: str, name: str, clues: Clues, known: Knowledge) -> Explanation | None:
    """What a log, named `name`, tells; None where nothing in it was recognised."""
    mentioned = [
        place
        for place in clues.mentioned
        # Of a line that somebody typed everything is meant, of a whole file only what is known.
        if clues.lines == 1 or known.is_host(place.host) or known.rules_on(place.ports, None)
    ]
    if not clues.incidents and not mentioned:
        return None
    note = LogNote(
        name=name,
        lines=clues.lines,
        cut_lines=clues.cut_lines,
        left_out=clues.left_out,
        ended_early=clues.ended_early,
    )
    if clues.incidents:
        findings = _findings_of(clues.incidents, known)
    else:
        asked = _asked_by(mentioned, known)
        findings = [_finding(replace(asked, title=_where(asked)), known)]
    told = {each.id: each for incident in clues.incidents for each in incident.messages}
    meanings = [_of_message(each) for each in MESSAGES if each.id in told]
    explanation = _explanation(what, About.LOG, known, findings, meanings)
    silent = () if clues.incidents else ("No message in it says that a connection failed.",)
    return replace(explanation, log=note, notes=(*silent, *explanation.notes))


# --- what was asked --------------------------------------------------------------------------


def _about_flow(what: str, known: Knowledge) -> _Question | None:
    match = _FLOW.fullmatch(what.strip())
    if not match:
        return None
    rules = known.rules_like(match[1])
    source, target = (_named(end, known) for end in match.groups()[1:])
    if not rules:
        return None
    return _Question(
        title=what.strip(),
        named=(source, target),
        targets=target.hosts,
        hosts=source.hosts,
        rules=tuple(rules),
        exact=True,
    )


def _about_port(what: str) -> _Question | None:
    match = _PORT.fullmatch(what.strip())
    if not match:
        return None
    ports = PortSet.parse(match[2])
    transport = match[1] or match[3]
    return _Question(
        title=" ".join(filter(None, ((transport or "").lower() or "port", str(ports)))),
        transport=Transport(transport.lower()) if transport else None,
        ports=ports,
    )


def _about_rules(what: str, known: Knowledge) -> _Question | None:
    rules = known.rules_like(what.strip())
    return _Question(title=what.strip(), rules=tuple(rules)) if rules else None


def _about_host(what: str, known: Knowledge) -> _Question | None:
    named = _named(what.strip(), known)
    return _Question(title=named.text, named=(named,), hosts=named.hosts) if named.hosts else None


def _asked_by(places: Iterable[Place], known: Knowledge) -> _Question:
    """What places that a log names ask for: where connections lead, and who else was named."""
    named = {place.host: _named(place.host, known) for place in places if place.host}
    ends = {place.host for place in places if place.host and (place.ports or place.towards)}
    targets = dict.fromkeys(host for end in named if end in ends for host in named[end].hosts)
    hosts = dict.fromkeys(host for each in named.values() for host in each.hosts)
    transports = {place.transport for place in places if place.transport}
    return _Question(
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


# --- a log -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Group:
    """Incidents that say the same of the same hosts and rules, whatever ports a job took."""

    asked: _Question
    meanings: tuple[str, ...]
    lines: LogLines

    def add(self, asked: _Question, incident: Incident) -> None:
        named = dict.fromkeys((*self.asked.named, *asked.named))
        ports = self.asked.ports | asked.ports
        self.asked = replace(self.asked, named=tuple(named), ports=ports)
        self.lines = replace(
            self.lines,
            last=max(self.lines.last, incident.last),
            count=self.lines.count + incident.count,
        )


def _findings_of(incidents: Iterable[Incident], known: Knowledge) -> list[Finding]:
    groups: dict[tuple[object, object], _Group] = {}
    for incident in incidents:
        asked = _of_incident(incident, known)
        meanings = tuple(message.id for message in incident.messages)
        key = meanings, _sense(asked, known)
        if key in groups:
            groups[key].add(asked, incident)
        else:
            groups[key] = _Group(asked, meanings, _lines_of(incident))
    titles = {message.id: message.title for message in MESSAGES}
    findings = []
    for group in _without_vague(groups):
        said = listed(titles[each] for each in group.meanings)
        where = _where(group.asked)
        asked = replace(group.asked, title=f"{where}: {said}" if where else said)
        findings.append(replace(_finding(asked, known), meanings=group.meanings, lines=group.lines))
    # What can be acted on comes first; within that the order is the log's.
    return sorted(findings, key=lambda each: (not each.flows, not each.rules))


def _sense(asked: _Question, known: Knowledge) -> object:
    """Equal for questions with the same answer, whatever port of a range a job took."""
    documented = known.rules_on(asked.ports, asked.transport) if asked.ports else []
    rules = {flow.rule for flow in _flows(asked, documented, known)} or documented
    strangers = tuple(each.text for each in asked.named if not each.hosts)
    return asked.targets, asked.hosts, strangers, frozenset(rules) or asked.ports


def _without_vague(groups: Mapping[tuple[object, object], _Group]) -> list[_Group]:
    """The groups, without those that only say that a connection failed where another says how."""
    vague = {message.id for message in MESSAGES if message.vague}
    told = {sense for (_, sense), group in groups.items() if not vague.issuperset(group.meanings)}
    return [
        group
        for (_, sense), group in groups.items()
        if sense not in told or not vague.issuperset(group.meanings)
    ]


def _lines_of(incident: Incident) -> LogLines:
    return LogLines(
        first=incident.first, last=incident.last, count=incident.count, excerpt=incident.excerpt
    )


def _of_incident(incident: Incident, known: Knowledge) -> _Question:
    asked = _asked_by(incident.places, known)
    ports, transport = asked.ports, asked.transport
    if not ports:
        hints: tuple[Message | Subject, ...] = (*incident.messages, *incident.subjects)
        for each in hints:
            if each.ports and (not ports or each.transport == transport):
                ports |= ports_of(each.ports)
                transport = each.transport
    roles = tuple(each.role for each in incident.subjects if each.role)
    return replace(asked, ports=ports, transport=transport, roles=roles)


def _where(asked: _Question) -> str:
    """``repo1 tcp 2502``: where connections lead, else all hosts, and the ports."""
    ports = f"{asked.transport or 'port'} {asked.ports}" if asked.ports else ""
    texts = asked.targets or tuple(
        each.hosts[0] if len(each.hosts) == 1 else each.text for each in asked.named
    )
    return " ".join(filter(None, (listed(texts), ports)))


# --- the answer ------------------------------------------------------------------------------


def _finding(asked: _Question, known: Knowledge) -> Finding:
    documented = known.rules_on(asked.ports, asked.transport) if asked.ports else []
    flows = _flows(asked, documented, known)
    of_flows = dict.fromkeys(flow.rule for flow in flows)
    if flows:
        rules = [rule for rule in known.facts if rule in of_flows]
    elif asked.targets:
        rules = [rule for rule in asked.rules or documented if known.leads_to(rule, asked.targets)]
    else:
        rules = list(asked.rules) or _with_roles(documented, asked.roles, known)
    return Finding(
        title=asked.title,
        named=asked.named,
        transport=asked.transport,
        ports=asked.ports,
        rules=tuple(rules),
        flows=tuple(flow.id for flow in flows),
        notes=tuple(_notes(asked, documented, rules, flows, known)),
        steps=tuple(_steps(asked, flows, rules, known)),
    )


def _flows(asked: _Question, documented: list[str], known: Knowledge) -> list[Flow]:
    """The flows that can be meant. What narrows them down counts only where it leaves some."""
    if asked.exact:
        flows = known.flows_of(targets=asked.targets)
        return [f for f in flows if f.rule in asked.rules and f.source in asked.hosts]
    if asked.leads_away:
        return []
    if asked.targets:
        flows = known.flows_of(targets=asked.targets)
    elif asked.hosts:
        flows = known.flows_of(ends=asked.hosts)
    elif asked.named:  # none of them in the inventory
        return []
    else:
        flows = known.flows_of(rules=asked.rules or documented)
    if asked.ports:
        flows = [
            flow
            for flow in flows
            if needed_ports(flow) & asked.ports and asked.transport in (None, flow.transport)
        ]
    if asked.targets and asked.hosts:
        flows = [flow for flow in flows if flow.source in asked.hosts] or flows
    elif len(asked.hosts) > 1:
        ends = set(asked.hosts)
        flows = [flow for flow in flows if {flow.source, flow.target} <= ends] or flows
    kept = set(_with_roles([flow.rule for flow in flows], asked.roles, known))
    return [flow for flow in flows if flow.rule in kept]


def _with_roles(rules: list[str], roles: tuple[str, ...], known: Knowledge) -> list[str]:
    """The rules with an end of such a role, or all if there is none."""
    fitting = [
        rule
        for rule in rules
        if {known.facts[rule].source, known.facts[rule].target}.intersection(roles)
    ]
    return fitting or rules


def _notes(
    asked: _Question,
    documented: list[str],
    rules: list[str],
    flows: list[Flow],
    known: Knowledge,
) -> Iterable[str]:
    """What a reader must know of the finding, as sentences."""
    inventory = known.inventory
    strangers = [each.text for each in asked.named if not each.hosts]
    if inventory and strangers:
        yield (
            f"{inventory.file} has no host {listed(strangers, 8)}. Where that is another name of "
            "one of its hosts, ask about that host by its own name."
        )
    for each in asked.named:
        if len(each.hosts) > 1:
            yield f"{each.text} can mean {listed(each.hosts, 8)}."
    if asked.ports and not documented and not flows:
        yield f"No rule names {_where(replace(asked, named=()))}."
        yield known.nearest(asked.ports, asked.transport)
        if asked.ports.last >= _FIRST_DYNAMIC:
            yield "From 49152 on, ports are what clients take for themselves, and Windows RPC."
    elif inventory and not flows and not strangers and (documented or asked.rules or asked.hosts):
        yield from _why_no_flow(asked, documented, rules, known)
    if flows and all(flow.listener is Listener.SESSION for flow in flows):
        yield "Something listens there only while a job runs: between jobs, silence proves nothing."
    if asked.ports and flows and not any(flow.ports & asked.ports for flow in flows):
        primary = listed((str(flow.ports) for flow in flows), 8)
        ranges = any(len(flow.failover_ports or ()) > 1 for flow in flows)
        yield (
            f"{asked.ports} is failover: it is taken where the primary port ({primary}) does not "
            f"work{', and by versions before 13 first of all' if ranges else ''}. "
            "Look at the primary port, too."
        )


def _why_no_flow(
    asked: _Question, documented: list[str], rules: list[str], known: Knowledge
) -> Iterable[str]:
    """Why a known host, or rule, has no flow here."""
    where = _where(replace(asked, named=()))
    if asked.targets and documented and not rules:
        leads = [f"{host} ({listed(known.roles_of(host))})" for host in asked.targets]
        yield (
            f"No rule leads to {listed(leads)} on {where}; "
            f"{counted(len(documented), 'rule')} with {where} lead to other roles."
        )
        return
    yield "No flow of the inventory fits."
    hosts = (*asked.targets, *asked.hosts)
    for skip in islice(known.skipped(rules or known.facts, hosts), _MOST_SKIPPED):
        ends = f" ({skip.source or '*'} to {skip.target or '*'})" if hosts else ""
        yield f"{skip.rule}{ends} is skipped: {skip.reason}."


def _steps(
    asked: _Question, flows: list[Flow], rules: list[str], known: Knowledge
) -> Iterable[Step]:
    """Audits where the flows start, this machine first; else what can be done without them."""
    if known.inventory and flows:
        here = known.plan.vantage if known.plan else None
        by_host: dict[str, list[Flow]] = {}
        for flow in flows:
            by_host.setdefault(flow.runs_from, []).append(flow)
        for host in sorted(by_host, key=lambda host: host != here):
            yield Step(
                host=host,
                command=_audit(known.inventory.file, host, by_host[host]),
                flows=len(by_host[host]),
            )
        return
    if asked.ports and asked.transport is not Transport.UDP:
        for each in asked.named[:_MOST_PROBES]:
            address = _address(each, known)
            command = command_line("veeamcheck", "probe", address, str(asked.ports))
            yield Step(host=None, command=command, flows=0)
    if len(rules) == 1:
        command = command_line("veeamcheck", "rules", "show", rules[0])
        yield Step(host=None, command=command, flows=0)


def _address(named: Named, known: Knowledge) -> str:
    """What a program can contact."""
    if known.inventory and named.hosts:
        return known.inventory.hosts[named.hosts[0]].address[0]
    return named.text


def _audit(inventory: str, host: str, flows: list[Flow]) -> str:
    """The command that audits these flows of one host, and few others."""
    rules = dict.fromkeys(flow.rule for flow in flows)
    targets = dict.fromkeys(flow.target for flow in flows)
    words = ["veeamcheck", "run", "-i", inventory, "--from", host]
    if len(rules) <= _MOST_RULES:
        words += [word for rule in rules for word in ("--rule", rule)]
    if len(targets) == 1:
        words += ["--host", next(iter(targets))]
    return command_line(*words)


# --- together --------------------------------------------------------------------------------


def _explanation(
    what: str, about: About, known: Knowledge, findings: list[Finding], meanings: list[Meaning]
) -> Explanation:
    rules = {rule for finding in findings for rule in finding.rules}
    wanted = {flow for finding in findings for flow in finding.flows}
    flows = known.plan.flows if known.plan else ()
    alone = "No inventory was read: the rules name roles. With one (-i FILE) its hosts are named."
    return Explanation(
        what=what,
        about=about,
        inventory=known.inventory.file if known.inventory else None,
        findings=tuple(findings),
        meanings=tuple(meanings),
        rules=tuple(fact for fact in known.facts.values() if fact.id in rules),
        flows=tuple(flow for flow in flows if flow.id in wanted),
        not_covered=()
        if about is About.WORD
        else tuple(
            NotCoveredNote(what=each.what, where=each.where)
            for rule_set in known.rule_sets
            for each in rule_set.not_covered
        ),
        notes=() if known.inventory or about is About.WORD else (alone,),
    )


def _of_word(word: Word) -> Meaning:
    return Meaning(id=word.word, title=word.kind, means=word.means, who=word.who, check=word.check)


def _of_message(message: Message) -> Meaning:
    return Meaning(
        id=message.id,
        title=message.title,
        signals=message.signals,
        means=message.means,
        unsure=message.unsure,
        who=message.who,
        check=message.check,
    )
