"""Tables of values as TOML: as much of it as inventories need. Comments are nobody's to write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any


def toml_text(document: Mapping[str, Any]) -> str:
    """The document as TOML; tables of tables under headers of their own."""
    return "\n".join(_tables(document, ())).lstrip("\n") + "\n"


def toml_string(text: str) -> str:
    """The text in quotes; JSON's escapes are TOML's, but for the one character JSON leaves be."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _tables(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not _has_header(value, path)}
    if path and (plain or not table):
        yield f"\n[{'.'.join(map(_key, path))}]"
    yield from (f"{_key(key)} = {_value(value)}" for key, value in plain.items())
    for key, value in table.items():
        if key in plain:
            continue
        if isinstance(value, Mapping):
            yield from _tables(value, (*path, key))
        else:
            for each in value:
                yield f"\n[[{'.'.join(map(_key, (*path, key)))}]]"
                yield from (f"{_key(name)} = {_value(item)}" for name, item in each.items())


def _has_header(value: Any, path: tuple[str, ...]) -> bool:
    """Whether it is a table, or a list of tables, near enough to the top."""
    if isinstance(value, Mapping):
        return len(path) < 2
    return bool(value) and isinstance(value, list) and all(isinstance(x, Mapping) for x in value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_string(name)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return toml_string(value)
        case date():
            return value.isoformat()
        case Mapping():
            return (
                f"{{ {', '.join(f'{_key(key)} = {_value(each)}' for key, each in value.items())} }}"
            )
        case list():
            return f"[{', '.join(map(_value, value))}]"
    return str(value)
