"""Rule sets: one vendor document each, as data in TOML; those that ship, and a user's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veeamcheck.model import (
    Activity,
    Attribute,
    Condition,
    InputError,
    InstalledBy,
    Listener,
    Mode,
    NotCovered,
    Option,
    Population,
    Problem,
    Role,
    Rule,
    RuleSet,
    Transport,
    Value,
)
from veeamcheck.ports import PortSet
from veeamcheck.toml.table import Notes, Table, one_of, unknown
from veeamcheck.toml.text import read_text, read_toml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

HOST_KEYS = ("address", "roles", "stand_in", "ports", "ssh", "tls")
"""What every host of an inventory can have, whatever the rule sets; no attribute is named so."""

GATEWAY = "gateway"
"""The host attribute behind the rule target ``{ gateway_of = ROLE }``."""

_SELF = "self"
"""The rule target that is the source itself."""

_RULE_KEYS = (
    *("id", "section", "row", "source", "target", "transport", "ports", "service"),
    *("listener", "installed_by", "when", "allow_list", "purpose", "breaks", "affects"),
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


# --- finding them ----------------------------------------------------------------------------


def shipped() -> dict[str, Traversable]:
    """The rule sets that come with the program: id -> file."""
    from importlib.resources import files

    package = files("veeamcheck")
    folder: Traversable = package / "rules"
    if not folder.is_dir():  # a checkout keeps them beside the package
        folder = Path(str(package)).parent / "rules"
    if not folder.is_dir():
        return {}
    found = {Path(file.name).stem: file for file in folder.iterdir() if file.name.endswith(".toml")}
    return dict(sorted(found.items()))


def load_rule_set(id_or_path: str | Path) -> RuleSet:
    """The shipped rule set of this id, else the one in this file; InputError says what is wrong."""
    if isinstance(id_or_path, str):
        if id_or_path in shipped():
            return _load_shipped(id_or_path)
        if _NAME.fullmatch(id_or_path) and not Path(id_or_path).exists():
            what = unknown("rule set", id_or_path, shipped())
            raise InputError([Problem(id_or_path, 1, "", what)])
    path = Path(id_or_path)
    text = read_text(path, str(path), if_missing="name a file with a rule set")
    return parse_rule_set(text, str(path))


@cache
def _load_shipped(rule_set_id: str) -> RuleSet:
    file = shipped()[rule_set_id]
    return parse_rule_set(read_text(file, str(file), if_missing="install again"), str(file))


# --- reading one -----------------------------------------------------------------------------


def parse_rule_set(text: str, file: str) -> RuleSet:
    """The rule set in `text`, which came from `file`; InputError names every mistake in it."""
    toml = read_toml(text, file)
    notes = Notes(toml)
    top = Table(notes, toml.data)
    top.only(("rule_set", "not_covered", "roles", "options", "attributes", "activities", "rules"))

    head = top.table("rule_set")
    head.only(("id", "title", "product_version", "revision", "document"))
    roles = _roles(top.table("roles"))
    options = {name: _option(name, table) for name, table in top.table("options").tables()}
    attributes = _attributes(top.table("attributes"), roles)
    activities = _activities(top.items("activities"), roles)
    rules = _Rules(roles, options, attributes, activities)
    rule_set = RuleSet(
        id=_name(head, head.string("id"), "id"),
        title=head.string("title"),
        product_version=head.string("product_version"),
        revision=head.string("revision"),
        document=head.string("document"),
        not_covered=tuple(_not_covered(table) for table in top.items("not_covered")),
        roles=roles,
        options=options,
        attributes=attributes,
        activities=activities,
        rules=tuple(rules.rule(table) for table in top.items("rules")),
    )
    if "rules" not in top:
        top.wrong("is missing; write [[rules]] for each rule", "rules")
    notes.raise_problems()
    return rule_set


def _name(table: Table, name: str, *key: str) -> str:
    """Names become parts of flow ids and patterns, so their characters are few."""
    if name and not _NAME.fullmatch(name):
        table.wrong(f"{name!r} is no name; write letters, digits, - and _", *key)
    return name


def _not_covered(table: Table) -> NotCovered:
    table.only(("what", "where"))
    return NotCovered(table.string("what"), table.string("where"))


def _roles(parent: Table) -> dict[str, Role]:
    roles = {}
    for name, table in parent.tables():
        _name(parent, name, name)
        if name == _SELF:
            table.wrong(f"{_SELF!r} is the target that is the source itself; take another name")
        table.only(("title", "transient", "no_nat"))
        roles[name] = Role(
            name=name,
            title=table.string("title"),
            transient=table.boolean("transient", False),
            no_nat=table.boolean("no_nat", False),
        )
    return roles


def _option(name: str, table: Table) -> Option:
    table.only(("default", "help"))
    default = table.data.get("default")
    if default is None:
        table.wrong('is missing; write true, false or a text, "" for none', "default")
    elif not isinstance(default, (bool, str)):
        table.wrong_type("write true, false or a text", "default")
    return Option(
        name=_name(table, name),
        default=default if isinstance(default, (bool, str)) else "",
        help=table.string("help", ""),
    )


def _attributes(parent: Table, roles: Collection[str]) -> dict[str, Attribute]:
    attributes = {}
    for name, table in parent.tables():
        _name(parent, name, name)
        if name in HOST_KEYS:
            table.wrong(f"{name!r} is a key of every host; take another name")
        table.only(("default", "roles", "choices", "required_for", "hosts_with_role", "help"))
        attributes[name] = attribute = Attribute(
            name=name,
            default=_attribute_default(table),
            roles=_known_roles(table, "roles", roles),
            choices=table.strings("choices", '["windows", "linux"]'),
            required_for=_known_roles(table, "required_for", roles),
            hosts_with_role=_known_role(table, "hosts_with_role", roles) or None,
            help=table.string("help", ""),
        )
        for role in attribute.required_for:
            if attribute.roles and role not in attribute.roles:
                table.wrong(f"{role!r} is not in roles; add it there", "required_for")
        if isinstance(attribute.default, bool) and (attribute.choices or attribute.hosts_with_role):
            table.wrong("is true or false, which leaves no other values; write a text", "default")
        else:
            _check_choices(table, attribute.default, attribute.choices, "default")
    return attributes


def _activities(tables: Iterable[Table], roles: Collection[str]) -> dict[str, Activity]:
    """By id, in their order: it says what hurts most."""
    activities: dict[str, Activity] = {}
    for table in tables:
        table.only(("id", "title", "of"))
        activity_id = _name(table, table.string("id"), "id")
        if activity_id in activities:
            table.wrong(f"{activity_id!r} is the id of an earlier activity; take another", "id")
        of = table.table("of", 'write { repository = "to" }: words for hosts of a role')
        for role in of.data:
            if role not in roles:
                of.wrong(unknown("role", role, roles), role)
        activities[activity_id] = Activity(
            id=activity_id,
            title=table.string("title"),
            of={role: of.string(role) for role in of.data},
        )
    return activities


def _attribute_default(table: Table) -> Value:
    """The default, which also tells the attribute's type; without one it is the empty text."""
    default = table.data.get("default", "")
    if isinstance(default, list):
        return table.strings("default", "[]")
    if isinstance(default, (bool, str)):
        return default
    table.wrong_type('write true, false, a text ("" for none) or a list of texts', "default")
    return ""


