"""A TOML file as its values and, for messages, the line of each; and reading it from disk.

Whatever a file contains, the only exception that leaves here is InputError.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, Protocol

from veeamcheck.model import InputError, Problem
from veeamcheck.toml.positions import KeyPath, Positions, find_positions


@dataclass(frozen=True)
class TomlText:
    """A valid TOML file: `data` as tomllib reads it, and where each key stands."""

    file: str
    text: str
    data: dict[str, Any]

    # Positions are only looked for once something has to be said: most files have no mistake.
    @cached_property
    def _positions(self) -> Positions:
        return find_positions(self.text)

    @cached_property
    def _line_ends(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self.text)]

    def line(self, *path: str | int) -> int:
        """The line of the key at `path`, from 1; of its nearest parent where it is not written."""
        while path and path not in self._positions.of:
            path = path[:-1]
        return bisect_right(self._line_ends, self._positions.of.get(path, 0) - 1) + 1

    def problem(self, path: KeyPath, what: str) -> Problem:
        """`what` said of the key at `path`."""
        return Problem(self.file, self.line(*path), key_text(path), what)


def read_toml(text: str, file: str) -> TomlText:
    """Read `text`, which came from `file`; InputError if it is no TOML."""
    text = text.removeprefix("\ufeff")  # Windows editors begin a file with a byte order mark
    try:
        return TomlText(file, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        problem = _syntax_problem(text, file, str(error))
    except RecursionError:
        problem = Problem(file, 1, "", "is nested too deeply to be read; write it flat")
    except ValueError:  # the interpreter's limit for the digits of one number
        problem = Problem(file, 1, "", "has a number with thousands of digits; write a real one")
    raise InputError([problem])


class Readable(Protocol):
    """A file on disk (`Path`) or in a package (`Traversable`)."""

    def is_dir(self) -> bool: ...
    def read_bytes(self) -> bytes: ...


def read_text(source: Readable, file: str, *, if_missing: str) -> str:
    """The text of `source`, named `file` in messages; InputError if it can't be read as UTF-8.

    `if_missing` says what to do where there is no such file.
    """
    line = 1
    try:
        if source.is_dir():
            what = "is a directory; name the file itself"
        else:
            data = source.read_bytes()
            if data.startswith((b"\xff\xfe", b"\xfe\xff")):
                what = "is UTF-16; save it as UTF-8"
            else:
                return data.decode("utf-8-sig")
    except FileNotFoundError:
        what = f"does not exist; {if_missing}"
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8 (byte 0x{error.object[error.start]:02x}); save it as UTF-8"
    except OSError as error:
        what = f"can't be read ({error.strerror or error}); check its name and permissions"
    except ValueError as error:  # a NUL in the name
        what = f"can't be read ({error}); check its name"
    raise InputError([Problem(file, line, "", what)])


def suggest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'worker'?"`` if one of `known` is near to `word`, else the empty text."""
    compared = tuple(islice(known, _MOST_COMPARED + 1))
    near = _nearest(word, compared) if len(compared) <= _MOST_COMPARED else ""
    return f"; did you mean {near!r}?" if near else ""


_MOST_COMPARED = 1000
"""Comparing takes about 10 µs a word; a huge inventory with many mistakes must not take hours."""


@lru_cache(maxsize=1024)
def _nearest(word: str, known: tuple[str, ...]) -> str:
    import difflib

    by_lower = {name.lower(): name for name in known}
    word = word.lower()
    begun = [name for name in by_lower if len(word) > 1 and name.startswith(word)]
    near = difflib.get_close_matches(word, by_lower, n=1) or begun
    return by_lower[near[0]] if near else ""


def key_text(path: KeyPath) -> str:
    """A path as TOML writes it in a header: ``hosts."a.b".roles``; there, items have no number."""
    return ".".join(_quoted(name) for name in path if isinstance(name, str))


