"""The scanner against tomllib: whatever tomllib finds in a text has its right position."""

import tomllib
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from veeamcheck.toml.positions import KeyPath, find_positions

# Scalars in every form that TOML has for them; none contains the ~ that marks generated keys.
SCALARS = st.sampled_from(
    [
        *("1", "-0.5e3", "true", "inf", "0x1F", "1979-05-27", "1979-05-27 07:32:00", "07:32:00.5"),
        *('""', "''", '"]"', '"#"', "'}'", '"a\\"b"', "'a\"b'", '"a = 1"', '"\\u00e4[x]"'),
        *('"""\n[a]\nb = 1\n"""', "'''\n#]\n'''", '""""quoted""""', "''''''", '"""\\\n  x"""'),
        *('"""a\\""""', '"""""a"""""', "'''''a'''''"),
    ]
)
GAPS = st.sampled_from(["", " ", "\t "])
LINE_ENDS = st.sampled_from(["\n", "\r\n", "  # a comment = [x]\n", "\n\n", '\n# "\n'])
ITEM_GAPS = st.sampled_from(["", " ", "\n  ", "\n# ] comment\n"])
KEY_FORMS = st.sampled_from(["bare", "basic", "literal", "escaped"])


class Writer:
    """Writes a random TOML document; every key is unique by its ``~number~``."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.numbers = count()

    def key(self) -> str:
        name = f"~{next(self.numbers)}~"
        match self.draw(KEY_FORMS):
            case "bare":
                return name.replace("~", "_")
            case "basic":
                return f'"{name} .]="'
            case "literal":
                return f"'{name} .]=\"'"
        return f'"\\u0041\\"{name}"'

    def dotted(self) -> str:
        parts = [self.key() for _ in range(self.draw(st.integers(1, 3)))]
        return f"{self.draw(GAPS)}.{self.draw(GAPS)}".join(parts)

    def value(self, depth: int = 0) -> str:
        kind = self.draw(st.sampled_from(["scalar"] * 3 + ["list", "inline"] * (depth < 3)))
        if kind == "scalar":
            return self.draw(SCALARS)
        size = self.draw(st.integers(0, 3))
        if kind == "inline":
            return "{" + ", ".join(self.pair(depth + 1) for _ in range(size)) + "}"
        gap = self.draw(ITEM_GAPS)
        items = [f"{gap}{self.value(depth + 1)}{gap}" for _ in range(size)]
        last = "," if items and self.draw(st.booleans()) else ""
        return "[" + ",".join(items) + last + gap + "]"

    def pair(self, depth: int = 0) -> str:
        return f"{self.dotted()}{self.draw(GAPS)}={self.draw(GAPS)}{self.value(depth)}"

    def pairs(self) -> str:
        return "".join(
            self.draw(GAPS) + self.pair() + self.draw(LINE_ENDS)
            for _ in range(self.draw(st.integers(0, 3)))
        )

    def table(self, parent: str = "", depth: int = 0) -> str:
        """A table, perhaps one of an array of them, and tables below it."""
        name = ".".join(filter(None, [parent, self.dotted()]))
        repeats, form = self.draw(st.sampled_from([(1, "[{}]"), (1, "[[{}]]"), (3, "[[ {} ]]")]))
        text = ""
        for _ in range(repeats):
            text += form.format(name) + self.draw(LINE_ENDS) + self.pairs()
            if depth < 2:
                for _ in range(self.draw(st.integers(0, 2))):
                    text += self.table(name, depth + 1)
        return text

    def document(self) -> str:
        return self.pairs() + "".join(self.table() for _ in range(self.draw(st.integers(0, 3))))


@st.composite
def documents(draw: Any) -> str:
    return Writer(draw).document()


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)):
            yield from paths(item, (*path, key))
        else:
            yield (*path, key)


def mark(key: str) -> str:
    """What is unique in a generated key, as it stands in the text."""
    return key.strip('A"').removesuffix(' .]="').removesuffix(" .]=")


@given(documents())
def test_every_path_that_tomllib_finds_has_its_position(text: str) -> None:
    data = tomllib.loads(text)
    found = find_positions(text)
    assert found.repeated is None
    assert set(found.of) == set(paths(data))
    for path, offset in found.of.items():
        if isinstance(key := path[-1], str):
            line_end = text.find("\n", offset)
            assert mark(key) in text[offset : line_end if line_end >= 0 else None]


@given(documents(), st.randoms(use_true_random=False))
def test_broken_text_never_raises(text: str, random: Any) -> None:
    if text:
        at = random.randrange(len(text))
        find_positions(text[:at])
        find_positions(text[:at] + random.choice("[]{}\"'=,.#\\\n") + text[at:])


@given(st.text(alphabet="ab1.=[]{}\"'\\#,\n\r -"))
@example("[" * 5000)
@example("a=" + "[" * 5000)
@example('"\\x" = 1')
@example("[[a]]\n[a]\n[a.b]")
def test_any_text_at_all_is_scanned_as_far_as_it_is_toml(text: str) -> None:
    found = find_positions(text)
    assert all(0 <= offset <= len(text) for offset in found.of.values())
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    assert set(paths(data)) <= set(found.of)


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\n[b]\nc = 2\n", ("b", "c"), 3),
        ("[b.c]\nd = 1\n[b]\ne = 2\n", ("b",), 3),
        ("[[b]]\n[[b]]\n[b.c]\nd = 1\n", ("b", 1, "c", "d"), 4),
        ("a = [\n  1,\n  2,\n]\n", ("a", 1), 3),
        ("a = { b = { c = 1 } }\n", ("a", "b", "c"), 1),
        ("a.b.c = 1\r\na.b.d = 2\r\n", ("a", "b", "d"), 2),
    ],
)
def test_lines(text: str, path: KeyPath, line: int) -> None:
    assert text.count("\n", 0, find_positions(text).of[path]) + 1 == line


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\na = 2\n", ("a",), 2),
        ("[a]\nb = [\n]\nb = [\n]\n", ("a", "b"), 4),
        ("[a]\n[b]\n[a]\n", ("a",), 3),
        ("a = { b = 1, b = 2 }\n", ("a", "b"), 1),
    ],
)
def test_a_repeated_key_is_found(text: str, path: KeyPath, line: int) -> None:
    repeated = find_positions(text).repeated
    assert repeated is not None
    assert (repeated[0], text.count("\n", 0, repeated[1]) + 1) == (path, line)


def test_a_long_text_does_not_take_the_scanner_down() -> None:
    long = "x" * 1_000_000
    text = f'a = "{long}"\nb = """{long}"""\nc = 1\n# "{long}\n'
    assert text.count("\n", 0, find_positions(text).of["c",]) + 1 == 3
