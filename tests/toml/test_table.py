from collections.abc import Callable
from enum import StrEnum

import pytest

from veeamcheck.model import InputError
from veeamcheck.ports import PortSet
from veeamcheck.toml.table import Notes, Table
from veeamcheck.toml.text import read_toml


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


def table(text: str) -> Table:
    toml = read_toml(text, "f")
    return Table(Notes(toml), toml.data)


@pytest.mark.parametrize(
    ("text", "read", "value"),
    [
        ('k = "x"', lambda t: t.string("k"), "x"),
        ("", lambda t: t.string("k", "default"), "default"),
        ('k = ""', lambda t: t.string("k", ""), ""),
        ('k = "x"', lambda t: t.optional_string("k"), "x"),
        ("", lambda t: t.optional_string("k"), None),
        ("k = false", lambda t: t.boolean("k", True), False),
        ("", lambda t: t.boolean("k", True), True),
        ("k = 7", lambda t: t.integer("k", 1, 7), 7),
        ('k = "green"', lambda t: t.choice("k", Colour.RED), Colour.GREEN),
        ("", lambda t: t.choice("k", Colour.RED), Colour.RED),
        ('k = ["a", "b"]', lambda t: t.strings("k", ""), ("a", "b")),
        ('k = "a"', lambda t: t.strings("k", "", or_one=True), ("a",)),
        ("", lambda t: t.strings("k", "", default=("d",)), ("d",)),
        ("k = 22", lambda t: t.ports("k"), (PortSet.of([22]),)),
        ('k = [22, "1-3"]', lambda t: t.ports("k"), (PortSet.of([22]), PortSet.of([1, 2, 3]))),
        ("[k]\na = 1", lambda t: dict(t.table("k").data), {"a": 1}),
        ("", lambda t: dict(t.table("k").data), {}),
        ("[k]\n[l]", lambda t: [name for name, _ in t.tables()], ["k", "l"]),
        ("[[k]]\na = 1\n[[k]]", lambda t: [dict(i.data) for i in t.items("k")], [{"a": 1}, {}]),
        ("[k]\na = 1", lambda t: [dict(i.data) for i in t.items("k", or_one=True)], [{"a": 1}]),
    ],
)
def test_values(text: str, read: Callable[[Table], object], value: object) -> None:
    read_table = table(text)
    assert read(read_table) == value
    assert read_table.notes.problems == []


TEXT = 'write a text in quotes: "..."'
LIST = 'write a list of texts such as ["a"]'
PORTS = 'write a port such as 6162, a run such as "2500-3300", or a list of them'


@pytest.mark.parametrize(
    ("text", "read", "message"),
    [
        ("", lambda t: t.string("k"), f"f:1: k: is missing; {TEXT}"),
        ("\nk = 1", lambda t: t.string("k"), f"f:2: k: is the number 1; {TEXT}"),
        ('k = " "', lambda t: t.string("k"), f"f:1: k: is empty; {TEXT}"),
        ('k = ""', lambda t: t.string("k", "x"), f"f:1: k: is empty; {TEXT}"),
        ('k = ""', lambda t: t.optional_string("k"), f"f:1: k: is empty; {TEXT}"),
        (
            'k = "true"',
            lambda t: t.boolean("k", False),
            "f:1: k: is the text 'true'; write true or false, without quotes",
        ),
        ("", lambda t: t.integer("k", 1), "f:1: k: is missing; write a whole number from 1"),
        (
            "k = true",
            lambda t: t.integer("k", 1, 9),
            "f:1: k: is true; write a whole number from 1 to 9, without quotes",
        ),
        (
            "k = 10",
            lambda t: t.integer("k", 1, 9),
            "f:1: k: is 10; write a whole number from 1 to 9",
        ),
        (
            'k = "rde"',
            lambda t: t.choice("k", Colour.RED),
            "f:1: k: 'rde' is no known value; did you mean 'red'?",
        ),
        (
            "k = 2027-01-31",
            lambda t: t.choice("k", Colour.RED),
            "f:1: k: is the date or time 2027-01-31; write red or green",
        ),
        (
            "",
            lambda t: t.choice("k", Colour.RED, required=True),
            "f:1: k: is missing; write red or green",
        ),
        ('k = "a"', lambda t: t.strings("k", '["a"]'), f"f:1: k: is the text 'a'; {LIST}"),
        (
            'k = ["a",\n1]',
            lambda t: t.strings("k", '["a"]'),
            f"f:2: k: has an item that is the number 1; {LIST}",
        ),
        (
            'k = ["a", "a"]',
            lambda t: t.strings("k", '["a"]'),
            "f:1: k: has 'a' twice; write it once",
        ),
        ("k = []", lambda t: t.ports("k"), f"f:1: k: is empty; {PORTS}"),
        ("k = true", lambda t: t.ports("k"), f"f:1: k: has true; {PORTS}"),
        ("k = 1.5", lambda t: t.ports("k"), f"f:1: k: has the number 1.5; {PORTS}"),
        (
            'k = [22, "9-1"]',
            lambda t: t.ports("k"),
            f"f:1: k: the run 9-1 ends before it starts; {PORTS}",
        ),
        ("k = -1", lambda t: t.ports("k"), f"f:1: k: '-1' is no port or run of ports; {PORTS}"),
        ("k = [1]", lambda t: t.table("k"), "f:1: k: is a list; write a table: [k]"),
        (
            "k = 1",
            lambda t: list(t.tables()),
            "f:1: k: is the number 1; write a table: [k]",
        ),
        ("[k]", lambda t: t.items("k"), "f:1: k: is a table; write [[k]] for each"),
        (
            "k = [{},\n1]",
            lambda t: t.items("k"),
            "f:2: k: has an item that is the number 1; write [[k]] for each",
        ),
        ("kk = 1", lambda t: t.only(["k"]), "f:1: kk: 'kk' is no known key; did you mean 'k'?"),
        (
            "zz = 1",
            lambda t: t.only(["k", "l", "m"]),
            "f:1: zz: 'zz' is no known key; write one of k, l, m",
        ),
    ],
)
def test_mistakes_are_noted_and_reading_goes_on(
    text: str, read: Callable[[Table], object], message: str
) -> None:
    read_table = table(text)
    read(read_table)
    with pytest.raises(InputError) as error:
        read_table.notes.raise_problems()
    assert str(error.value) == message