def _known_role(table: Table, key: str, roles: Collection[str], *, required: bool = False) -> str:
    role = table.string(key, None if required else "")
    if role and role not in roles:
        table.wrong(unknown("role", role, roles), key)
        return ""
    return role


def _known_roles(table: Table, key: str, roles: Collection[str]) -> tuple[str, ...]:
    names = table.strings(key, '["worker"]')
    for role in names:
        if role not in roles:
            table.wrong(unknown("role", role, roles), key)
    return names


def _check_choices(table: Table, value: Value, choices: Collection[str], *key: str) -> None:
    """Note words that are no choice; none at all (empty text or list) is always possible."""
    words = value if isinstance(value, tuple) else (value,)
    for word in words:
        if choices and isinstance(word, str) and word and word not in choices:
            table.wrong(unknown("value", word, choices), *key)


class _Rules:
    """Reads the rules one after the other, with what the rule set declares at hand."""

    def __init__(
        self,
        roles: Mapping[str, Role],
        options: Mapping[str, Option],
        attributes: Mapping[str, Attribute],
        activities: Mapping[str, Activity],
    ) -> None:
        self.roles = roles
        self.options = options
        self.attributes = attributes
        self.activities = activities
        self.ids: set[str] = set()

    def rule(self, table: Table) -> Rule:
        table.only(_RULE_KEYS)
        rule_id = _name(table, table.string("id"), "id")
        if rule_id in self.ids:
            table.wrong(f"{rule_id!r} is the id of an earlier rule; take another", "id")
        self.ids.add(rule_id)

        source = _known_role(table, "source", self.roles, required=True)
        target, gateway_of = self._target(table)
        target_self = target == _SELF
        target_role = self.gateway_role if gateway_of else source if target_self else target
        mode, ports, failover = _ports(table)
        rule = Rule(
            id=rule_id,
            section=table.string("section"),
            row=table.integer("row", 1),
            source=source,
            target="" if target_self else target,
            target_self=target_self,
            target_gateway_of=gateway_of,
            transport=table.choice("transport", Transport.TCP, required=True),
            mode=mode,
            ports=ports,
            failover=failover,
            service=_name(table, table.string("service"), "service"),
            listener=table.choice("listener", Listener.ALWAYS),
            installed_by=table.choice("installed_by", InstalledBy.PRODUCT),
            when=self._condition(
                table.table("when", "write { options = {...}, source = {...}, target = {...} }"),
                source,
                target_role,
            ),
            allow_list=table.strings("allow_list", '["*.example.com"]'),
            purpose=table.string("purpose"),
            breaks=table.string("breaks"),
            affects=self._affects(table, {source, target_role}),
        )
        if rule.transport is Transport.UDP and rule.service == "tcp":
            table.wrong("'tcp' does not answer over udp; name the service, such as ntp", "service")
        return rule

    def _affects(self, table: Table, ends: set[str]) -> tuple[str, ...]:
        """The activities that need the rule; each must know how to tell of one of its ends."""
        names = table.strings("affects", '["backup", "restore"]')
        for name in names:
            activity = self.activities.get(name)
            if activity is None:
                table.wrong(unknown("activity", name, self.activities), "affects")
            elif all(ends) and not ends & activity.of.keys():
                table.wrong(
                    f"activity {name!r} has no words for {one_of(sorted(ends))}; "
                    "add one of them to its `of`",
                    "affects",
                )
        return names

    @property
    def gateway_role(self) -> str:
        """The role of the hosts that the gateway attribute names; empty if there is none."""
        attribute = self.attributes.get(GATEWAY)
        return attribute.hosts_with_role or "" if attribute else ""

    def _target(self, table: Table) -> tuple[str, str | None]:
        """The target role or ``self``, else the role whose gateways are meant."""
        if not isinstance(table.data.get("target"), dict):
            if table.data.get("target") == _SELF:
                return _SELF, None
            return _known_role(table, "target", self.roles, required=True), None
        target = table.table("target")
        target.only(("gateway_of",))
        role = _known_role(target, "gateway_of", self.roles, required=True)
        if not self.gateway_role:
            target.wrong(
                f"needs a host attribute with hosts_with_role; declare [attributes.{GATEWAY}]"
            )
        elif role:
            self._makes_sense(target, GATEWAY, role, "gateway_of")
        return "", role

    def _condition(self, when: Table, source: str, target: str) -> Condition:
        when.only(("options", "source", "target", "inventory"))
        inventory = when.table("inventory")
        inventory.only(("has", "lacks"))
        return Condition(
            options=self._option_values(when.table("options")),
            source=self._attribute_values(when.table("source"), source),
            target=self._attribute_values(when.table("target"), target),
            has=self._populations(inventory, "has"),
            lacks=self._populations(inventory, "lacks"),
        )

    def _option_values(self, table: Table) -> dict[str, Value]:
        table.only(self.options)
        return {
            name: _wanted(table, name, option.default)
            for name, option in self.options.items()
            if name in table
        }

    def _attribute_values(self, table: Table, role: str, *beside: str) -> dict[str, Value]:
        """What is asked of hosts of this role; `beside` are keys that are no attributes."""
        table.only([*self.attributes, *beside])
        values = {}
        for name, attribute in self.attributes.items():
            if name in table:
                values[name] = wanted = _wanted(table, name, attribute.default)
                _check_choices(table, wanted, attribute.choices, name)
                self._makes_sense(table, name, role, name)
        return values

    def _populations(self, inventory: Table, key: str) -> tuple[Population, ...]:
        return tuple(
            Population(
                role=(role := _known_role(table, "role", self.roles, required=True)),
                attributes=self._attribute_values(table, role, "role"),
            )
            for table in inventory.items(key, or_one=True)
        )

    def _makes_sense(self, table: Table, attribute: str, role: str, key: str) -> None:
        """Note an attribute asked of a role that never has it: the answer would be a constant."""
        roles = self.attributes[attribute].roles
        if role and roles and role not in roles:
            table.wrong(f"attribute {attribute!r} is for {one_of(roles)}, not for {role!r}", key)


