"""Markdown (GitHub's, GitLab's): a table for the ticket to the firewall team."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from veeamcheck.firewall.connections import End
from veeamcheck.firewall.dialects import Request
from veeamcheck.firewall.dialects._words import connections_text, documents, title
from veeamcheck.firewall.openings import Opening
from veeamcheck.reports._markdown import autolink, code, section, table, text

TAKES_NAMES = True
ONLY_OWN = False
HAS_CHAINS = False


def render(request: Request) -> str:
    return "\n\n".join(_blocks(request)) + "\n"


def _blocks(request: Request) -> Iterator[str]:
    yield "# Firewall request"
    yield text(title(request)) + "."
    if request.openings:
        yield table(
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
    yield from section("Documents", map(autolink, documents(request)))
    yield from section(
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


def _told(opening: Opening) -> str:
    return f"{connections_text(opening)} ({', '.join(rule.id for rule in opening.rules)})"
