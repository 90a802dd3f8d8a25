"""(Inventory, rule sets) -> every flow, and what was skipped with the reason. Pure.

Every host of a rule's two roles ends in a flow or in a `Skipped` that says why not; a rule that
does not apply at all is one `Skipped` without ends. What was skipped stays linear in the hosts:
a host that a condition leaves out is named once a rule, not once for every partner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, partial, reduce
from operator import or_

from veeamcheck.model import (
    Exclude,
    Flow,
    Host,
    Inventory,
    Listener,
    Mode,
    Plan,
    Population,
    Rule,
    RuleSet,
    Skipped,
    Value,
)
from veeamcheck.ports import PortSet


def expand(inventory: Inventory, vantage: str | None = None) -> Plan:
    """Every documented flow between the hosts of an inventory.

    The order is stable: rules as in their documents, then sources, then targets as in the
    inventory. `vantage` is the host that this machine is; it decides nothing but `runs_from`
    (a host that is here needs no stand-in).
    """
    site = _Site(inventory)
    flows: list[Flow] = []
    skipped: list[Skipped] = []
    for rule_set in inventory.rule_sets:
        for rule in rule_set.rules:
            for item in _apply(rule, rule_set, site, vantage):
                if isinstance(item, Flow):
                    flows.append(item)
                else:
                    skipped.append(item)
    return Plan(
        vantage=vantage,
        warnings=(*inventory.warnings, *_idle_waivers(inventory, flows, skipped)),
        flows=tuple(flows),
        skipped=tuple(skipped),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which part of a plan is wanted.

    Globs without regard to case: any of one kind, all of different kinds, no pattern at all
    matches everything. A host pattern matches either end; what names no host matches none.
    """

    rules: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()

    def matches(self, item: Flow | Skipped) -> bool:
        return (
            _matches(self.rules, item.rule)
            and _matches(self.sections, item.section)
            and _matches(self.hosts, item.source, item.target)
        )


def select(plan: Plan, selection: Selection) -> Plan:
    """The plan with only those flows and skips that the selection matches."""
    if selection == Selection():
        return plan
    return replace(
        plan,
        flows=tuple(filter(selection.matches, plan.flows)),
        skipped=tuple(filter(selection.matches, plan.skipped)),
    )


def _matches(patterns: Iterable[str], *texts: str | None) -> bool:
    return not patterns or any(
        fnmatchcase(text.lower(), pattern.lower())
        for pattern in patterns
        for text in texts
        if text is not None
    )


# --- one rule --------------------------------------------------------------------------------


def _apply(
    rule: Rule, rule_set: RuleSet, site: _Site, vantage: str | None
) -> Iterator[Flow | Skipped]:
    skip = partial(Skipped, rule=rule.id, section=rule.section)
    role = target_role(rule, rule_set)

    if reason := _why_not_here(rule, rule_set, site) or site.nobody(rule.source, role):
        yield skip(source=None, target=None, reason=reason)
        return

    sources, unfit = _sort_out(site.with_role(rule.source), _unmet(rule.when.source, rule_set))
    for host, reason in unfit:
        yield skip(source=host.name, target=None, reason=reason)

    candidates = sources if rule.target_self else site.with_role(role)
    targets, unfit = _sort_out(candidates, _why_not_target(rule, rule_set, site))
    for host, reason in unfit:
        yield skip(source=None, target=host.name, reason=reason)

    flow = partial(
        Flow,
        rule_set=rule_set.id,
        rule=rule.id,
        section=rule.section,
        row=rule.row,
        transport=rule.transport,
        mode=rule.mode,
        listener=rule.listener,
        failover_listener=_failover_listener(rule),
        installed_by=rule.installed_by,
        service=rule.service,
        target_transient=rule_set.roles[role].transient,
        no_nat=rule_set.roles[rule.source].no_nat and rule_set.roles[role].no_nat,
    )
    ports = _union(rule.ports)
    failover = _union(rule.failover) if rule.mode is Mode.FAILOVER else None
    pairs = ((h, [h]) for h in targets) if rule.target_self else ((h, targets) for h in sources)
    for source, partners in pairs:
        never = site.never_talks_to(source)
        stand_in = None if rule.target_self or source.name == vantage else source.stand_in
        for target in partners:
            if reason := _why_not_pair(source, target, rule, never):
                yield skip(source=source.name, target=target.name, reason=reason)
                continue
            own = target.ports
            yield flow(
                id=f"{rule.id}@{source.name}>{target.name}",
                source=source.name,
                target=target.name,
                address=target.address,
                ports=_as_set_up(rule.ports, own) if own else ports,
                failover_ports=_as_set_up(rule.failover, own) if own and failover else failover,
                runs_from=stand_in or source.name,
                target_os=str(target.attributes.get("os", "")),
            )