def _quoted(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    import json

    return json.dumps(name)


# --- syntax errors, in words -----------------------------------------------------------------

_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

_IN_WORDS = {
    "Unclosed array": "a list is not closed; put commas between its items and ] at its end",
    "Unclosed inline table": "a table in braces is not closed; put commas between its items and "
    "} at its end",
    "Unterminated string": "a text is not ended; end it with the quotes that it begins with",
    "Illegal character '\\n'": "a text is not ended on its line; end it with a quote",
    "Illegal character": "a control character is in a text; remove it",
    "Found invalid character": "a control character is in the file; remove it",
    "Unescaped '\\'": "a backslash stands in a text in double quotes; write it twice, or put the "
    "text in 'single quotes'",
    "Invalid hex value": "a backslash stands in a text in double quotes; write it twice, or put "
    "the text in 'single quotes'",
    "Escaped character": "an escape is no Unicode character; write the character itself",
    "Expected '=' after a key": "a key has no value; write key = value, and put a key with other "
    "characters than letters, digits, - and _ in quotes",
    "Expected ']": "the name of a table is not closed with a bracket; write [hosts.NAME], and put "
    "a name with other characters than letters, digits, - and _ in quotes",
    "Invalid initial character for a key part": "a name is missing or has other characters than "
    "letters, digits, - and _; put such a name in quotes",
    "Invalid statement": "is neither a key with a value nor a table; write key = value or [table]",
    "Invalid date or datetime": "there is no such date; write it as 2027-01-31",
    "Expected newline": "something stands after the value; put it on a line of its own, or the "
    "whole value in quotes",
}

_REPEATED = ("Cannot overwrite a value", "Cannot declare", "Duplicate inline table key")


def _syntax_problem(text: str, file: str, message: str) -> Problem:
    """What tomllib says in `message`, in words that say what to write instead."""
    lines = text.split("\n")
    where = _WHERE.search(message)
    if where and where[1]:
        line, column = int(where[1]), int(where[2])
        rest = lines[line - 1][column - 1 :]
    else:  # at the end of the document
        line, column, rest = len(lines) - (lines[-1] == "" and len(lines) > 1), None, ""
    said = _WHERE.sub("", message)

    if said.startswith(_REPEATED):
        # Only the part that was read without a mistake: up to the line that repeats the key.
        read = "\n".join(lines[:line])
        positions = find_positions(read)
        if positions.repeated:
            path, offset = positions.repeated
            line, column = _line_and_column(read, offset)
            first, _ = _line_and_column(read, positions.of[path])
            what = f"is written twice, first on line {first}; join the two, or rename one"
            return Problem(file, line, key_text(path), what, column)
        what = "a key or table is written twice; join the two, or rename one"
    elif said.startswith("Unclosed"):
        # tomllib notices at the next thing that is not a blank: the mistake is before the blanks.
        read = "\n".join([*lines[: line - 1], lines[line - 1].removesuffix(rest)])
        line, column = _line_and_column(read, len(read.rstrip()))
        what = _IN_WORDS[said]
    elif said == "Invalid value":
        what = _invalid_value(rest)
    elif said.startswith("Expected newline") and (value := _unquoted_value(lines[line - 1])):
        what = f'a text needs quotes; write "{value}"'
    else:
        what = next((words for start, words in _IN_WORDS.items() if said.startswith(start)), "")
        what = what or f"is no TOML ({said}); see https://toml.io"
    return Problem(file, line, "", what, column)


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _invalid_value(rest: str) -> str:
    match = re.match(r"[^\s,\]}#]+", rest)
    word = match[0] if match else ""
    if word.lower() in ("true", "false"):
        return f"{word} is no value; write {word.lower()}"
    if word[:1] in ("“", "”", "„", "‘", "’", "«"):
        return 'typographic quotes; write straight ones: "'
    if re.fullmatch(r"[\w.:/@%+-]+", word):
        return f'a text needs quotes; write "{word}"'
    return "a value is missing or is none; put a text in quotes"


def _unquoted_value(line: str) -> str:
    """The value of a line such as ``address = 10.0.0.1``."""
    match = re.fullmatch(r"[^=#]*=\s*([\w.:/@%+-]+)\s*(?:#.*)?", line)
    return match[1] if match else ""
