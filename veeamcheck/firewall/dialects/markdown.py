"""Markdown (GitHub's, GitLab's): a table for the ticket to the firewall team."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from veeamcheck.firewall.connections import End
from veeamcheck.firewall.dialects import Request
from veeamcheck.firewall.dialects._words import connections_text, documents, title
from veeamcheck.firewall.openings import Opening
from veeamcheck.reports.markdown import code, text

TAKES_NAMES = True
ONLY_OWN = False
HAS_CHAINS = False

_URL = re.compile(r"https?://[\w.:/?=&%~+,;-]+")


def render(request: Request) -> str:
    return "\n\n".join(_blocks(request)) + "\n"


def _blocks(request: Request) -> Iterator[str]:
    yield "# Firewall request"
    yield text(title(request)) + "."
    if request.openings:
        yield _table(
            ("Source", "Destination", "Protocol", "Ports", "Rules", "Reason"),
            [
                (
                    _ends(each.sources),
                    _ends(each.targets),
                    each.transport,
                    ", ".join(str(each.ports).split(",")),
                    ", ".join(code(rule.id) for rule in each.rules),
                    text(" ".join(dict.fromkeys(rule.purpose for rule in each.rules))),
                )
                for each in request.openings
            ],
        )
        yield "Replies belong to it: the firewall is taken to be stateful."
    yield from _list("Documents", map(_page, documents(request)))
    yield from _list(
        "Not in the request",
        (f"{text(_told(item.opening))}: {text(item.why)}" for item in request.left_out),
    )


def _ends(ends: Sequence[End]) -> str:
    return ", ".join(
        f"{code(end.host)} {code(end.address)}"
        if end.address not in ("", end.host)
        else code(end.host)
        for end in ends
    )


def _page(url: str) -> str:
    return f"<{url}>" if _URL.fullmatch(url) else text(url)


def _told(opening: Opening) -> str:
    return f"{connections_text(opening)} ({', '.join(rule.id for rule in opening.rules)})"


def _list(heading: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"- {item}" for item in items]
    if lines:
        yield f"## {heading}"
        yield "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
