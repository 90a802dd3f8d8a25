"""Where the keys of a TOML text stand: tomllib gives values without positions.

Only positions come from here, values always from tomllib. So the scanner need not judge the text:
it finds every key of valid TOML, and of anything else it gives what stands before the mistake.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]
"""``("hosts", "vbr1", "roles", 0)``: names of keys, and indexes (from 0) of items."""


@dataclass(slots=True)
class Positions:
    """Character offsets into the text."""

    of: dict[KeyPath, int] = field(default_factory=dict)
    repeated: tuple[KeyPath, int] | None = None
    """The first key that is written again, which TOML forbids, and where it is."""


def find_positions(text: str) -> Positions:
    """The position of every key, table and list item of `text`. Never raises."""
    scanner = _Scanner(text)
    with suppress(_LostError, RecursionError):
        scanner.document()
    return scanner.found


# Possessive repeats (++ and *+): a long text must not make the matcher backtrack.
_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_KEY_PART = re.compile(
    r"""[ \t]*+ (?: (?P<bare>[A-Za-z0-9_-]++)
                  | "(?P<basic>(?:[^"\\\n]|\\.)*+)"
                  | '(?P<literal>[^'\n]*+)' ) [ \t]*+ (?P<dot>\.?)""",
    re.VERBOSE,
)
_SCALAR = re.compile(
    r'''  """ (?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+ "{3,5}
        | \'\'\' (?:[^']++|'{1,2}(?!'))*+ '{3,5}
        | "(?:[^"\\\n]|\\.)*+"
        | '[^'\n]*+'
        | [^\s,\]}\#][^,\]}\#\n]*+''',  # number, date (which may have a space inside), true, false
    re.VERBOSE,
)


class _LostError(Exception):
    """The text is not TOML from here on."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found = Positions()
        self.written: set[KeyPath] = set()
        """Keys with a value and tables with a header, unlike those that a longer name implies."""
        self.items: dict[KeyPath, int] = {}
        """How many items each array of tables has so far."""

    def document(self) -> None:
        table: KeyPath = ()
        while self.next_char():
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.key_and_value(table)

    def header(self) -> KeyPath:
        """Read ``[a.b]`` or ``[[a.b]]``; the path of the table that begins there."""
        start = self.at
        brackets = 2 if self.text.startswith("[[", start) else 1
        self.at += brackets
        *parents, name = self.key()
        self.expect("]" * brackets)
        path: KeyPath = ()
        for parent in parents:
            path = (*path, parent)
            self.found.of.setdefault(path, start)
            if path in self.items:  # [a.b] below [[a]] belongs to the last item of a
                path = (*path, self.items[path] - 1)
        path = (*path, name)
        if brackets == 2:
            self.found.of.setdefault(path, start)
            index = self.items.get(path, 0)
            self.items[path] = index + 1
            path = (*path, index)
        self.write(path, start)
        return path

    def key_and_value(self, table: KeyPath) -> None:
        start = self.at
        *parents, name = self.key()
        path = table
        for parent in parents:
            path = (*path, parent)
            self.found.of.setdefault(path, start)
        path = (*path, name)
        self.write(path, start)
        self.expect("=")
        self.value(path)

    def value(self, path: KeyPath) -> None:
        char = self.next_char()
        if char == "[":
            self.at += 1
            index = 0
            while self.next_char() != "]":
                self.found.of[*path, index] = self.at
                self.value((*path, index))
                index += 1
                self.skip_comma()
            self.at += 1
        elif char == "{":
            self.at += 1
            while self.next_char() != "}":
                self.key_and_value(path)
                self.skip_comma()
            self.at += 1
        else:
            self.match(_SCALAR)

    def key(self) -> list[str]:
        parts: list[str] = []
        while True:
            match = self.match(_KEY_PART)
            parts.append(_key_text(match))
            if not match["dot"]:
                return parts

    def write(self, path: KeyPath, start: int) -> None:
        if path not in self.written:
            self.written.add(path)
            self.found.of[path] = start
        elif self.found.repeated is None:
            self.found.repeated = (path, start)

    def next_char(self) -> str:
        """Go over blanks and comments; the character after them, empty at the end."""
        self.match(_BLANK)
        return self.text[self.at : self.at + 1]

    def skip_comma(self) -> None:
        if self.next_char() == ",":
            self.at += 1

    def expect(self, what: str) -> None:
        if not self.text.startswith(what, self.at):
            raise _LostError
        self.at += len(what)

    def match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _LostError
        self.at = match.end()
        return match


def _key_text(match: re.Match[str]) -> str:
    if match["basic"] is not None and "\\" in match["basic"]:
        try:
            text = tomllib.loads(f'key = "{match["basic"]}"')["key"]
        except tomllib.TOMLDecodeError:
            raise _LostError from None
        return str(text)
    return match["bare"] or match["basic"] or match["literal"] or ""
