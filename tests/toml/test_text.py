from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from veeamcheck.model import InputError
from veeamcheck.toml.text import key_text, read_text, read_toml, suggest


def mistake(text: str) -> str:
    with pytest.raises(InputError) as error:
        read_toml(text, "f")
    (problem,) = error.value.problems
    return str(problem)


TEXT = """\
[audit]
phase = "live"

[hosts.a]
address = [
  "10.0.0.1",
  "10.0.0.2",
]

[[waive]]
flow = "x"
[[waive]]
flow = "y"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("audit", "phase"), 2),
        (("hosts", "a", "address", 1), 7),
        (("hosts", "a", "roles"), 4),
        (("hosts", "b", "roles"), 4),
        (("waive", 1), 12),
        (("waive", 1, "flow"), 13),
        (("nowhere", 3, "x"), 1),
    ],
)
def test_a_path_has_the_line_of_itself_or_its_nearest_parent(
    path: tuple[Any, ...], line: int
) -> None:
    assert read_toml(TEXT, "f").line(*path) == line


def test_a_problem_says_file_line_key_and_what() -> None:
    problem = read_toml(TEXT, "f").problem(("hosts", "a", "address", 1), "is wrong; write right")
    assert str(problem) == "f:7: hosts.a.address: is wrong; write right"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("hosts", "a.b", "roles"), 'hosts."a.b".roles'),
        (("waive", 0, "flow"), "waive.flow"),
        (("", "a\nb"), '""."a\\nb"'),
        ((), ""),
    ],
)
def test_keys_are_shown_as_toml_writes_them(path: tuple[Any, ...], text: str) -> None:
    assert key_text(path) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = x\n", 'f:1:5: a text needs quotes; write "x"'),
        ("a = vbr1.example.com\n", 'f:1:5: a text needs quotes; write "vbr1.example.com"'),
        ("a = [x]\n", 'f:1:6: a text needs quotes; write "x"'),
        ("\na = 10.0.0.1 # one\n", 'f:2:9: a text needs quotes; write "10.0.0.1"'),
        ("a = True\n", "f:1:5: True is no value; write true"),
        ("a = “x”\n", 'f:1:5: typographic quotes; write straight ones: "'),
        ("a = \n", "f:1:5: a value is missing or is none; put a text in quotes"),
        ("a =", "f:1: a value is missing or is none; put a text in quotes"),
        (
            'a = ["x"\nb = 2\n',
            "f:1:9: a list is not closed; put commas between its items and ] at its end",
        ),
        (
            'a = [\n"x"\n\n"y"]\n',
            "f:2:4: a list is not closed; put commas between its items and ] at its end",
        ),
        (
            'a = [\n"x"\n\n',
            "f:2:4: a list is not closed; put commas between its items and ] at its end",
        ),
        (
            "a = {b=1\n",
            "f:1:9: a table in braces is not closed; put commas between its items and } at its end",
        ),
        ('a = "x\nb = 1\n', "f:1:7: a text is not ended on its line; end it with a quote"),
        (
            'a = """x\nb = 1\n',
            "f:2: a text is not ended; end it with the quotes that it begins with",
        ),
        (
            'a = "C:\\keys"\n',
            "f:1:10: a backslash stands in a text in double quotes; write it twice, or put the "
            "text in 'single quotes'",
        ),
        ("a = 2027-02-30\n", "f:1:5: there is no such date; write it as 2027-01-31"),
        (
            'a = "x" y\n',
            "f:1:9: something stands after the value; put it on a line of its own, or the whole "
            "value in quotes",
        ),
        (
            "a: 1\n",
            "f:1:2: a key has no value; write key = value, and put a key with other characters "
            "than letters, digits, - and _ in quotes",
        ),
        (
            "[hosts.my host]\n",
            "f:1:11: the name of a table is not closed with a bracket; write [hosts.NAME], and "
            "put a name with other characters than letters, digits, - and _ in quotes",
        ),
        (
            "[hosts.ä]\n",
            "f:1:8: a name is missing or has other characters than letters, digits, - and _; "
            "put such a name in quotes",
        ),
        (
            "= 1\n",
            "f:1:1: is neither a key with a value nor a table; write key = value or [table]",
        ),
        ('a = "\1"\n', "f:1:6: a control character is in a text; remove it"),
        ("a = 1 # \0\n", "f:1:9: a control character is in the file; remove it"),
        ("a=1\na=2\n", "f:2:1: a: is written twice, first on line 1; join the two, or rename one"),
        (
            "[hosts.a]\nb = 1\n[hosts.c]\n\n[hosts.a]\n",
            "f:5:1: hosts.a: is written twice, first on line 1; join the two, or rename one",
        ),
        (
            "a = [\n1]\na = [\n2]\nb = [\n",
            "f:3:1: a: is written twice, first on line 1; join the two, or rename one",
        ),
        (
            "a = {}\n[a.b]\n",
            "f:2:5: a key or table is written twice; join the two, or rename one",
        ),
        ("a=" + "[" * 5000, "f:1: is nested too deeply to be read; write it flat"),
        (
            "a=" + "9" * 5000,
            "f:1: has a number with thousands of digits; write a real one",
        ),
    ],
)
def test_syntax_errors_stand_alone_and_say_what_to_write(text: str, message: str) -> None:
    assert mistake(text) == message


@given(st.text() | st.text(alphabet="ab1.=[]{}\"'\\#,\n\r -"))
@example("\ufeffa = 1")
def test_every_text_is_read_or_refused(text: str) -> None:
    try:
        toml = read_toml(text, "f")
    except InputError as error:
        (problem,) = error.problems
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.column is None or problem.column >= 1
    else:
        assert toml.line() == 1


@pytest.mark.parametrize(
    "data", [b"a = 1\n", b"a = 1\r\n", b"\xef\xbb\xbfa = 1\n"], ids=["plain", "crlf", "bom"]
)
def test_utf8_is_read(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "f.toml"
    file.write_bytes(data)
    assert read_toml(read_text(file, "f", if_missing=""), "f").data == {"a": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = 1\nb = '\xe4'\n", "f:2: is not UTF-8 (byte 0xe4); save it as UTF-8"),
        ("a = 1\n".encode("utf-16"), "f:1: is UTF-16; save it as UTF-8"),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "f.toml"
    file.write_bytes(data)
    with pytest.raises(InputError, match="UTF-8") as error:
        read_text(file, "f", if_missing="")
    assert str(error.value) == message


class Unreadable:
    def is_dir(self) -> bool:
        return False

    def read_bytes(self) -> bytes:
        raise PermissionError(13, "Permission denied")


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    for source, message in [
        (tmp_path, "f:1: is a directory; name the file itself"),
        (tmp_path / "none.toml", "f:1: does not exist; write one"),
        (tmp_path / "a\0b", "f:1: can't be read (embedded null"),
        (Unreadable(), "f:1: can't be read (Permission denied); check its name and permissions"),
    ]:
        with pytest.raises(InputError) as error:
            read_text(source, "f", if_missing="write one")
        assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("word", "suggestion"),
    [
        ("wroker", "; did you mean 'worker'?"),
        ("Worker", "; did you mean 'worker'?"),
        ("repo", "; did you mean 'repository'?"),
        ("windows", ""),
        ("", ""),
    ],
)
def test_suggestions(word: str, suggestion: str) -> None:
    assert suggest(word, ["worker", "repository", "gateway"]) == suggestion
