"""Probe single ports of one host and say in words what was proven. Needs no inventory.

PORT is a port, a run, or several: 6162, 2500-3300, 22,135-139.

Examples:

    veeamcheck probe repo1.example.com 6162 2500-2510
    veeamcheck probe ntp1.example.com 123 --udp

Exit status: 0 if every port is open, 1 if one is not, 3 if this machine could not try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Literal

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import Status
from veeamcheck.cli._interrupt import run_interruptibly
from veeamcheck.cli._progress import progress_bar
from veeamcheck.model import Evidence, Signal
from veeamcheck.ports import PortSet
from veeamcheck.probes.once import probe_ports
from veeamcheck.verdict import meaning

app = new_app()


def _ports(text: str) -> PortSet:
    try:
        return PortSet.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


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
    pace: Annotated[
        Literal["polite", "normal", "fast"],
        typer.Option(help="Contacts a second; polite stays below port-scan thresholds."),
    ] = "normal",
    quiet: _options.Quiet = False,
) -> int:
    async def work(stop: asyncio.Event) -> list[Evidence]:
        with progress_bar(shown=not quiet) as progress:
            return await probe_ports(
                host,
                reduce(or_, port),
                transport="udp" if udp else "tcp",
                service="ntp" if udp else "tcp",
                pace=pace,
                progress=progress,
            )

    evidence = run_interruptibly(work)
    for line in lines(evidence):
        typer.echo(line)
    return status_of(evidence)


def lines(evidence: Sequence[Evidence]) -> list[str]:
    """A line each: address, ports, and what was proven."""
    ports = max((len(str(row.ports)) for row in evidence), default=0)
    addresses = max((len(row.address) for row in evidence), default=0)
    return [
        f"{row.address:<{addresses}}  {str(row.ports):<{ports}}  {row.signal:<11}  {meaning(row)}"
        for row in evidence
    ]


def status_of(evidence: Sequence[Evidence]) -> Status:
    """Whether all that was asked for is open."""
    signals = {row.signal for row in evidence}
    if signals <= {Signal.OPEN}:
        return Status.OK
    if signals <= {Signal.OPEN, Signal.LOCAL_ERROR}:
        return Status.UNPROVEN
    return Status.FAILED
