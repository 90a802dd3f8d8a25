"""The inventory: a user's TOML text, checked in every respect, as an `Inventory`.

Whoever has an `Inventory` need not check it again: roles, options and attributes are declared by
its rule sets, every name leads to a host, every address is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

from veeamcheck.addresses import canonical_address
from veeamcheck.model import (
    Attribute,
    Exclude,
    Host,
    InputError,
    Inventory,
    Phase,
    Problem,
    RuleSet,
    SshAccess,
    TlsPin,
    Value,
    Waiver,
)
from veeamcheck.ports import PortSet
from veeamcheck.rulesets import HOST_KEYS, load_rule_set, shipped
from veeamcheck.toml.table import TEXT_FORM, Notes, Table, one_of, unknown
from veeamcheck.toml.text import read_text, read_toml, suggest
from veeamcheck.vocabulary import Vocabulary

DEFAULT_RULE_SETS = ("veeam-pve",)

_HOST_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_FLOW_ID = re.compile(r"([^@>]+)@([^@>]+)>([^@>]+)")
_END_FORM = "write the name of a host, role:NAME or *"
_FLOW_FORM = "write RULE@SOURCE>TARGET, as `veeamcheck plan` shows it"
_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{2}(?::?[0-9a-f]{2}){31}", re.IGNORECASE)
_FINGERPRINT_FORM = "write sha256: and the 64 hexadecimal digits, with or without colons"
_TLS_FORM = 'write a table such as { issuer = "…" } or { fingerprint = "sha256:…" }'
_SSH_FORM = "write true, false or a table of any of user, port, host, key, jump"


def load_inventory(path: str | Path, rule_sets: Sequence[RuleSet] = ()) -> Inventory:
    """Read the inventory in this file; see `parse_inventory`."""
    file = str(path)
    text = read_text(
        Path(path), file, if_missing="`veeamcheck init` writes a first one; -i names another"
    )
    return parse_inventory(text, file, rule_sets)


def parse_inventory(
    text: str, file: str, rule_sets: Sequence[RuleSet] = (), *, today: date | None = None
) -> Inventory:
    """The inventory in `text`, which came from `file`; InputError names every mistake in it.

    `rule_sets` are the user's own. They are used beside those that the inventory names, and
    replace a shipped one of the same id. `today` is the day on which waivers are judged.
    """
    toml = read_toml(text, file)
    if not toml.data:
        what = "is empty; `veeamcheck init` writes a first inventory"
        raise InputError([Problem(file, 1, "", what)])
    notes = Notes(toml)
    top = Table(notes, toml.data)
    top.only(("audit", "options", "hosts", "exclude", "waive"))

    audit = top.table("audit")
    audit.only(("rule_sets", "phase", "record"))
    words = Vocabulary.of(_rule_sets(audit, rule_sets))
    for conflict in words.conflicts:
        audit.wrong(f"{conflict}; use one of these rule sets at a time", "rule_sets")

    tables = dict(_host_tables(top.table("hosts"), words))
    if not tables:
        top.wrong("has no host; write [hosts.NAME] for each", "hosts")
    hosts = {name: _host(name, table, words) for name, table in tables.items()}
    _check_addresses(tables, hosts)
    _check_references(tables, hosts, words)
    _look_for_oddities(audit, tables, hosts, words)
    inventory = Inventory(
        file=file,
        rule_sets=words.rule_sets,
        phase=audit.choice("phase", Phase.LIVE),
        record=audit.boolean("record", False),
        options=_options(top.table("options"), words),
        hosts=hosts,
        exclude=tuple(_exclude(table, hosts, words) for table in top.items("exclude")),
        waive=tuple(_waivers(top.items("waive"), hosts, words, today or date.today())),
        warnings=tuple(str(warning) for warning in sorted(notes.warnings)),
    )
    notes.raise_problems()
    return inventory


# --- audit and options -----------------------------------------------------------------------


def _rule_sets(audit: Table, own: Sequence[RuleSet]) -> tuple[RuleSet, ...]:
    """Those that the inventory names, then the user's own that it does not name.

    Where a name is unknown, all that ship come with the rest, so that reading can go on without
    calling every other word unknown.
    """
    by_id = {rule_set.id: rule_set for rule_set in own}
    known = [*shipped(), *by_id]
    names = audit.strings("rule_sets", '["veeam-pve"]', default=DEFAULT_RULE_SETS)
    if not names and not by_id:
        audit.wrong(f"is empty; write {one_of(known)}", "rule_sets")
    for index, name in enumerate(names):
        if name not in known:
            audit.wrong(unknown("rule set", name, known), "rule_sets", index)
    if not set(names) <= set(known):
        names = tuple(known)
    return tuple(
        by_id[name] if name in by_id else load_rule_set(name)
        for name in dict.fromkeys((*names, *by_id))
    )


def _options(table: Table, words: Vocabulary) -> dict[str, bool | str]:
    table.only(words.options)
    return {
        name: table.boolean(name, option.default)
        if isinstance(option.default, bool)
        else table.string(name, option.default)
        for name, option in words.options.items()
    }


# --- hosts -----------------------------------------------------------------------------------


def _host_tables(hosts: Table, words: Vocabulary) -> Iterator[tuple[str, Table]]:
    keys = {*HOST_KEYS, *words.attributes}
    for name, table in hosts.tables():
        yield from _named_host(name, table, keys)


def _named_host(name: str, table: Table, keys: set[str]) -> Iterator[tuple[str, Table]]:
    """The host, or the hosts that TOML nested in it because their names have dots: ``a.b``."""
    nested = {
        key: value
        for key, value in table.data.items()
        if key not in keys and isinstance(value, dict) and _has_host(value)
    }
    own = {key: value for key, value in table.data.items() if key not in nested}
    if own or not nested:
        if len(table.path) > 2:
            table.wrong(f'a name with dots needs quotes; write [hosts."{name}"]')
        elif not _HOST_NAME.fullmatch(name):
            table.wrong(f"{name!r} is no host name; write letters, digits, - and _")
        yield name, Table(table.notes, own, table.path)
    for key, value in nested.items():
        deeper = Table(table.notes, value, (*table.path, key))
        yield from _named_host(f"{name}.{key}", deeper, keys)


def _has_host(table: Mapping[str, object]) -> bool:
    return any(
        key in HOST_KEYS or (isinstance(value, dict) and _has_host(value))
        for key, value in table.items()
    )


def _host(name: str, table: Table, words: Vocabulary) -> Host:
    table.only((*HOST_KEYS, *words.attributes))
    roles = _roles(table, words)
    return Host(
        name=name,
        address=_address(table),
        roles=roles,
        attributes=_attributes(table, roles, words),
        stand_in=table.optional_string("stand_in"),
        ports=_ports(table, roles, words) if "ports" in table else {},
        ssh=_ssh(table) if "ssh" in table else None,
        tls=_tls(table) if "tls" in table else None,
    )


def _roles(table: Table, words: Vocabulary) -> tuple[str, ...]:
    roles = table.strings("roles", '["worker"]')
    for index, role in enumerate(roles):
        if role not in words.roles:
            table.wrong(unknown("role", role, words.roles), "roles", index)
    return roles


def _address(table: Table) -> tuple[str, ...]:
    form = "write an IP address or DNS name in quotes, or a list of them"
    value = table.data.get("address")
    if value is None:
        table.wrong(f"is missing; {form}", "address")
        return ()
    if not isinstance(value, (str, list)):
        table.wrong_type(form, "address")
        return ()
    if value == []:
        table.wrong(f"is empty; {form}", "address")
    return table.strings("address", '["10.0.10.5"]', or_one=True)


def _attributes(table: Table, roles: tuple[str, ...], words: Vocabulary) -> dict[str, Value]:
    """As written and, for every attribute that makes sense for the host, its default."""
    meant = words.attributes_for(roles)
    values = {name: attribute.default for name, attribute in meant.items()}
    for name, attribute in words.attributes.items():
        if name in table:
            values[name] = _attribute(name, attribute, table)
            # Of a host with an unknown role nobody can say what makes sense for it.
            if name not in meant and words.roles.keys() >= set(roles):
                whose = f"this host is {', '.join(roles)}" if roles else "this host has no role"
                table.wrong(f"is for {one_of(attribute.roles)}, but {whose}; remove it", name)
        elif role := next((role for role in roles if role in attribute.required_for), None):
            form = f"write {one_of(attribute.choices)}" if attribute.choices else "write it"
            table.wrong(f"is missing, which every {role} needs; {form}", name)
    return values


def _attribute(name: str, attribute: Attribute, table: Table) -> Value:
    if isinstance(attribute.default, bool):
        return table.boolean(name, attribute.default)
    value: str | tuple[str, ...]
    if isinstance(attribute.default, tuple):
        example = f'["{(attribute.choices or ("host",))[0]}"]'
        value = table.strings(name, example, or_one=True)
        words = value
    else:
        form = f"write {one_of(attribute.choices)}, in quotes" if attribute.choices else TEXT_FORM
        value = table.string(name, attribute.default, form=form)
        words = (value,) if isinstance(table.data[name], str) else ()
    for word in words:
        if attribute.choices and word not in attribute.choices:
            table.wrong(unknown("value", word, attribute.choices), name)
    return value


def _ports(table: Table, roles: tuple[str, ...], words: Vocabulary) -> dict[str, PortSet]:
    ports = table.table("ports", 'write a table such as { "2500-3300" = "2500-2509" }')
    found = {}
    for key in ports.data:
        runs = [run for value in ports.ports(key) for run in value.runs]
        found[key] = PortSet.of_runs(runs)
        documented_for = words.documented_ports.get(key)
        if documented_for is None:
            ports.wrong(_undocumented(key, words), key)
        elif not documented_for.intersection(roles):
            ports.odd("no rule has this value at a host of these roles; it changes nothing", key)
    return found


def _undocumented(key: str, words: Vocabulary) -> str:
    documented = sorted(words.documented_ports, key=lambda text: PortSet.parse(text).runs)
    try:
        canonical = str(PortSet.parse(key))
    except ValueError:
        canonical = key
    if canonical in documented:
        return f'is written otherwise in the documents; write "{canonical}"'
    return unknown("port of the documents", key, documented)


def _ssh(table: Table) -> SshAccess | None:
    value = table.data["ssh"]
    if isinstance(value, bool):
        return SshAccess() if value else None
    ssh = table.table("ssh", _SSH_FORM)
    ssh.only(("user", "port", "host", "key", "jump"))
    return SshAccess(
        user=ssh.optional_string("user"),
        port=ssh.integer("port", 1, 65535) if "port" in ssh else None,
        host=ssh.optional_string("host"),
        key=ssh.optional_string("key"),
        jump=ssh.optional_string("jump"),
    )


def _tls(table: Table) -> TlsPin:
    tls = table.table("tls", _TLS_FORM)
    tls.only(("issuer", "fingerprint"))
    if not tls.data and isinstance(table.data["tls"], dict):
        table.wrong(f"is empty; {_TLS_FORM}", "tls")
    issuers, fingerprints = (
        tls.strings(key, f'["{example}"]', default=(), or_one=True)
        for key, example in (("issuer", "the issuer's name"), ("fingerprint", "sha256:…"))
    )
    if not all(issuer.strip() for issuer in issuers):
        tls.wrong("is empty; write the common name of the issuer", "issuer")
    for index, fingerprint in enumerate(fingerprints):
        if not _FINGERPRINT.fullmatch(fingerprint):
            at = (index,) if isinstance(tls.data["fingerprint"], list) else ()
            tls.wrong(f"{fingerprint!r} is no fingerprint; {_FINGERPRINT_FORM}", "fingerprint", *at)
    return TlsPin(issuer=issuers, fingerprint=tuple(map(_canonical_fingerprint, fingerprints)))


def _canonical_fingerprint(text: str) -> str:
    """As evidence has it: ``sha256:`` and 64 digits in lower case."""
    return "sha256:" + text.lower().removeprefix("sha256:").replace(":", "")


# --- what hosts say of each other ------------------------------------------------------------


def _check_addresses(tables: Mapping[str, Table], hosts: Mapping[str, Host]) -> None:
    """Each address must be one, and of one host only."""
    owners: dict[str, tuple[str, int]] = {}
    for name, host in hosts.items():
        for index, address in enumerate(host.address):
            try:
                owner, first = owners.setdefault(canonical_address(address), (name, index))
            except ValueError as mistake:
                tables[name].wrong(str(mistake), "address", index)
                continue
            if owner != name:
                what = f"{address!r} is the address of host {owner!r} too; "
                what += "correct one of them, or give one host the roles of both"
                tables[name].wrong(what, "address", index)
            elif first != index:
                tables[name].wrong(f"has {address!r} twice; write it once", "address", index)


def _check_references(
    tables: Mapping[str, Table], hosts: Mapping[str, Host], words: Vocabulary
) -> None:
    """Each name of a host must lead to one that can be meant."""
    naming = [item for item in words.attributes.items() if item[1].hosts_with_role]
    for name, host in hosts.items():
        table = tables[name]
        if host.stand_in:
            stand_in = hosts.get(host.stand_in)
            if stand_in is host:
                table.wrong("is the host itself; name another, or remove it", "stand_in")
            elif stand_in is None:
                table.wrong(_no_host(host.stand_in, hosts), "stand_in")
            elif stand_in.stand_in:
                what = f"{host.stand_in!r} has a stand-in itself; name the host that really probes"
                table.wrong(what, "stand_in")
        for attribute, declared in naming:
            value = host.attributes.get(attribute, ())
            for other in value if isinstance(value, tuple) else [value]:
                role = declared.hosts_with_role
                if not isinstance(other, str) or not other or attribute not in table:
                    continue
                if other not in hosts:
                    table.wrong(_no_host(other, hosts), attribute)
                elif role not in hosts[other].roles:
                    table.wrong(
                        f"host {other!r} is no {role}; add {role} to its roles, or name another",
                        attribute,
                    )


def _no_host(name: str, hosts: Mapping[str, Host]) -> str:
    return f"no host is named {name!r}" + (suggest(name, hosts) or "; write [hosts.NAME] for it")


def _look_for_oddities(
    audit: Table, tables: Mapping[str, Table], hosts: Mapping[str, Host], words: Vocabulary
) -> None:
    """Note what is odd but workable in the hosts."""
    present: dict[str, str] = {}
    """Role -> the first host that has it."""
    for name, host in hosts.items():
        for role in host.roles:
            present.setdefault(role, name)
        if not host.roles:
            tables[name].odd("has no role, so no rule is about it; write roles = [...]", "roles")
        # The product, not this program: Proxmox VE servers are only supported over IPv4.
        if "proxmox-ve" in host.roles and any(rules.id == "veeam-pve" for rules in words.rule_sets):
            for index, address in enumerate(host.address):
                if ":" in address:
                    what = "the product does not support IPv6 for Proxmox VE; give it IPv4"
                    tables[name].odd(what, "address", index)
    for role in present.keys() & words.roles.keys() - words.used_roles:
        tables[present[role]].odd(f"no rule uses the role {role!r}; leave it out", "roles")
    for rule_set in words.rule_sets:
        if not present.keys() & rule_set.roles.keys():
            what = f"no host has a role of {rule_set.id!r}; add its hosts, or leave it out"
            audit.odd(what, "rule_sets")


# --- exclude and waive -----------------------------------------------------------------------


def _exclude(table: Table, hosts: Mapping[str, Host], words: Vocabulary) -> Exclude:
    table.only(("source", "target", "reason"))
    return Exclude(
        source=_end(table, "source", hosts, words),
        target=_end(table, "target", hosts, words),
        reason=table.string("reason"),
    )


def _end(table: Table, key: str, hosts: Mapping[str, Host], words: Vocabulary) -> str:
    end = table.string(key, form=_END_FORM)
    role = end.removeprefix("role:")
    if end in hosts or end in ("", "*"):
        return end
    if role != end:
        if role not in words.roles:
            table.wrong(unknown("role", role, words.roles), key)
    elif end in words.roles:
        table.wrong(f"{end!r} is a role; write role:{end}", key)
    else:
        near = suggest(end, hosts)
        table.wrong(f"no host is named {end!r}{near or '; ' + _END_FORM}", key)
    return end


def _waivers(
    items: Sequence[Table], hosts: Mapping[str, Host], words: Vocabulary, today: date
) -> Iterator[Waiver]:
    """Those that still count."""
    for table in items:
        table.only(("flow", "reason", "until"))
        waiver = Waiver(
            flow=_flow(table, hosts, words), reason=table.string("reason"), until=_until(table)
        )
        if waiver.until and waiver.until < today:
            table.odd("is over, so this waiver no longer counts; renew or remove it", "until")
        else:
            yield waiver


def _flow(table: Table, hosts: Mapping[str, Host], words: Vocabulary) -> str:
    flow = table.string("flow", form=_FLOW_FORM)
    match = _FLOW_ID.fullmatch(flow)
    if not match:
        if flow:
            table.wrong(f"{flow!r} is no flow; {_FLOW_FORM}", "flow")
        return flow
    rule, *ends = match.groups()
    if rule not in words.rules:
        near = suggest(rule, words.rules) or "; `veeamcheck rules` lists them"
        table.wrong(f"no rule is named {rule!r}{near}", "flow")
    for end in ends:
        if end not in hosts:
            table.wrong(_no_host(end, hosts), "flow")
    return flow


def _until(table: Table) -> date | None:
    value = table.data.get("until")
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    table.wrong_type("write a date without quotes: 2027-01-31", "until")
    return None
