"""Reading a TOML table key by key: mistakes are collected with their place, all in one run.

A method of `Table` that meets a mistake notes it and gives what stands in for the value, so that
reading goes on. Whoever reads a whole file raises the notes at the end: nothing made from a file
with mistakes is ever used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, TypeVar

from veeamcheck.model import InputError, Problem
from veeamcheck.ports import PortSet
from veeamcheck.toml.positions import KeyPath
from veeamcheck.toml.text import TomlText, suggest

_Choice = TypeVar("_Choice", bound=StrEnum)

TEXT_FORM = 'write a text in quotes: "..."'
_PORTS_FORM = 'write a port such as 6162, a run such as "2500-3300", or a list of them'


@dataclass(frozen=True, slots=True)
class Notes:
    """What was found wrong or odd in one file."""

    text: TomlText
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def raise_problems(self) -> None:
        """InputError with all the problems, if there are any."""
        if self.problems:
            raise InputError(self.problems)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a file. `path` is where it stands, `data` what tomllib read."""

    notes: Notes
    data: Mapping[str, Any]
    path: KeyPath = ()

    def __contains__(self, key: str) -> bool:
        return key in self.data

    # Notes; `key` and what follows lead from this table to the place.

    def wrong(self, what: str, *key: str | int) -> None:
        """Note a mistake: what is wrong; what to write instead."""
        self.notes.problems.append(self.notes.text.problem((*self.path, *key), what))

    def odd(self, what: str, *key: str | int) -> None:
        """Note what is odd but workable."""
        self.notes.warnings.append(self.notes.text.problem((*self.path, *key), what))

    def only(self, known: Collection[str]) -> None:
        """Note every key that is not among `known`."""
        for key in self.data:
            if key not in known:
                self.wrong(unknown("key", key, known), key)

    # Values. Where `default` is not given, the key must be there.

    def string(self, key: str, default: str | None = None, *, form: str = TEXT_FORM) -> str:
        """A text; the empty one only where that is the default."""
        value = self._get(key, default is None, form)
        if value is None:
            return default or ""
        if not isinstance(value, str):
            self.wrong_type(form, key)
            return ""
        if not value.strip() and value != default:
            self.wrong(f"is empty; {form}", key)
        return value

    def optional_string(self, key: str) -> str | None:
        """A text that is not empty; None where the key is not there."""
        return self.string(key) if key in self else None

    def boolean(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            self.wrong_type("write true or false, without quotes", key)
            return default
        return value

    def integer(self, key: str, first: int, last: int | None = None) -> int:
        """A whole number from `first` to `last`, both included; the key must be there."""
        limits = f"from {first}" + (f" to {last}" if last is not None else "")
        value = self._get(key, True, f"write a whole number {limits}")
        if value is None:
            return first
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong_type(f"write a whole number {limits}, without quotes", key)
            return first
        if value < first or (last is not None and value > last):
            self.wrong(f"is {value}; write a whole number {limits}", key)
        return value

    def choice(self, key: str, default: _Choice, *, required: bool = False) -> _Choice:
        """One of the words of `default`'s enum."""
        kind = type(default)
        known = [str(word) for word in kind]
        value = self._get(key, required, f"write {one_of(known)}")
        if value is None:
            return default
        if not isinstance(value, str):
            self.wrong_type(f"write {one_of(known)}", key)
        elif value not in known:
            self.wrong(unknown("value", value, known), key)
        else:
            return kind(value)
        return default

    def strings(
        self, key: str, example: str, *, or_one: bool = False, default: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        """A list of texts, each once; where `or_one`, a single text is taken for a list of one."""
        value = self.data.get(key, default)
        form = f"write a list of texts such as {example}"
        if isinstance(value, str) and or_one:
            value = [value]
        if not isinstance(value, (list, tuple)):
            self.wrong_type(form, key)
            return ()
        texts: dict[str, None] = {}
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self.wrong(f"has an item that is {kind_of(item)}; {form}", key, index)
            elif item in texts:
                self.wrong(f"has {item!r} twice; write it once", key, index)
            else:
                texts[item] = None
        return tuple(texts)

    def ports(self, key: str) -> tuple[PortSet, ...]:
        """A port, a run of ports, or a list of them: each value as it is written, one by one."""
        value = self.data[key]
        if value == []:
            self.wrong(f"is empty; {_PORTS_FORM}", key)
        if not isinstance(value, list):
            ports = self._port_set(value, key)
            return (ports,) if ports else ()
        all_ports = [self._port_set(item, key, index) for index, item in enumerate(value)]
        return tuple(ports for ports in all_ports if ports)

    def _port_set(self, value: Any, *key: str | int) -> PortSet | None:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            self.wrong(f"has {kind_of(value)}; {_PORTS_FORM}", *key)
            return None
        try:
            return PortSet.parse(str(value))
        except ValueError as error:
            self.wrong(f"{error}; {_PORTS_FORM}", *key)
            return None

    # Tables in this table; a missing one is empty.

    def table(self, key: str, form: str = "") -> Table:
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            self.wrong_type(form or f"write a table: [{key}]", key)
            value = {}
        return Table(self.notes, value, (*self.path, key))

    def tables(self) -> Iterator[tuple[str, Table]]:
        """All keys as tables: ``[roles.a]``, ``[roles.b]`` in the table ``roles``."""
        for key, value in self.data.items():
            if isinstance(value, dict):
                yield key, Table(self.notes, value, (*self.path, key))
            else:
                header = ".".join(str(name) for name in (*self.path, key))
                self.wrong_type(f"write a table: [{header}]", key)

    def items(self, key: str, *, or_one: bool = False) -> list[Table]:
        """An array of tables: ``[[key]]``; where `or_one`, a table is taken for a list of one."""
        form = f"write [[{key}]] for each"
        value = self.data.get(key, [])
        if isinstance(value, dict) and or_one:
            return [Table(self.notes, value, (*self.path, key))]
        if not isinstance(value, list):
            self.wrong_type(form, key)
            return []
        found = []
        for index, item in enumerate(value):
            if isinstance(item, dict):
                found.append(Table(self.notes, item, (*self.path, key, index)))
            else:
                self.wrong(f"has an item that is {kind_of(item)}; {form}", key, index)
        return found

    def _get(self, key: str, required: bool, form: str) -> Any:
        if required and key not in self.data:
            self.wrong(f"is missing; {form}", key)
        return self.data.get(key)

    def wrong_type(self, form: str, key: str) -> None:
        """Note that the value of `key` is of another type than `form` asks for."""
        self.wrong(f"is {kind_of(self.data[key])}; {form}", key)


def unknown(what: str, word: str, known: Collection[str]) -> str:
    """The message for a word that is none of `known`."""
    near = suggest(word, known)
    if near or not known:
        return f"{word!r} is no known {what}{near}"
    return f"{word!r} is no known {what}; write {one_of(known)}"


def one_of(words: Collection[str]) -> str:
    """``a``, ``a or b``, ``one of a, b, c``."""
    if len(words) > 2:
        return "one of " + ", ".join(words)
    return " or ".join(words)


def kind_of(value: object) -> str:
    """What a TOML value is, in a user's words."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value!r}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case datetime() | date() | time():
            return f"the date or time {value}"
    return "of another type"
