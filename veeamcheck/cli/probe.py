"""Probe ports of one host and say what was proven.

Needs no inventory. PORT is a port, a run, or several: 6162, 2500-3300, 22,135-139. With the key of
`veeamcheck listen` in its usual place, or in --key-file, a listener on these ports is recognised.

Examples:

    veeamcheck probe repo1.example.com 6162 2500-2510
    veeamcheck probe pve1.example.com 8006 --service https
    veeamcheck probe ntp1.example.com 123 --udp

With --service, whoever accepts is also asked whether it is that service, without a login.

Exit status: 0 if every port is open, 1 if one is not, 3 if this machine could not try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Annotated

import typer

from veeamcheck.auditing.once import probe_ports
from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import Status
from veeamcheck.cli._input import listener_key
from veeamcheck.model import Evidence, Signal
from veeamcheck.ports import PortSet
from veeamcheck.probes import services
from veeamcheck.toml.table import unknown
from veeamcheck.verdict import meaning

app = new_app()


def _ports(text: str) -> PortSet:
    try:
        return PortSet.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


SERVICES = [name for name in services() if name != "ntp"]


def _service(name: str) -> str:
    if name not in ("tcp", *SERVICES):
        raise typer.BadParameter(unknown("service", name, ["tcp", *SERVICES]))
    return name


@app.command(help=help_text(__doc__))
def probe(
    host: Annotated[str, typer.Argument(help="An address or a name.")],
    port: Annotated[list[PortSet], typer.Argument(help="What to contact.", parser=_ports)],
    udp: Annotated[
        bool,
        typer.Option(
            "--udp", help="An NTP exchange over UDP: the one UDP service that can be proven."
        ),
    ] = False,
    service: Annotated[
        str,
        typer.Option(
            help=f"What must answer over TCP: {', '.join(SERVICES)}; tcp: any that accepts.",
            callback=_service,
            metavar="NAME",
        ),
    ] = "tcp",
    pace: _options.Pace = "normal",
    key_file: _options.KeyFile = None,
) -> int:
    evidence = asyncio.run(
        probe_ports(
            host,
            reduce(or_, port),
            transport="udp" if udp else "tcp",
            service="ntp" if udp else service,
            pace=pace,
            key=None if udp else listener_key(key_file),
        )
    )
    for line in lines(evidence):
        typer.echo(line)
    return status_of(evidence)


_WORDS = {
    Signal.OPEN: "something answers",
    Signal.REFUSED: "the path is clear, but nothing listens there",
    Signal.REJECTED: "refused on the way, not by the host",
    Signal.SILENT: "no answer to any attempt: dropped on the way or by the host, or it is down",
    Signal.UNREACHABLE: "no way there, or the host is down",
    Signal.UNRESOLVED: "the name has no address",
    Signal.INVALID: "the path is clear, but what answers is not the service",
    Signal.LOCAL_ERROR: "this machine could not try; nothing is said about the path",
}


def lines(evidence: Sequence[Evidence]) -> list[str]:
    """A line for each run of ports that showed the same: where, what, and what it proves."""
    cells = [
        (row.address, str(row.ports), str(row.signal), what_it_proves(row)) for row in evidence
    ]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(3)]
    return [
        "  ".join([*(f"{text:<{width}}" for text, width in zip(row, widths, strict=False)), row[3]])
        for row in cells
    ]


def what_it_proves(row: Evidence) -> str:
    """The signal in words, with who sent it and how long it took."""
    words = "the service answers" if row.proven else _WORDS[row.signal]
    if row.signal is Signal.REFUSED and not row.attributed:
        words = "refused: nothing listens there, or a firewall refuses (not told apart from here)"
    facts = [
        f"by {row.by}" if row.by else "",
        f"{row.rtt_ms:.1f} ms" if row.rtt_ms is not None else "",
        meaning(row),
        str((row.detail or {}).get("fingerprint", "")),
    ]
    said = ", ".join(filter(None, facts))
    return f"{words} ({said})" if said else words


def status_of(evidence: Sequence[Evidence]) -> Status:
    """Whether all that was asked for is open."""
    signals = {row.signal for row in evidence}
    if signals <= {Signal.OPEN}:
        return Status.OK
    if signals <= {Signal.OPEN, Signal.LOCAL_ERROR}:
        return Status.UNPROVEN
    return Status.FAILED
