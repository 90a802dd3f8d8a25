"""Listen in place of services that are not there yet.

So that a probe from afar proves the path before anything is installed, and while no job runs.

Opens every port that the rules require of this host and that is free, for a while, and answers
whoever holds the same key. A port that a service holds is left to it. No firewall is changed;
what this host's own firewall may need is printed, with its removal.

The first start makes the key. Copy its file, readable for you alone, to every host that listens
and to the one you audit from; `veeamcheck run` then recognises the listeners.

Examples:

    veeamcheck listen -i site.toml
    veeamcheck listen -i site.toml --host repo1 --for 2h -o json=repo1.json
    veeamcheck listen --ports 6162,2500-3300

Exit status: 0 when its time is over or it is stopped, 2 if there was nothing to open, 4 if a
summary could not be written.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._input import all_rule_sets, read_inventory, require_host
from veeamcheck.cli._interrupt import run_interruptibly
from veeamcheck.cli._output import Output, parse_outputs, reason_of, say, write_file, write_stdout
from veeamcheck.model import Inventory
from veeamcheck.ports import PortSet

if TYPE_CHECKING:
    from veeamcheck.farside.opening import Opening
    from veeamcheck.farside.start import Started
    from veeamcheck.farside.summary import Summary

app = new_app()

FORMATS = ("json", "text")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_LONGEST = 7 * 24 * 3600
"""Seconds: what stands longer than a week is no test any more."""


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([smh])", text.strip().lower())
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST:
        raise typer.BadParameter("write it as 90s, 30m or 2h; at most 168h")
    return seconds


def _ports(text: str) -> PortSet:
    try:
        return PortSet.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command(help=help_text(__doc__))
def listen(
    inventory: _options.Inventory = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            help="The inventory host that this machine is; found by its addresses if it can be.",
        ),
    ] = None,
    ports: Annotated[
        PortSet | None,
        typer.Option(
            parser=_ports,
            metavar="PORTS",
            help="These TCP ports, of all addresses and for every source, without an inventory.",
        ),
    ] = None,
    udp: Annotated[
        PortSet | None,
        typer.Option(parser=_ports, metavar="PORTS", help="UDP ports, in the same way."),
    ] = None,
    duration: Annotated[
        float,
        typer.Option("--for", parser=_duration, metavar="TIME", help="90s, 30m or 2h."),
    ] = "30m",  # type: ignore[assignment] # the parser makes seconds of it
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Take the data ports even where the product's jobs may need them."
        ),
    ] = False,
    key_file: _options.KeyFile = None,
    output: Annotated[list[str] | None, _options.outputs(FORMATS, "The summary at the end")] = None,
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
) -> int:
    from veeamcheck.farside.start import start

    outputs = parse_outputs(output or [], FORMATS, default="text")
    if ports or udp:
        if host:
            raise typer.BadParameter("--host takes its ports from the inventory: not with --ports")
        opening = _opening_of_ports(ports or PortSet(), udp or PortSet(), rules or [])
    else:
        read = read_inventory(inventory, rules or [], quiet=quiet)
        opening = _opening_of_host(read, require_host(read, host, "--host"))
    key = _key(key_file, quiet=quiet)

    async def work(stop: asyncio.Event) -> Summary:
        started = start(opening, force=force)
        if not quiet:
            _tell_what_is_open(started)
        if not started.bound:
            raise CommandError("no port is left to listen on")
        return await _serve(opening, started, key, duration, stop, quiet=quiet)

    summary = run_interruptibly(
        work,
        message="stopping; the summary follows (again: end at once)",
    )
    return _deliver(summary, outputs)


async def _serve(
    opening: Opening,
    started: Started,
    key: bytes,
    seconds: float,
    stop: asyncio.Event,
    *,
    quiet: bool,
) -> Summary:
    """Listen for so long, or until told to stop."""
    from veeamcheck.cli._watching import watch
    from veeamcheck.farside.listener import Listener
    from veeamcheck.farside.summary import Summary
    from veeamcheck.farside.visits import Visits

    begun = datetime.now(UTC)
    visits = Visits(opening.expected)
    listener = Listener(started.bound, key, visits)

    async def show() -> None:
        if not quiet:
            await _tell_what_may_hide_it(opening, started)
            end = (begun + timedelta(seconds=seconds)).astimezone()
            say(f"\nuntil it is stopped (Ctrl-C), at the latest {end:%Y-%m-%d %H:%M}")
            await watch(visits)

    serving, waiting = asyncio.create_task(listener.serve()), asyncio.create_task(stop.wait())
    tasks: list[asyncio.Task[Any]] = [serving, waiting, asyncio.create_task(show())]
    await asyncio.wait([serving, waiting], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return Summary(
        host=opening.host,
        start=begun,
        end=datetime.now(UTC),
        opened=started.bound,
        left=started.left,
        visits=visits,
    )


# --- what to open ---


def _opening_of_host(inventory: Inventory, host: str) -> Opening:
    from veeamcheck.farside.opening import opening_of_host
    from veeamcheck.net.local import is_own

    names = asyncio.run(_resolve(inventory))
    declared = [a for name in inventory.hosts[host].address for a in names.get(name, ())]
    own = [address for address in dict.fromkeys(declared) if is_own(address)]
    if not own:
        raise CommandError(
            f"this machine has no address of {host} "
            f"({', '.join(inventory.hosts[host].address)}): start the listener on {host}"
        )
    return opening_of_host(inventory, host, own, names)


async def _resolve(inventory: Inventory) -> dict[str, tuple[str, ...]]:
    """The addresses of everything that the inventory declares; without those that have none."""
    from veeamcheck.net.interface import UnresolvedError
    from veeamcheck.net.names import Resolver

    resolver = Resolver()
    names = {name for host in inventory.hosts.values() for name in host.address}

    async def resolve(name: str) -> tuple[str, tuple[str, ...]]:
        try:
            return name, await resolver.resolve(name)
        except UnresolvedError:
            return name, ()

    return dict(await asyncio.gather(*map(resolve, sorted(names))))


def _opening_of_ports(tcp: PortSet, udp: PortSet, rules: Sequence[Path]) -> Opening:
    from veeamcheck.farside.opening import opening_of_ports

    addresses = ["0.0.0.0", "::"] if socket.has_ipv6 else ["0.0.0.0"]
    return opening_of_ports(tcp, udp, addresses, all_rule_sets(rules))


def _key(path: Path | None, *, quiet: bool) -> bytes:
    from veeamcheck.farside.keyfile import KeyFileError, default_key_file, make_key, read_key

    file = path or default_key_file()
    try:
        if file.exists():
            return read_key(file)
        key = make_key(file)
    except (KeyFileError, OSError) as error:
        raise CommandError(str(error)) from None
    say(f"made a new key: {file}")
    if not quiet:
        say("copy it to every host that listens, and to the one you run `veeamcheck run` on")
    return key


# --- what is said ---


def _tell_what_is_open(started: Started) -> None:
    from veeamcheck.farside.summary import left_rows, opened_rows

    for address, transport, ports in opened_rows(started.bound):
        say(f"listening on {address} {transport} {ports}")
    for address, transport, ports, reason in left_rows(started.left):
        say(f"not on {address} {transport} {ports}: {reason}")
    if started.product_at:
        say(
            f"the product already listens here (tcp {started.product_at}), so the ports that its "
            "jobs need stay free; --force takes them all the same"
        )


async def _tell_what_may_hide_it(opening: Opening, started: Started) -> None:
    """Looking at a firewall takes its time: the listener serves meanwhile."""
    from veeamcheck.farside.firewall_hint import hints
    from veeamcheck.model import Transport

    mine = {
        transport: PortSet.of(each.port for each in started.bound if each.transport is transport)
        for transport in Transport
    }
    sources = {address for each in opening.expected for address in each.addresses}
    for hint in await asyncio.to_thread(hints, mine, sources):
        say(f"\n{hint.firewall} may hide it. To let it be reached for now, run:")
        for line in hint.allow:
            say(f"    {line}")
        say("and afterwards, to take that back:")
        for line in hint.remove:
            say(f"    {line}")


def _deliver(summary: Summary, outputs: Sequence[Output]) -> int:
    from veeamcheck.farside.summary import as_json, as_text

    status = Status.OK
    for name, path in outputs:
        text = as_json(summary) if name == "json" else as_text(summary)
        try:
            if path:
                write_file(path, f"{text}\n")
            else:
                with suppress(BrokenPipeError):
                    write_stdout(text)
        except OSError as error:
            say(f"veeamcheck: cannot write {path or 'to stdout'}: {reason_of(error)}")
            status = Status.UNWRITTEN
    return status
