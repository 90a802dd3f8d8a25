"""The JSON schema of inventories, by which editors complete and check them while they are written.

A schema can't say everything that `parse_inventory` checks (that a name leads to a host, say);
but whatever `parse_inventory` takes, the schema takes too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from veeamcheck.model import Attribute, Option, Phase, RuleSet
from veeamcheck.toml.table import one_of
from veeamcheck.vocabulary import Vocabulary

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_ADDRESS: Schema = {
    "type": "string",
    "description": "An IP address or a DNS name, without port, prefix or URL",
    "anyOf": [
        {"title": "IPv4 address or DNS name", "pattern": r"^[0-9A-Za-z_][0-9A-Za-z_.-]*$"},
        {"title": "IPv6 address", "pattern": r"^[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(%.+)?$"},
    ],
}
_PORT: Schema = {
    "oneOf": [
        {"type": "integer", "minimum": 1, "maximum": 65535},
        {
            "type": "string",
            "pattern": r"^\s*\d{1,5}\s*(-\s*\d{1,5}\s*)?(,\s*\d{1,5}\s*(-\s*\d{1,5}\s*)?)*$",
        },
    ]
}


def inventory_schema(rule_sets: Sequence[RuleSet]) -> Schema:
    """A JSON schema (draft 2020-12) of the inventories that use these rule sets."""
    words = Vocabulary.of(rule_sets)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "veeamcheck inventory",
        "description": "The hosts of a deployment and the parts they play in it",
        **_table(
            {
                "audit": _audit(rule_sets),
                "options": _table(
                    {option.name: _option(option) for option in words.options.values()},
                    "What is asked once for the whole deployment",
                ),
                "hosts": {
                    "type": "object",
                    "description": "The hosts by name: [hosts.NAME], a name with dots in quotes",
                    "minProperties": 1,
                    "propertyNames": {"pattern": r"^[A-Za-z0-9_.-]+$"},
                    "additionalProperties": _host(words),
                },
                "exclude": {"type": "array", "items": _exclude(words)},
                "waive": {"type": "array", "items": _waive()},
            },
            required=["hosts"],
        ),
    }


def _table(
    properties: Schema, description: str | None = None, *, required: Sequence[str] = ()
) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if description:
        schema["description"] = description
    if required:
        schema["required"] = list(required)
    return schema


def _list_of(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, "uniqueItems": True, **more}


def _one_or_list_of(item: Schema, description: str, **more: Any) -> Schema:
    return {"description": description, "oneOf": [item, _list_of(item, **more)]}


def _audit(rule_sets: Sequence[RuleSet]) -> Schema:
    ids = [rule_set.id for rule_set in rule_sets]
    phases = [str(phase) for phase in Phase]
    return _table(
        {
            "rule_sets": _list_of(
                {"enum": ids},
                description="The vendor documents to audit against",
            ),
            "phase": {
                "enum": phases,
                "default": str(Phase.LIVE),
                "description": "predeploy: the product is not installed yet, "
                "so its own ports need not listen",
            },
            "record": {
                "type": "boolean",
                "default": False,
                "description": "Record each run in the history, as --record does",
            },
        },
        "What to audit",
    )


def _option(option: Option) -> Schema:
    kind = "boolean" if isinstance(option.default, bool) else "string"
    return {"type": kind, "default": option.default, "description": option.help}


def _host(words: Vocabulary) -> Schema:
    titles = ", ".join(f"{role.name} ({role.title})" for role in words.roles.values())
    properties: Schema = {
        "address": _one_or_list_of(
            _ADDRESS, "Where the host is; of several addresses each must work", minItems=1
        ),
        "roles": _list_of(
            {"enum": list(words.roles)},
            description=f"The parts that the host plays: {titles}",
        ),
        "stand_in": _TEXT
        | {"description": "A host on the same network from which to probe in this one's place"},
        "ports": {
            "type": "object",
            "description": "Documented value -> what this host uses instead",
            "propertyNames": {"enum": list(words.documented_ports)},
            "additionalProperties": {
                "oneOf": [*_PORT["oneOf"], {"type": "array", "items": _PORT, "minItems": 1}]
            },
        },
        "ssh": {
            "description": "How to probe from this host over SSH",
            "oneOf": [{"type": "boolean"}, _ssh()],
        },
        "tls": _tls(),
    }
    for attribute in words.attributes.values():
        properties[attribute.name] = _attribute(attribute)
    return _table(properties, "A host", required=["address"]) | {
        "dependentSchemas": {
            attribute.name: _with_role_among(attribute.roles)
            for attribute in words.attributes.values()
            if attribute.roles
        },
        "allOf": [
            {
                "if": _with_role_among(attribute.required_for),
                "then": {"required": [attribute.name]},
            }
            for attribute in words.attributes.values()
            if attribute.required_for
        ],
    }


def _with_role_among(roles: Sequence[str]) -> Schema:
    return {
        "properties": {"roles": {"contains": {"enum": list(roles)}}},
        "required": ["roles"],
    }


def _attribute(attribute: Attribute) -> Schema:
    notes = [attribute.help] if attribute.help else []
    if attribute.roles:
        notes.append(f"for {one_of(attribute.roles)}")
    if attribute.hosts_with_role:
        notes.append(f"names of hosts that have the role {attribute.hosts_with_role}")
    description = "; ".join(notes)
    word: Schema = {"enum": list(attribute.choices)} if attribute.choices else _TEXT
    match attribute.default:
        case bool():
            return {
                "type": "boolean",
                "default": attribute.default,
                "description": description,
            }
        case tuple():
            return _one_or_list_of(word, description)
    return {**word, "description": description}


def _ssh() -> Schema:
    return _table(
        {
            "user": _TEXT | {"description": "Login name"},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 22},
            "host": _TEXT | {"description": "Where its SSH server is, if not at its address"},
            "key": _TEXT | {"description": "File with the private key"},
            "jump": _TEXT | {"description": "Host to go through"},
        }
    )


def _tls() -> Schema:
    fingerprint: Schema = {
        "type": "string",
        "pattern": r"^[Ss][Hh][Aa]256:[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$",
    }
    return _table(
        {
            "issuer": _one_or_list_of(_TEXT, "Common name of the issuer, as reports show it"),
            "fingerprint": _one_or_list_of(fingerprint, "SHA-256 of the certificate"),
        },
        "The certificates that this host may show; any other was put in their place",
    ) | {"minProperties": 1}


def _exclude(words: Vocabulary) -> Schema:
    end: Schema = {
        "description": "A host name, role:NAME or *",
        "anyOf": [
            {"enum": ["*", *(f"role:{role}" for role in words.roles)]},
            {"type": "string", "pattern": r"^[A-Za-z0-9_.-]+$"},
        ],
    }
    return _table(
        {"source": end, "target": end, "reason": _TEXT},
        "A pair that never talks",
        required=["source", "target", "reason"],
    )


def _waive() -> Schema:
    return _table(
        {
            "flow": {
                "type": "string",
                "pattern": r"^[^@>]+@[^@>]+>[^@>]+$",
                "description": "RULE@SOURCE>TARGET, as the plan shows it",
            },
            "reason": _TEXT,
            "until": {"type": "string", "format": "date", "description": "Its last day"},
        },
        "A flow that is known and accepted: still probed, still shown, does not fail the audit",
        required=["flow", "reason"],
    )
