"""Probe scripts as texts; the lab runs them."""

import json
import re
import subprocess
from dataclasses import replace

import pytest

from veeamcheck.auditing.contacts import Contact, Contacts
from veeamcheck.script import dialects, render

HOSTILE = "a'b\"c$(touch x)`touch y`;touch z\n@NAMES@ ’‘é\\"

PLAIN = Contacts(
    vantage="vbr1",
    fingerprint="f00",
    full_range=False,
    names=("repo1.example.com",),
    closed=(4000, 4001),
    contacts=(
        Contact(0, "10.0.0.5", (22, 4000, 4001)),
        Contact(0, "repo1.example.com", (6162, 4000, 4001)),
        Contact(1, "10.0.0.5", (2500, 2600, 2700)),
    ),
)


def test_dialects_are_the_files() -> None:
    assert dialects() == ["powershell", "sh"]
    with pytest.raises(KeyError):
        render("_template", PLAIN)


@pytest.mark.parametrize("name", ["sh", "powershell"])
def test_every_mark_is_filled_in_and_the_same_input_gives_the_same_script(name: str) -> None:
    text = render(name, PLAIN)
    assert not re.search("@[A-Z]+@", text)
    assert text == render(name, PLAIN)
    assert text.isascii()


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_sh_is_syntactically_right_and_reads_back_what_it_was_given(shell: str) -> None:
    text = render("sh", replace(PLAIN, vantage=HOSTILE, names=(HOSTILE,)))
    given, _, _ = text.partition("say() {")
    printing = given + 'printf \'%s}\\n%s\' "$head" "$names"'

    checked = subprocess.run([shell, "-n"], input=text, text=True, check=False)
    ran = subprocess.run([shell], input=printing, capture_output=True, text=True, check=True)

    assert checked.returncode == 0
    head, _, names = ran.stdout.partition("\n")
    assert json.loads(head)["vantage"] == HOSTILE
    assert names == HOSTILE


def test_powershell_is_given_one_ascii_literal_that_cannot_end_early() -> None:
    text = render("powershell", replace(PLAIN, vantage=HOSTILE))

    literal = re.search(r"^\$task = '((?:[^']|'')*)' \| ConvertFrom-Json\r$", text, re.MULTILINE)

    assert literal
    task = json.loads(literal[1].replace("''", "'"))
    assert task["vantage"] == HOSTILE
    assert task["contacts"][2] == {
        "group": 1, "address": "10.0.0.5", "ports": [2500, 2600, 2700]
    }  # fmt: skip


def test_powershell_tests_the_language_mode_before_it_uses_what_that_forbids() -> None:
    before, mode, after = render("powershell", PLAIN).partition("LanguageMode -ne 'FullLanguage'")
    assert mode
    forbidden = re.compile(r"\[System|\[Console|New-Object")
    assert not forbidden.search(before)
    refusal, exits, rest = after.partition("exit 2")
    assert exits
    assert not forbidden.search(refusal)
    assert forbidden.search(rest)


def test_powershell_uses_windows_line_ends() -> None:
    assert re.search(r"(?<!\r)\n", render("powershell", PLAIN)) is None
