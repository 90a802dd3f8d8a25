"""Find where on the path a port is blocked.

Packets that may go only so many hops show which hop still answers for the port, and which comes
next for a port of the same target that works. It takes no privilege, and up to ten seconds.

    veeamcheck trace [SOURCE] TARGET PORT
    veeamcheck trace FLOW [PORT]

TARGET is an address, a name, or a host of the inventory; FLOW is a flow's id, as reports have it.
Traces leave from this machine: SOURCE, where it is named, must be the host that this machine is.

Examples:

    veeamcheck trace repo1.example.com 6162 --compare 22
    veeamcheck trace vbr1 repo1 6162
    veeamcheck trace 'worker-repository-data@worker1>repo1'

Exit status:

    0  the port answers now
    1  it is blocked or refused, and the place was found
    2  the command line or the inventory is wrong
    3  undecided, or this machine cannot see the hops of a path
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._input import DEFAULT_INVENTORY, own_hosts, read_inventory, require_host
from veeamcheck.cli._output import parse_outputs, say
from veeamcheck.cli._report import deliver_traces
from veeamcheck.expand import expand
from veeamcheck.model import Flow, Inventory, Place, Trace, Transport

app = new_app()


class _Wanted(NamedTuple):
    """What the command line asks for."""

    targets: tuple[str, ...]
    """Addresses and names."""
    transport: Transport
    port: int
    candidates: tuple[int, ...]
    """TCP ports to compare with, if one of them works."""


@app.command(help=help_text(__doc__))
def trace(
    what: Annotated[
        list[str],
        typer.Argument(metavar="[SOURCE] TARGET PORT", help="Or the id of a flow.", max=3),
    ],
    compare: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            metavar="PORT",
            help="A TCP port of the target that works. Else found.",
        ),
    ] = None,
    udp: Annotated[bool, typer.Option("--udp", help="PORT is a UDP port, as 123 is.")] = False,
    inventory: _options.Inventory = None,
    rules: _options.Rules = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output", "-o", metavar="FORMAT[=PATH]", help="Print, or write: table, json. Repeats."
        ),
    ] = None,
    quiet: _options.Quiet = False,
) -> int:
    from veeamcheck.net.hops import why_not

    outputs = parse_outputs(output or [], ("table", "json"), default="table")
    read = _inventory(inventory, rules or [], quiet=quiet)
    wanted = _wanted(what, read, udp=udp, compare=compare)
    reason = why_not()
    if reason:
        raise CommandError(f"no path can be traced from here: {reason}", Status.UNPROVEN)
    if not quiet:
        say(f"tracing {wanted.transport.upper()} {wanted.port}: up to ten seconds")
    traces = asyncio.run(_trace_all(wanted))
    written = deliver_traces(traces, outputs)
    return _status(traces) if written else Status.UNWRITTEN


def _status(traces: list[Trace]) -> Status:
    """The worst that a trace has found."""
    places = {each.place for each in traces}
    if places <= {Place.ANSWERS}:
        return Status.OK
    if places <= {Place.ANSWERS, Place.UNDECIDED}:
        return Status.UNPROVEN
    return Status.FAILED


# --- what to trace ---------------------------------------------------------------------------


def _inventory(path: Path | None, rules: list[Path], *, quiet: bool) -> Inventory | None:
    """The inventory, where there is one: a trace needs none."""
    if path is None and not DEFAULT_INVENTORY.exists():
        return None
    return read_inventory(path, rules, quiet=quiet)


def _wanted(
    what: list[str], inventory: Inventory | None, *, udp: bool, compare: int | None
) -> _Wanted:
    first = what[0]
    if "@" in first and ">" in first:
        return _of_flow(what, inventory, compare)
    if len(what) < 2:
        raise typer.BadParameter("a trace needs TARGET and PORT, or the id of a flow")
    if len(what) > 2:
        _require_here(inventory, first)
    name, port = what[-2], _port(what[-1])
    transport = Transport.UDP if udp else Transport.TCP
    host = inventory.hosts.get(name) if inventory else None
    candidates = _candidates(inventory, name) if host else ()
    return _Wanted(
        host.address if host else (name,),
        transport,
        port,
        _compared(candidates, compare, transport, port),
    )


def _of_flow(what: list[str], inventory: Inventory | None, compare: int | None) -> _Wanted:
    if inventory is None:
        raise CommandError("a flow is of an inventory; name it with -i or VEEAMCHECK_INVENTORY")
    flow = next((each for each in expand(inventory, None).flows if each.id == what[0]), None)
    if flow is None:
        raise CommandError(
            f"{inventory.file} gives no flow {what[0]!r}; `veeamcheck plan` lists all"
        )
    if len(what) > 2:
        raise typer.BadParameter("after a flow there can be one port")
    _require_here(inventory, flow.runs_from)
    port = _port(what[1]) if len(what) > 1 else flow.ports.first
    candidates = _candidates(inventory, flow.target)
    return _Wanted(
        flow.address,
        flow.transport,
        port,
        _compared(candidates, compare, flow.transport, port),
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise typer.BadParameter(f"{text!r} is no port", param_hint="PORT")
    return int(text)


def _require_here(inventory: Inventory | None, source: str) -> None:
    """A trace leaves from this machine: CommandError where that is not the source."""
    if inventory is None:
        raise CommandError(
            f"whether this machine is {source} is for an inventory to say; name one with -i, or "
            "leave SOURCE out"
        )
    require_host(inventory, source, "SOURCE")
    own = own_hosts(inventory)
    if own and source not in own:
        raise CommandError(
            f"a trace leaves from this machine, and that is {', '.join(own)}; run it on {source}"
        )


def _candidates(inventory: Inventory | None, target: str) -> tuple[int, ...]:
    """TCP ports of the target that the inventory knows of: one of them may work."""
    if inventory is None:
        return ()
    flows: list[Flow] = [
        flow
        for flow in expand(inventory, None).flows
        if flow.target == target and flow.transport is Transport.TCP
    ]
    single = [port for flow in flows if len(flow.ports) < 9 for port in flow.ports]
    return tuple(dict.fromkeys((*single, 22)))


def _compared(
    candidates: tuple[int, ...], compare: int | None, transport: Transport, port: int
) -> tuple[int, ...]:
    if compare is not None:
        if transport is Transport.TCP and compare == port:
            raise typer.BadParameter("it is the port that is traced", param_hint="--compare")
        return (compare,)
    return tuple(each for each in candidates if transport is Transport.UDP or each != port)


# --- tracing ---------------------------------------------------------------------------------


async def _trace_all(wanted: _Wanted) -> list[Trace]:
    """One trace an address, one after the other; CommandError where a name has none."""
    from veeamcheck.net.interface import UnresolvedError
    from veeamcheck.net.system import SystemNetwork
    from veeamcheck.tracing.follow import trace_port

    network = SystemNetwork()
    try:
        addresses: dict[str, None] = {}
        for target in wanted.targets:
            try:
                addresses |= dict.fromkeys(await network.resolve(target))
            except UnresolvedError as error:
                raise CommandError(f"{target}: {error}", Status.UNPROVEN) from None
        routed = [each for each in addresses if network.local_address(each) is not None]
        return [
            await trace_port(address, wanted.transport, wanted.port, wanted.candidates)
            for address in routed or addresses
        ]
    finally:
        network.close()
