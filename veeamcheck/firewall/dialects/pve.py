"""The firewall of Proxmox VE: rules for its *.fw files.

With a host they are that host's own, be it a node or a guest; without, those of a node that routes
between the ends, which takes the firewall on nftables. Addresses are written out: a node's file
cannot define sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from veeamcheck.firewall.connections import End
from veeamcheck.firewall.dialects import Request
from veeamcheck.firewall.dialects._words import about, heading, label, left_out
from veeamcheck.firewall.openings import Opening
from veeamcheck.ports import PortSet

TAKES_NAMES = False
ONLY_OWN = False
HAS_CHAINS = False

_MOST_NUMBERS = 15
"""Of ports in one rule; a run counts as two."""


def render(request: Request) -> str:
    lines = [*heading(request), "", *_usage(request), "", *left_out(request.left_out)]
    text = [f"# {line}".rstrip() for line in lines]
    if request.openings:
        text.append("[RULES]")
    for opening in request.openings:
        text += [f"# {line}" for line in about(opening)]
        text += _rules(request, opening)
    return "\n".join([*text, ""])


def _usage(request: Request) -> Iterator[str]:
    if request.host:
        yield "For a node: /etc/pve/nodes/NODE/host.fw. For a guest: /etc/pve/firewall/VMID.fw."
    else:
        yield "For a node that routes: /etc/pve/nodes/NODE/host.fw. Only the firewall on nftables"
        yield "filters what is forwarded; the older one ignores these rules."
    yield "Put the rules below [RULES], before those that drop or reject. The firewall lets the"
    yield "way back through by itself. Try the file first:  pve-firewall compile"
    yield f"Remove them:  sed -i '/ # {request.name}: /d' FILE"


def _rules(request: Request, opening: Opening) -> Iterator[str]:
    way = "FORWARD"
    if request.host:
        way = "IN" if request.is_incoming(opening) else "OUT"
    for ports in _portions(opening.ports):
        yield (
            f"{way} ACCEPT -source {_addresses(opening.sources)} "
            f"-dest {_addresses(opening.targets)} -p {opening.transport} -dport {ports} "
            f"# {request.name}: {label(opening.rules)}"
        )


def _portions(ports: PortSet) -> Iterator[str]:
    """The ports in lists that are not too long for one rule."""
    portion: list[str] = []
    numbers = 0
    for first, last in ports.runs:
        more = 1 if first == last else 2
        if numbers + more > _MOST_NUMBERS:
            yield ",".join(portion)
            portion, numbers = [], 0
        portion.append(str(first) if first == last else f"{first}:{last}")
        numbers += more
    yield ",".join(portion)


def _addresses(ends: Iterable[End]) -> str:
    return ",".join(dict.fromkeys(end.address for end in ends))
