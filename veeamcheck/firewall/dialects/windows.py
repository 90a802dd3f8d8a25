"""Windows Defender Firewall: a script for PowerShell 5.1, to run on the host as administrator.

A rule's name tells what is in it, so running the script again leaves the right rules alone (jobs
that run over them are not cut off), adds what is missing and removes what is no longer needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from veeamcheck.firewall.connections import End
from veeamcheck.firewall.dialects import Request
from veeamcheck.firewall.dialects._words import about, documents, heading, label, left_out, plain
from veeamcheck.firewall.openings import Opening

TAKES_NAMES = False
ONLY_OWN = True
HAS_CHAINS = False


def render(request: Request) -> str:
    comments = [
        *heading(request),
        "",
        "Run it on that host as administrator, also again. A rule that blocks wins over these.",
        f"Remove them:  Remove-NetFirewallRule -Group {_quoted(request.name)}",
        "",
        *left_out(request.left_out),
    ]
    lines = [f"# {line}".rstrip() for line in comments]
    lines += ["#Requires -RunAsAdministrator", "$ErrorActionPreference = 'Stop'", ""]
    names = []
    for opening in request.openings:
        name = _name(request, opening)
        names.append(name)
        lines += [f"# {line}" for line in about(opening)]
        lines.append(
            f"if (-not (Get-NetFirewallRule -Name {_quoted(name)} "
            "-ErrorAction SilentlyContinue)) {"
        )
        lines.append(f"    New-NetFirewallRule {' '.join(_parameters(request, opening, name))}")
        lines += ["}", ""]
    lines += [
        f"$wanted = @({', '.join(map(_quoted, names))})",
        f"Get-NetFirewallRule -Group {_quoted(request.name)} -ErrorAction SilentlyContinue |",
        "    Where-Object { $wanted -notcontains $_.Name } | Remove-NetFirewallRule",
        "",
    ]
    return "\r\n".join(lines)


def _parameters(request: Request, opening: Opening, name: str) -> Iterator[str]:
    yield f"-Name {_quoted(name)}"
    yield f"-DisplayName {_quoted(f'{request.name}: {label(opening.rules)}')}"
    yield f"-Group {_quoted(request.name)}"
    yield f"-Description {_quoted(_description(opening))}"
    yield from _what(request, opening)
    yield "| Out-Null"


def _what(request: Request, opening: Opening) -> Iterator[str]:
    """All that decides what the rule lets through."""
    incoming = request.is_incoming(opening)
    own, others = opening.sources, opening.targets
    if incoming:
        own, others = others, own
    yield f"-Direction {'Inbound' if incoming else 'Outbound'} -Action Allow -Profile Any"
    yield f"-Protocol {opening.transport.upper()}"
    ports = _list(str(opening.ports).split(","))
    yield f"-{'LocalPort' if incoming else 'RemotePort'} {ports}"
    yield f"-LocalAddress {_addresses(own)} -RemoteAddress {_addresses(others)}"


def _name(request: Request, opening: Opening) -> str:
    way = "in" if request.is_incoming(opening) else "out"
    content = " ".join(_what(request, opening))
    return f"{request.name}-{way}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _description(opening: Opening) -> str:
    pages = documents(Request(openings=(opening,)))
    # Windows allows no bar in it.
    return plain("; ".join([label(opening.rules, 300), *pages])).replace("|", "/")


def _addresses(ends: Iterable[End]) -> str:
    return _list(dict.fromkeys(end.address for end in ends))


def _list(items: Iterable[str]) -> str:
    return ",".join(map(_quoted, items))


def _quoted(text: str) -> str:
    """A string literal. Only for ASCII: PowerShell takes typographic quotes for quotes too."""
    assert text.isascii()
    return "'" + text.replace("'", "''") + "'"
