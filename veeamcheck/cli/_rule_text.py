"""A rule set and a rule, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from veeamcheck.model import Condition, Population, Rule, RuleSet, Value
from veeamcheck.wording import target_text


def rules_text(rule_set: RuleSet) -> str:
    """All rules of a rule set, one a line, under their tables."""
    rows = [
        (rule.id, f"{rule.transport} {ports_text(rule)}", f"{rule.source} to {target_text(rule)}")
        for rule in rule_set.rules
    ]
    ids, ports = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    lines = [f"{rule_set.title} {rule_set.product_version} ({rule_set.id}, {rule_set.revision})"]
    section = None
    for rule, row in zip(rule_set.rules, rows, strict=True):
        if rule.section != section:
            section = rule.section
            lines += ["", section]
        lines.append(f"  {row[0]:<{ids}}  {row[1]:<{ports}}  {row[2]}")
    return "\n".join(lines)


def rule_text(rule_set: RuleSet, rule: Rule) -> str:
    """Everything about one rule."""
    facts = {
        "rule set": f"{rule_set.id}, {rule_set.title} {rule_set.product_version}",
        "document": rule_set.document,
        "table": f"{rule.section}, row {rule.row}",
        "from": rule.source,
        "to": target_text(rule),
        "ports": f"{rule.transport} {ports_text(rule)}",
        "service": rule.service,
        "listener": {
            "always": "always there",
            "session": "only while a job runs",
        }[rule.listener],
        "installed by": {
            "product": "the product",
            "site": "the site, before the product is installed",
        }[rule.installed_by],
        "applies": condition_text(rule.when) or "wherever both roles exist",
        "allow too": ", ".join(rule.allow_list),
        "purpose": rule.purpose,
        "without it": rule.breaks,
        "affects": ", ".join(
            each.title for each in rule_set.activities.values() if each.id in rule.affects
        ),
    }
    width = max(map(len, facts))
    lines = [rule.id]
    for name, value in facts.items():
        if value:
            lines += textwrap.wrap(
                value,
                width=96,
                initial_indent=f"  {name:<{width}}  ",
                subsequent_indent=" " * (width + 4),
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def ports_text(rule: Rule) -> str:
    """The ports and how they count: ``6162, else 2500-3300``."""
    glue = {"all": " and ", "any": " or "}.get(rule.mode, ", ")
    text = glue.join(map(str, rule.ports))
    return f"{text}, else {', '.join(map(str, rule.failover))}" if rule.failover else text


def condition_text(when: Condition) -> str:
    """When a rule applies, part by part; empty where it always does."""
    parts = [
        *_wants("option", when.options),
        *_wants("source", when.source),
        *_wants("target", when.target),
        *(f"the inventory has {_population(each)}" for each in when.has),
        *(f"the inventory lacks {_population(each)}" for each in when.lacks),
    ]
    return "; ".join(parts)


def _wants(whose: str, values: Mapping[str, Value]) -> list[str]:
    return [f"{whose} {name} is {_value(value)}" for name, value in values.items()]


def _population(population: Population) -> str:
    attributes = ", ".join(f"{name} {_value(v)}" for name, v in population.attributes.items())
    return f"a {population.role}" + (f" ({attributes})" if attributes else "")


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value or "not set"
    return " or ".join(each or "not set" for each in value) or "not set"
