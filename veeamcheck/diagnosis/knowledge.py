"""What an explanation is made from, indexed: the rules and, where there is one, the inventory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from veeamcheck.diagnosis.explanation import RuleFact
from veeamcheck.diagnosis.host_names import HostNames
from veeamcheck.expand import target_role
from veeamcheck.model import Flow, Inventory, Mode, Plan, Rule, RuleSet, Skipped, Transport
from veeamcheck.ports import PortSet
from veeamcheck.wording import listed, target_text

_LONGEST_PATTERN = 200
"""Characters; what is longer is a line of a log, and reading it as a glob could take minutes."""


@dataclass(frozen=True)
class Knowledge:
    """The rules that can be meant; with an inventory also its hosts and flows."""

    rule_sets: tuple[RuleSet, ...]
    inventory: Inventory | None = None
    plan: Plan | None = None
    """Of the inventory, whole."""

    @cached_property
    def facts(self) -> dict[str, RuleFact]:
        """The rules by id, in the order of their documents."""
        return {
            rule.id: _fact(rule_set, rule) for rule_set in self.rule_sets for rule in rule_set.rules
        }

    @cached_property
    def names(self) -> HostNames:
        return HostNames(self.inventory.hosts.values() if self.inventory else ())

    def is_host(self, text: str) -> bool:
        """Whether the inventory has a host that can be called so."""
        return bool(self.names.find(text))

    def flows_of(
        self, *, targets: Iterable[str] = (), ends: Iterable[str] = (), rules: Iterable[str] = ()
    ) -> list[Flow]:
        """The flows to these targets, or with an end among these hosts, or of these rules."""
        found = [flow for host in targets for flow in self._by_target.get(host, ())]
        for host in ends:
            found += self._by_source.get(host, ())
            found += self._by_target.get(host, ())
        found += [flow for rule in rules for flow in self._by_rule.get(rule, ())]
        return list({flow.id: flow for flow in found}.values())

    def rules_on(self, ports: PortSet, transport: Transport | None) -> list[str]:
        """The rules that document one of these ports, primary or failover."""
        return [
            fact.id
            for fact in self.facts.values()
            if _documented(fact) & ports and transport in (None, fact.transport)
        ]

    def rules_like(self, pattern: str) -> list[str]:
        """The rules whose id is this, or that this glob matches; without regard to case."""
        if len(pattern) > _LONGEST_PATTERN:
            return []
        return [rule for rule in self.facts if fnmatchcase(rule.lower(), pattern.lower())]

    def roles_of(self, host: str) -> tuple[str, ...]:
        """The roles of a host of the inventory."""
        return self.inventory.hosts[host].roles if self.inventory else ()

    def leads_to(self, rule: str, hosts: Iterable[str]) -> bool:
        """Whether one of these hosts of the inventory has the role that the rule leads to."""
        roles = {role for host in hosts for role in self.roles_of(host)}
        return self._target_role[rule] in roles

    def skipped(self, rules: Iterable[str], hosts: Sequence[str]) -> Iterator[Skipped]:
        """What the plan leaves out of these rules, for these hosts if there are any."""
        wanted = set(rules)
        for skip in self.plan.skipped if self.plan else ():
            if skip.rule in wanted and (not hosts or {skip.source, skip.target} <= {*hosts, None}):
                yield skip

    def nearest(self, ports: PortSet, transport: Transport | None) -> str:
        """What is documented nearest to ports that no rule names, as a sentence."""
        if transport and (others := self.rules_on(ports, None)):
            other = self.facts[others[0]].transport
            return f"{ports} is documented for {other}, not for {transport}: {listed(others)}."
        documented: dict[tuple[Transport, str], list[str]] = {}
        distances: dict[tuple[Transport, str], int] = {}
        for fact in self.facts.values():
            for first, last in _documented(fact).runs:
                key = fact.transport, str(PortSet(((first, last),)))
                documented.setdefault(key, []).append(fact.id)
                distances[key] = max(first - ports.last, ports.first - last)
        if not documented:
            return "The rules name no port at all."
        (near, text), _ = min(distances.items(), key=lambda item: item[1])
        return f"The nearest that is documented is {near} {text}: {listed(documented[near, text])}."

    @cached_property
    def _target_role(self) -> dict[str, str]:
        return {
            rule.id: target_role(rule, rule_set)
            for rule_set in self.rule_sets
            for rule in rule_set.rules
        }

    @cached_property
    def _by_target(self) -> dict[str, list[Flow]]:
        return self._indexed("target")

    @cached_property
    def _by_source(self) -> dict[str, list[Flow]]:
        return self._indexed("source")

    @cached_property
    def _by_rule(self) -> dict[str, list[Flow]]:
        return self._indexed("rule")

    def _indexed(self, field: str) -> dict[str, list[Flow]]:
        index: defaultdict[str, list[Flow]] = defaultdict(list)
        for flow in self.plan.flows if self.plan else ():
            index[getattr(flow, field)].append(flow)
        return dict(index)


def needed_ports(flow: Flow) -> PortSet:
    """Every port that the flow can use, failover included."""
    return flow.ports | (flow.failover_ports or PortSet())


def _documented(fact: RuleFact) -> PortSet:
    return fact.ports | (fact.failover_ports or PortSet())


def _fact(rule_set: RuleSet, rule: Rule) -> RuleFact:
    return RuleFact(
        id=rule.id,
        rule_set=rule_set.id,
        section=rule.section,
        row=rule.row,
        source=rule.source,
        target=target_text(rule),
        transport=rule.transport,
        mode=rule.mode,
        ports=_union(rule.ports),
        failover_ports=_union(rule.failover) if rule.mode is Mode.FAILOVER else None,
        listener=rule.listener,
        purpose=rule.purpose,
        breaks=rule.breaks,
        document=rule_set.document,
    )


def _union(ports: Sequence[PortSet]) -> PortSet:
    return PortSet.of_runs(run for each in ports for run in each.runs)