def _wanted(table: Table, key: str, default: Any) -> Value:
    """What a condition asks of an option or attribute: its own kind, or a list of any of these."""
    value = table.data[key]
    if isinstance(default, bool):
        return table.boolean(key, default)
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return table.strings(key, '["windows", "linux"]')
    table.wrong_type("write a text, or a list of texts of which any will do", key)
    return ""


_PORTS_FORM = (
    "write one of { all = [...] }, { any = [...] }, { range = ... } "
    "or { primary = [...], failover = [...] }"
)


def _ports(table: Table) -> tuple[Mode, tuple[PortSet, ...], tuple[PortSet, ...]]:
    """How the ports count together, the ports, and those of the failover."""
    nothing = Mode.ALL, (), ()
    if "ports" not in table:
        table.wrong(f"is missing; {_PORTS_FORM}", "ports")
        return nothing
    if not isinstance(table.data["ports"], dict):
        table.wrong_type(_PORTS_FORM, "ports")
        return nothing
    ports = table.table("ports")
    ports.only(("all", "any", "range", "primary", "failover"))
    match sorted(ports.data):
        case ["failover", "primary"]:
            primary, failover = ports.ports("primary"), ports.ports("failover")
            _check_apart(ports, (*primary, *failover))
            return Mode.FAILOVER, primary, failover
        case ["range"]:
            values = ports.ports("range")
            if len(values) > 1 or any(len(value) == 1 or len(value.runs) > 1 for value in values):
                ports.wrong('is no single run; write one such as "2500-3300"', "range")
            return Mode.RANGE, values, ()
        case ["all" | "any" as mode]:
            values = ports.ports(mode)
            _check_apart(ports, values)
            return Mode(mode), values, ()
    if not ports.data.keys() - {"all", "any", "range", "primary", "failover"}:
        ports.wrong(f"has {' and '.join(ports.data) or 'nothing'}; {_PORTS_FORM}")
    return nothing


def _check_apart(table: Table, values: tuple[PortSet, ...]) -> None:
    seen = PortSet()
    for value in values:
        if seen & value:
            table.wrong(f"has {seen & value} more than once; write each port once")
        seen |= value
