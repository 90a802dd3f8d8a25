"""One row a connection, as a firewall team asks for it; spreadsheets open it without harm.

What is left out has no row: a row would be taken for a request.
"""

from __future__ import annotations

from collections.abc import Iterable

from veeamcheck.firewall.connections import End
from veeamcheck.firewall.dialects import Request
from veeamcheck.firewall.openings import Opening
from veeamcheck.reports.csv import table

TAKES_NAMES = True
ONLY_OWN = False
HAS_CHAINS = False

COLUMNS = (
    "source",
    "source address",
    "destination",
    "destination address",
    "protocol",
    "ports",
    "rules",
    "reason",
    "document",
)


def render(request: Request) -> str:
    return table(COLUMNS, map(row, request.openings))


def row(opening: Opening) -> tuple[str, ...]:
    """The cells of a connection, as they are."""
    return (
        _each(end.host for end in opening.sources),
        _addresses(opening.sources),
        _each(end.host for end in opening.targets),
        _addresses(opening.targets),
        opening.transport,
        ", ".join(str(opening.ports).split(",")),
        _each(rule.id for rule in opening.rules),
        " ".join(dict.fromkeys(rule.purpose for rule in opening.rules)),
        _each(rule.document for rule in opening.rules),
    )


def _addresses(ends: Iterable[End]) -> str:
    return _each(end.address for end in ends if end.address)


def _each(items: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(items))
