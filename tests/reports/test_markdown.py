"""Markdown: what it says, and that nothing in a report is markup there."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.reports.golden import assert_golden
from tests.samples import all_pass, everything, flow, hostile, report, run_note
from veeamcheck.model import ReasonCode, Verdict, Waived
from veeamcheck.reports._markdown import code, text
from veeamcheck.reports.markdown import render
from veeamcheck.wording import inert

GITHUB = MarkdownIt("gfm-like")
assert GITHUB.linkify
# GitHub makes no links of bare names such as example.com.
GITHUB.linkify.set({"fuzzy_link": False})
SIGNS = "`*_[]()<>#+-=.!|~&@$:;/\\ \nw1a"


def leaves(markdown: str) -> Iterator[Token]:
    """The inline tokens of a page."""
    for token in GITHUB.parse(markdown):
        yield from token.children or ()


def shown(markdown: str) -> str:
    """What a reader sees of it."""
    return "".join(token.content for token in leaves(markdown))


def test_every_verdict() -> None:
    assert_golden("everything.md", render(everything()))


def test_all_is_well() -> None:
    assert_golden("all-pass.md", render(all_pass()))


def test_hostile_names_are_what_is_shown_and_no_more() -> None:
    page = render(hostile())
    kinds = {token.type for token in leaves(page)}
    assert kinds <= {"text", "code_inline", "link_open", "link_close", "strong_open",
                     "strong_close", "text_special", "softbreak"}  # fmt: skip
    links = [token.attrs["href"] for token in leaves(page) if token.type == "link_open"]
    assert all(str(link).startswith("https://helpcenter.veeam.com/") for link in links)
    assert "[link=http://evil]click[/link]" in shown(page)


words = st.one_of(
    st.text(SIGNS, max_size=30),
    st.text(max_size=30),
    st.from_regex(r"[0-9]{1,10}[.)] x|[-+*=#>]+ x|(@|www\.|https?://)[a-z.]{3,9}", fullmatch=True),
)


@pytest.mark.parametrize(
    ("frame", "around"),
    [("{}", ""), ("- {}", ""), ("# {}", ""), ("- **x** {}", "x"), ("|a|\n|-|\n| {} |\n", "a")],
)
@given(words)
def test_any_text_reads_as_it_is(frame: str, around: str, said: str) -> None:
    page = frame.format(text(said))
    kinds = {token.type for token in leaves(page)}
    assert kinds <= {"text", "code_inline", "text_special", "strong_open", "strong_close"}
    # What stands between backticks already is shown as code, without them.
    assert squeezed(shown(page)) == squeezed(around + inert(said))


@pytest.mark.parametrize("word", ["@all", "#12", "a@b.example", "www.evil.example", "(ftp://x)"])
def test_what_web_pages_link_all_the_same_is_code(word: str) -> None:
    assert text(f"see {word} and [b]") == f"see `{word}` and \\[b\\]"


def squeezed(line: str) -> str:
    return line.replace("`", "").replace(" ", "")


@given(words)
def test_any_name_keeps_its_table(name: str) -> None:
    page = f"| a | b |\n| --- | --- |\n| {code(name)} | end |\n"
    tokens = GITHUB.parse(page)
    cells = [token for token in tokens if token.type == "td_open"]
    assert len(cells) == 2
    assert shown(page).endswith("end")


def test_an_address_that_is_none_is_no_link() -> None:
    made = all_pass()
    rules = tuple(replace(rule, document="javascript:alert(1)") for rule in made.rules)
    page = render(replace(made, rules=rules))
    assert "| Backup Server, row 1 `javascript:alert(1)` |" in page


def test_a_waiver_without_an_end() -> None:
    waived = Waived(verdict=Verdict.UNPROVEN, reason="known", until=None)
    code = ReasonCode.IDLE_SILENT
    page = render(report([flow("r", "vbr1", "pve1", "22", Verdict.WAIVED, code, waived=waived)]))
    assert "| ? unproven | tcp 22: nothing was contacted | no end | known |" in page


def test_a_report_of_nothing() -> None:
    page = render(report([], run=run_note(vantages=())))
    assert page.startswith("# veeamcheck: - Nothing was tested from here.\n")
    assert "from nowhere" in page