def target_role(rule: Rule, rule_set: RuleSet) -> str:
    """The role in which the target takes part."""
    if rule.target_self:
        return rule.source
    if rule.target_gateway_of:
        return rule_set.attributes["gateway"].hosts_with_role or ""
    return rule.target


def _failover_listener(rule: Rule) -> Listener | None:
    """Jobs open the ports of a failover range; a single failover port is held like its primary."""
    if rule.mode is not Mode.FAILOVER:
        return None
    return Listener.SESSION if any(len(ports) > 1 for ports in rule.failover) else rule.listener


def _union(ports: Iterable[PortSet]) -> PortSet:
    return reduce(or_, ports, PortSet())


def _as_set_up(documented: Iterable[PortSet], own: Mapping[str, PortSet]) -> PortSet:
    """The documented values, with the target's own for those that its site has changed."""
    return _union(own.get(str(ports), ports) for ports in documented)


# --- the inventory, indexed ------------------------------------------------------------------


class _Site:
    """The inventory as rules ask for it. 100,000 hosts are fine: no question walks all pairs."""

    def __init__(self, inventory: Inventory) -> None:
        self.options = inventory.options
        self._by_role: defaultdict[str, list[Host]] = defaultdict(list)
        for host in inventory.hosts.values():
            for role in dict.fromkeys(host.roles):
                self._by_role[role].append(host)
        self._excludes: defaultdict[str, list[Exclude]] = defaultdict(list)
        for exclude in inventory.exclude:
            self._excludes[exclude.source].append(exclude)

    def with_role(self, role: str) -> list[Host]:
        return self._by_role.get(role, [])

    def nobody(self, *roles: str) -> str | None:
        """The sentence for roles that no host has; None if each has one."""
        missing = [role for role in dict.fromkeys(roles) if not self.with_role(role)]
        return f"no host has the role {' or '.join(missing)}" if missing else None

    def gateways_of(self, role: str) -> set[str]:
        """The hosts that stand in front of some host with this role."""
        return {
            name
            for host in self.with_role(role)
            for name in _several(host.attributes.get("gateway", ()))
        }

    def find(self, population: Population, rule_set: RuleSet) -> Host | None:
        """The first host of a population."""
        unmet = _unmet(population.attributes, rule_set)
        return next((host for host in self.with_role(population.role) if not unmet(host)), None)

    def never_talks_to(self, source: Host) -> dict[str, str]:
        """Excluded target end -> reason; the reason of the most exactly named source counts."""
        if not self._excludes:
            return {}
        reasons: dict[str, str] = {}
        for end in _ends(source):
            for exclude in self._excludes.get(end, ()):
                reasons.setdefault(exclude.target, exclude.reason)
        return reasons


def _ends(host: Host) -> Iterator[str]:
    """The ways in which an exclude can name a host, the most exact first."""
    yield host.name
    for role in host.roles:
        yield f"role:{role}"
    yield "*"


# --- conditions ------------------------------------------------------------------------------


def _why_not_here(rule: Rule, rule_set: RuleSet, site: _Site) -> str | None:
    """What keeps the rule from this inventory as a whole; None if nothing does."""
    for name, wanted in rule.when.options.items():
        actual = site.options.get(name, rule_set.options[name].default)
        if not _fits(actual, wanted):
            return _mismatch("the option", name, actual, wanted)
    for population in rule.when.has:
        if not site.find(population, rule_set):
            return f"no host is {_text_of(population)}; the rule applies where one is"
    for population in rule.when.lacks:
        if host := site.find(population, rule_set):
            return f"{host.name} is {_text_of(population)}; the rule applies where no host is"
    return None


