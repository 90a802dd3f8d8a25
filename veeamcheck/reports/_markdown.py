"""Markdown (GitHub's, GitLab's) in which names are code and sentences are text.

Nothing in either is markup, a link or a mention, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from veeamcheck.wording import inert

_AS_CODE = re.compile(
    r"(?<!`)`([^`|\\\s]|[^`|\\\s][^`|\\]*[^`|\\\s])`(?!`)"  # code already, as in advice
    r"|([^\s|`\\]*(?:[@#]|://|www\.)[^\s|`\\]*)"
)
"""What is shown as code: also words that web pages make links or mentions of, even escaped."""
_MARKUP = re.compile(r"[\\`*_\[\]~$]")
_BLOCK = re.compile(r"^(\d+(?=[.)](?: |$))|(?=[-+=]))")
"""Where a line would start a list or a rule."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}
_URL = re.compile(r"https?://[\w.:/?=&%~+,;-]+")


def text(sentence: str) -> str:
    """The sentence as one line that reads as it is, wherever it stands."""
    line = inert(sentence)
    pieces, end = [], 0
    for found in _AS_CODE.finditer(line):
        pieces += [_escaped(line[end : found.start()]), f"`{found[1] or found[2]}`"]
        end = found.end()
    return _BLOCK.sub(r"\1\\", "".join([*pieces, _escaped(line[end:])]))


def code(name: str) -> str:
    """The name as code, or as text where code could not hold it in a table."""
    line = inert(name)
    return text(line) if re.search(r"[|`\\]", line) or not line else f"`{line}`"


def _escaped(line: str) -> str:
    for sign, entity in _ENTITIES.items():
        line = line.replace(sign, entity)
    return _MARKUP.sub(r"\\\g<0>", line)


def autolink(url: str) -> str:
    """The address as a link, or as text where it is no address of a page."""
    return f"<{url}>" if _URL.fullmatch(url) else text(url)


def link(label: str, url: str) -> str:
    return f"[{text(label)}]({url})" if _URL.fullmatch(url) else f"{text(label)} {code(url)}"


def section(title: str, items: Iterable[str]) -> Iterator[str]:
    """A list under its heading; nothing where it is empty."""
    lines = [f"- {item}" for item in items]
    if lines:
        yield f"## {title}"
        yield "\n".join(lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
