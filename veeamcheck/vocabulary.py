"""The words that an inventory may use: what all its rule sets declare, taken together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from veeamcheck.model import Attribute, Option, Role, Rule, RuleSet
from veeamcheck.rulesets import GATEWAY


@dataclass(frozen=True)
class Vocabulary:
    """Each word once. Where rule sets contradict each other, the first counts: see `conflicts`."""

    rule_sets: tuple[RuleSet, ...]
    roles: Mapping[str, Role]
    options: Mapping[str, Option]
    attributes: Mapping[str, Attribute]
    rules: Mapping[str, Rule]
    conflicts: tuple[str, ...]
    """Words that two rule sets use in different senses, as sentences."""

    @classmethod
    def of(cls, rule_sets: Sequence[RuleSet]) -> Vocabulary:
        """The words of these rule sets."""
        roles: dict[str, Role] = {}
        options: dict[str, Option] = {}
        attributes: dict[str, Attribute] = {}
        rules: dict[str, Rule] = {}
        conflicts = []
        for rule_set in rule_sets:
            for name, role in rule_set.roles.items():
                roles.setdefault(name, role)
            for name, option in rule_set.options.items():
                if options.setdefault(name, option).default != option.default:
                    conflicts.append(f"option {name!r} has different defaults")
            for name, attribute in rule_set.attributes.items():
                earlier = attributes.setdefault(name, attribute)
                if _sense(earlier) != _sense(attribute):
                    conflicts.append(f"attribute {name!r} is declared in different ways")
                attributes[name] = _joined(earlier, attribute)
            for rule in rule_set.rules:
                if rules.setdefault(rule.id, rule) is not rule:
                    conflicts.append(f"rule {rule.id!r} is in more than one")
        return cls(tuple(rule_sets), roles, options, attributes, rules, tuple(conflicts))

    def attributes_for(self, roles: Iterable[str]) -> dict[str, Attribute]:
        """The attributes that make sense for a host of these roles."""
        of_host = set(roles)
        return {
            name: attribute
            for name, attribute in self.attributes.items()
            if not attribute.roles or of_host.intersection(attribute.roles)
        }

    @cached_property
    def documented_ports(self) -> dict[str, set[str]]:
        """Every documented value -> the roles at whose hosts it is."""
        found: dict[str, set[str]] = {}
        for rule in self.rules.values():
            for ports in (*rule.ports, *rule.failover):
                found.setdefault(str(ports), set()).add(self._target_role(rule))
        return found

    @cached_property
    def used_roles(self) -> frozenset[str]:
        """The roles that some rule is about, or asks for in its condition."""
        return frozenset(
            role
            for rule in self.rules.values()
            for role in (
                rule.source,
                self._target_role(rule),
                rule.target_gateway_of or "",
                *(population.role for population in (*rule.when.has, *rule.when.lacks)),
            )
        )

    def _target_role(self, rule: Rule) -> str:
        if rule.target_self:
            return rule.source
        if rule.target_gateway_of:
            return self.attributes[GATEWAY].hosts_with_role or ""
        return rule.target


def _sense(attribute: Attribute) -> tuple[object, ...]:
    """What must be the same wherever an attribute is declared. Types count: "" is not []."""
    choices = frozenset(attribute.choices)
    return type(attribute.default), attribute.default, choices, attribute.hosts_with_role


def _joined(one: Attribute, other: Attribute) -> Attribute:
    """The attribute for the roles of both."""
    roles = (*one.roles, *other.roles) if one.roles and other.roles else ()
    return replace(
        one,
        roles=tuple(dict.fromkeys(roles)),
        required_for=tuple(dict.fromkeys((*one.required_for, *other.required_for))),
    )
