"""What dialects say in the same words: where rules come from, what each is for, what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from veeamcheck import __version__
from veeamcheck.firewall.connections import End
from veeamcheck.firewall.dialects import Request
from veeamcheck.firewall.openings import LeftOut, Opening
from veeamcheck.model import RuleNote
from veeamcheck.wording import inert

_BEYOND_LABEL = re.compile(r"[^A-Za-z0-9 ,._-]")


def plain(text: str) -> str:
    """One line of printable ASCII, for a comment: firewalls differ in the encodings they know."""
    return inert(text).encode("ascii", "backslashreplace").decode()


def label(rules: Sequence[RuleNote], most: int = 100) -> str:
    """The ids of the rules in at most so many characters, none of which any dialect gives a
    meaning to: ``worker-pve-api, worker-pve-ssh and 3 more``.
    """
    ids = [_BEYOND_LABEL.sub("_", rule.id) for rule in rules]
    for shown in range(len(ids), 0, -1):
        rest = len(ids) - shown
        text = ", ".join(ids[:shown]) + (f" and {rest} more" if rest else "")
        if len(text) <= most:
            return text
    return f"{ids[0][: most - 3]}..." if ids else ""


def documents(request: Request) -> list[str]:
    """The vendor pages that need any of it, each once."""
    rules = (rule for opening in request.openings for rule in opening.rules)
    return [document for document in dict.fromkeys(rule.document for rule in rules) if document]


def title(request: Request) -> str:
    """What this is, in one line."""
    where = f"on {request.host}" if request.host else "in between"
    return (
        f"veeamcheck {__version__}: what the firewall {where} must let through, "
        f"made of {request.made_of}"
    )


def heading(request: Request) -> list[str]:
    """What this is, and the vendor's pages: the first lines of a file."""
    return [plain(title(request)), *map(plain, documents(request))]


def ends_text(ends: Iterable[End]) -> str:
    """``pve1 (10.0.10.20), pve2 (10.0.10.21)``; a host with several addresses once."""
    addresses: dict[str, list[str]] = {}
    for end in ends:
        addresses.setdefault(end.host, [])
        if end.address not in ("", end.host):
            addresses[end.host].append(end.address)
    return ", ".join(
        f"{host} ({', '.join(own)})" if own else host for host, own in addresses.items()
    )


def connections_text(opening: Opening) -> str:
    """``worker1 (10.0.20.11) -> pve1 (10.0.10.20) tcp 22,8006``."""
    return (
        f"{ends_text(opening.sources)} -> {ends_text(opening.targets)} "
        f"{opening.transport} {opening.ports}"
    )


def about(opening: Opening) -> list[str]:
    """The comment above a rule: who, and for each documented rule its row and purpose."""
    return [
        plain(f"{ends_text(opening.sources)} -> {ends_text(opening.targets)}"),
        *(plain(f"{rule.id} ({rule_row(rule)}): {rule.purpose}") for rule in opening.rules),
    ]


def rule_row(rule: RuleNote) -> str:
    """Where it stands in its document."""
    return f"{rule.section}, row {rule.row}"


def left_out(items: Iterable[LeftOut]) -> list[str]:
    """A line for each connection that is not among the rules, with its rules and the reason."""
    return [
        plain(f"not in here: {connections_text(item.opening)} ({_ids(item.opening)}): {item.why}")
        for item in items
    ]


def _ids(opening: Opening) -> str:
    return ", ".join(rule.id for rule in opening.rules)
