"""nftables: a file for ``nft -f``.

An accept in a table of our own would not stop a later drop, so the site's own chain must say it.
The rules stand in a chain of ours in the site's table, and a jump to it comes first in the site's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from veeamcheck.firewall.connections import End
from veeamcheck.firewall.dialects import Request, RequestError
from veeamcheck.firewall.dialects._words import about, heading, label, left_out
from veeamcheck.firewall.openings import LeftOut, Opening

TAKES_NAMES = False
ONLY_OWN = False
HAS_CHAINS = True

FORWARD = ("inet filter forward",)
OWN = ("inet filter input", "inet filter output")

_CHAIN = re.compile(r"(ip|ip6|inet) ([A-Za-z_][A-Za-z0-9_.-]*) ([A-Za-z_][A-Za-z0-9_.-]*)")
_VERSIONS = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}
_LONGEST_COMMENT = 120
"""Characters; nftables takes 128 bytes."""


class _Chain(NamedTuple):
    """A chain of the site's, and ours that it jumps to."""

    family: str
    table: str
    name: str
    own: str

    @property
    def place(self) -> str:
        return f"{self.family} {self.table}"


def render(request: Request) -> str:
    chains, without_chain = _chains(request)
    missing = list(request.left_out)
    blocks = []
    for chain, openings in chains:
        fitting = [each for each in openings if each.version in _VERSIONS[chain.family]]
        missing += [
            LeftOut(each, f"{chain.place} is not for IPv{each.version}")
            for each in openings
            if each not in fitting
        ]
        blocks.append((chain, fitting))
    missing += [LeftOut(each, "no chain was named for what leaves") for each in without_chain]
    if not any(openings for _, openings in blocks):
        blocks = []
    used = [chain for chain, _ in blocks]
    comments = [*heading(request), *_usage(used), *left_out(missing)]
    lines = [f"# {line}".rstrip() for line in comments]
    for chain, openings in blocks:
        lines += ["", *_block(chain, openings)]
    return "\n".join(lines) + "\n"


def _chains(
    request: Request,
) -> tuple[list[tuple[_Chain, Sequence[Opening]]], Sequence[Opening]]:
    """The chains with what each has to let through, and what no chain was named for.

    RequestError where the chains that were named can't be.
    """
    if request.host is None:
        (forward,) = _parsed(request, FORWARD, {""})
        return [(forward, request.openings)], ()
    incoming = [each for each in request.openings if request.is_incoming(each)]
    outgoing = [each for each in request.openings if not request.is_incoming(each)]
    first, *second = _parsed(request, OWN, ("-in", "-out"))
    if not second:
        return [(first, incoming)], outgoing
    return [(first, incoming), (second[0], outgoing)], ()


def _parsed(request: Request, usual: Sequence[str], suffixes: Iterable[str]) -> list[_Chain]:
    named = request.chains or usual
    if len(named) > len(usual):
        raise RequestError(f"{len(named)} chains were named, but at most {len(usual)} can be used")
    found = []
    for text, suffix in zip(named, suffixes, strict=False):
        match = _CHAIN.fullmatch(text)
        if not match:
            raise RequestError(
                f"{text!r} is no chain; write family, table and chain as in {usual[0]!r} "
                "(the family is ip, ip6 or inet)"
            )
        found.append(_Chain(match[1], match[2], match[3], f"{request.name}{suffix}"))
    return found


def _usage(chains: Sequence[_Chain]) -> Iterator[str]:
    if not chains:
        return
    yield ""
    yield "Load it, also again:  nft -f FILE"
    yield "  (again replaces the rules; it adds another jump, which changes nothing)"
    yield "Remove it:"
    for chain in chains:
        where, jump = f"{chain.place} {chain.name}", f"jump {chain.own}"
        yield (
            f"  for h in $(nft -a list chain {where} | sed -n 's/.*{jump} .*# handle //p'); "
            f"do nft delete rule {where} handle $h; done"
        )
        yield f"  nft delete chain {chain.place} {chain.own}"
    yield ""


def _block(chain: _Chain, openings: Iterable[Opening]) -> Iterator[str]:
    own = f"{chain.place} {chain.own}"
    yield f"add chain {own}"
    yield f"flush chain {own}"
    yield "# Replies, also to what goes the other way."
    yield f"add rule {own} ct state established,related accept"
    for opening in openings:
        yield from (f"# {line}" for line in about(opening))
        yield f"add rule {own} {_match(opening)} accept comment {_comment(opening)}"
    yield "# Before whatever else decides here."
    yield f'insert rule {chain.place} {chain.name} jump {chain.own} comment "{chain.own}"'


def _match(opening: Opening) -> str:
    ip = "ip6" if opening.version == 6 else "ip"
    ports = _one_or_set(str(opening.ports).split(","))
    return (
        f"{ip} saddr {_addresses(opening.sources)} {ip} daddr {_addresses(opening.targets)} "
        f"{opening.transport} dport {ports}"
    )


def _addresses(ends: Iterable[End]) -> str:
    return _one_or_set(dict.fromkeys(end.address for end in ends))


def _one_or_set(items: Iterable[str]) -> str:
    several = list(items)
    return several[0] if len(several) == 1 else f"{{ {', '.join(several)} }}"


def _comment(opening: Opening) -> str:
    return f'"{label(opening.rules, _LONGEST_COMMENT)}"'
