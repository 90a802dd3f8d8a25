"""The JSON Schema of rule sets, for editors; what it cannot say, `parse_rule_set` checks."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from veeamcheck.model import InstalledBy, Listener, Transport

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_YES_OR_NO: Schema = {"type": "boolean"}
_PORT: Schema = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 65535},
        {"type": "string", "pattern": r"^\d{1,5}(-\d{1,5})?$"},
    ]
}
_PORTS: Schema = {"anyOf": [_PORT, {"type": "array", "items": _PORT, "minItems": 1}]}
_WANTED: Schema = {
    "type": "object",
    "additionalProperties": {"type": ["boolean", "string", "array"]},
}


def rule_set_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a rule set's TOML."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "veeamcheck rule set",
        **_table(
            {
                "rule_set": _table(
                    {
                        "id": _NAME,
                        "title": _TEXT,
                        "product_version": _TEXT,
                        "revision": _TEXT,
                        "document": {**_TEXT, "description": "Where the vendor publishes it"},
                    }
                ),
                "not_covered": {
                    "type": "array",
                    "description": "What the document leaves to others; every report says so",
                    "items": _table({"what": _TEXT, "where": _TEXT}),
                },
                "roles": _named(
                    _table(
                        {
                            "title": _TEXT,
                            "transient": {
                                **_YES_OR_NO,
                                "description": "Exists only while a job runs",
                            },
                            "no_nat": {
                                **_YES_OR_NO,
                                "description": "No address translation between such hosts",
                            },
                        },
                        optional=["transient", "no_nat"],
                    )
                ),
                "options": _named(
                    _table(
                        {"default": {"type": ["boolean", "string"]}, "help": _TEXT},
                        optional=["help"],
                    ),
                    "Asked once per inventory",
                ),
                "attributes": _named(_attribute(), "Asked per host"),
                "activities": {
                    "type": "array",
                    "description": "What the product does; what hurts most comes first",
                    "items": _activity(),
                },
                "rules": {"type": "array", "items": _rule()},
            },
            optional=["not_covered", "options", "attributes", "activities"],
        ),
    }


def _attribute() -> Schema:
    return _table(
        {
            "default": {"type": ["boolean", "string", "array"]},
            "roles": {**_TEXTS, "description": "Where it makes sense; left out: any host"},
            "choices": _TEXTS,
            "required_for": _TEXTS,
            "hosts_with_role": {**_TEXT, "description": "Its values are hosts of this role"},
            "help": _TEXT,
        },
        required=[],
    )


def _activity() -> Schema:
    return _table(
        {
            "id": _NAME,
            "title": _TEXT,
            "of": {
                **_named(_TEXT),
                "description": 'Role of the host it is told of -> words before its name ("to")',
            },
        },
        optional=["of"],
    )


def _rule() -> Schema:
    return _table(
        {
            "id": {**_NAME, "description": "SOURCE-TARGET-WHAT; never changed once chosen"},
            "section": {**_TEXT, "description": "The document's table"},
            "row": {"type": "integer", "minimum": 1, "description": "The row in that table"},
            "source": {**_NAME, "description": "A role"},
            "target": {
                "description": 'A role, "self", or the gateways of a role',
                "anyOf": [_NAME, _table({"gateway_of": _NAME})],
            },
            "transport": _choice(Transport),
            "ports": {
                "description": "All of them, any, a range, or primary ports with failover",
                "oneOf": [
                    _table({"all": _PORTS}),
                    _table({"any": _PORTS}),
                    _table({"range": _PORT}),
                    _table({"primary": _PORTS, "failover": _PORTS}),
                ],
            },
            "service": {**_NAME, "description": "What should answer: tcp, https, ssh, ntp, …"},
            "listener": _choice(Listener),
            "installed_by": _choice(InstalledBy),
            "when": _when(),
            "allow_list": {**_TEXTS, "description": "Names to allow in a proxy; never probed"},
            "purpose": {**_TEXT, "description": "Why the port exists"},
            "breaks": {**_TEXT, "description": "What stops working without it"},
            "affects": {**_TEXTS, "description": "Ids of the activities that need it"},
        },
        optional=["listener", "installed_by", "when", "allow_list", "affects"],
    )


def _when() -> Schema:
    hosts = {
        "type": "object",
        "properties": {"role": _NAME},
        "required": ["role"],
        "additionalProperties": {"type": ["boolean", "string", "array"]},
    }
    some_hosts = {"anyOf": [hosts, {"type": "array", "items": hosts}]}
    return _table(
        {
            "options": _WANTED,
            "source": _WANTED,
            "target": _WANTED,
            "inventory": _table({"has": some_hosts, "lacks": some_hosts}, required=[]),
        },
        required=[],
    )


def _table(
    keys: Schema, *, required: list[str] | None = None, optional: list[str] | None = None
) -> Schema:
    """A table with these keys and no others; all are required but those that are `optional`."""
    if required is None:
        required = [key for key in keys if key not in (optional or [])]
    return {
        "type": "object",
        "properties": keys,
        "required": required,
        "additionalProperties": False,
    }


def _named(table: Schema, description: str = "") -> Schema:
    """Tables under names of one's own."""
    schema: Schema = {"type": "object", "additionalProperties": table}
    return {**schema, "description": description} if description else schema


def _choice(words: type[StrEnum]) -> Schema:
    return {"enum": [str(word) for word in words]}