WhyNot = Callable[[Host], str | None]
"""What about a host keeps a rule from it; None if nothing does."""


def _sort_out(hosts: Iterable[Host], why_not: WhyNot) -> tuple[list[Host], list[tuple[Host, str]]]:
    """The hosts that fit, and those that do not with the reason."""
    fit: list[Host] = []
    unfit: list[tuple[Host, str]] = []
    for host in hosts:
        if reason := why_not(host):
            unfit.append((host, reason))
        else:
            fit.append(host)
    return fit, unfit


def _why_not_target(rule: Rule, rule_set: RuleSet, site: _Site) -> WhyNot:
    unmet = _unmet(rule.when.target, rule_set)
    behind = rule.target_gateway_of
    if not behind:
        return unmet
    in_front = site.gateways_of(behind)
    idle = f"it is the gateway of no {behind}"
    return lambda host: unmet(host) if host.name in in_front else idle


def _why_not_pair(source: Host, target: Host, rule: Rule, never: Mapping[str, str]) -> str | None:
    """`never`: the ends that the source never talks to, with the reasons."""
    if source is target and not rule.target_self:
        return "source and target are the same host: nothing crosses a network"
    if never:
        for end in _ends(target):
            if end in never:
                return f"it is excluded: {never[end]}"
    return None


def _unmet(condition: Mapping[str, Value], rule_set: RuleSet) -> WhyNot:
    """Asks a host for every attribute that the condition names, in its order."""
    asked = [(name, rule_set.attributes[name].default, want) for name, want in condition.items()]

    def why_not(host: Host) -> str | None:
        for name, default, wanted in asked:
            actual = host.attributes.get(name, default)
            if actual != wanted and not _fits(actual, wanted):
                return _mismatch("its", name, actual, wanted)
        return None

    return why_not


def _fits(actual: Value, wanted: Value) -> bool:
    """Equal, any of these, empty, or contained: see `Condition`."""
    if wanted == ():
        return actual in ((), "")
    if isinstance(actual, tuple):
        return any(value in actual for value in _several(wanted))
    return actual in wanted if isinstance(wanted, tuple) else actual == wanted


def _several(value: Value) -> tuple[str, ...]:
    """A value as a list; a text alone is a list of one."""
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, str) and value else ()


# --- sentences -------------------------------------------------------------------------------


@cache  # 100,000 hosts have few different reasons: they share the texts
def _mismatch(whose: str, name: str, actual: Value, wanted: Value) -> str:
    verb = "includes" if isinstance(actual, tuple) and wanted != () else "is"
    demand = f"the rule applies where it {verb} {_text(wanted, ' or ')}"
    return f"{whose} {name} is {_text(actual)}; {demand}"


def _text(value: Value, glue: str = ", ") -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple) and value:
        return glue.join(map(_text, value))
    return str(value) if value else "not set"


def _text_of(population: Population) -> str:
    attributes = " and ".join(
        f"{name} {_text(value, ' or ')}" for name, value in population.attributes.items()
    )
    return f"a {population.role} with {attributes}" if attributes else f"a {population.role}"


def _idle_waivers(
    inventory: Inventory, flows: Iterable[Flow], skipped: Iterable[Skipped]
) -> Iterator[str]:
    """A sentence for every waiver of a flow that does not arise."""
    if not inventory.waive:
        return
    arising = {flow.id for flow in flows}
    idle = [waiver.flow for waiver in inventory.waive if waiver.flow not in arising]
    if not idle:
        return
    reasons = {(skip.rule, skip.source, skip.target): skip.reason for skip in skipped}
    for flow in idle:
        rule, _, pair = flow.partition("@")
        source, _, target = pair.partition(">")
        ends = ((None, None), (source, None), (None, target), (source, target))
        known = (reasons.get((rule, *end)) for end in ends)
        because = next(filter(None, known), "the rule is not for these hosts")
        yield f"{inventory.file}: waive: the flow {flow} does not arise: {because}"
