"""Write the firewall rules for what is needed, or what is blocked.

For a firewall in between, or with --for for the one of a host itself. From the inventory: all that
it needs. From a report: the same with the addresses that were seen, or with `--only failed` just
what a firewall may have blocked. Nothing is sent, and no firewall is touched.

Examples:

    veeamcheck firewall --format csv > request.csv
    veeamcheck firewall report.json --only failed --format markdown
    veeamcheck firewall report.json --only failed --format nftables > backup.nft
    veeamcheck firewall --for repo1 --format windows > repo1.ps1
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from veeamcheck.auditing.conclusion import rule_notes
from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._input import read_inventory, read_result, selected_plan, selection_of
from veeamcheck.cli._output import say
from veeamcheck.expand import expand
from veeamcheck.firewall import dialects
from veeamcheck.firewall.connections import address_book
from veeamcheck.firewall.dialects import Dialect, Request, RequestError
from veeamcheck.firewall.openings import Openings, find_openings
from veeamcheck.model import Flow, Inventory, Plan, Report, RuleNote
from veeamcheck.toml.text import suggest

app = new_app()

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


@app.command(help=help_text(__doc__))
def firewall(
    format: Annotated[  # noqa: A002 - it is what the option is called
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"What to write: {', '.join(dialects.dialects())}.",
            autocompletion=dialects.dialects,
        ),
    ],
    report: Annotated[
        Path | None, typer.Argument(metavar="REPORT", help="A report made with -o json.")
    ] = None,
    inventory: _options.Inventory = None,
    only: Annotated[
        Literal["failed"] | None,
        typer.Option(help="Only what the report shows as blocked, silently or by a reject."),
    ] = None,
    own: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="HOST",
            help="For the firewall on this host itself: what may come in and what may leave.",
        ),
    ] = None,
    with_failover: Annotated[
        bool,
        typer.Option(
            "--with-failover", help="Open failover ports, too; without, only primary ones."
        ),
    ] = False,
    resolve: Annotated[
        bool,
        typer.Option("--resolve", help="Ask this machine's DNS for addresses not known otherwise."),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the rules are found by; new ones replace those of the same name. "
            "[default: veeamcheck, with --only also the time of the report]",
        ),
    ] = None,
    chain: Annotated[
        list[str] | None,
        typer.Option(
            "--chain",
            metavar="'FAMILY TABLE CHAIN'",
            help="nftables: the chain to hook into. With --for that of what comes in, then that "
            "of what leaves. [default: inet filter forward, or input and output]",
        ),
    ] = None,
    rule: _options.Rule = None,
    host: _options.Host = None,
    section: _options.Section = None,
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
) -> int:
    dialect = _dialect(format)
    if only and not report:
        raise CommandError(
            "what fails is in a report; write one with: veeamcheck run -o json=report.json, "
            "then: veeamcheck firewall report.json --only failed"
        )
    if dialect.ONLY_OWN and not own:
        raise CommandError(f"{format} is a host's own firewall; say with --for which host's")
    if chain and not dialect.HAS_CHAINS:
        raise typer.BadParameter(f"{format} has no chains", param_hint="--chain")
    if name and not _NAME.fullmatch(name):
        raise typer.BadParameter(
            f"{name!r} is not a letter with up to 39 letters, digits, dashes and underscores",
            param_hint="--name",
        )
    seen = _report(report) if report else None
    read = read_inventory(inventory, rules or [], quiet=quiet) if inventory or not seen else None
    flows, notes, made_of = _needed(seen, read, failed_only=only is not None)
    if own:
        flows = _of_host(flows, own)
    wanted = Plan(vantage=None, flows=tuple(flows), skipped=())
    flows = selected_plan(wanted, selection_of(rule, host, section)).flows
    found = _openings(
        flows,
        notes,
        read,
        dialect,
        failed_only=only is not None,
        with_failover=with_failover,
        resolve=resolve,
    )
    request = Request(
        openings=found.openings,
        left_out=found.left_out,
        host=own,
        name=name or _usual_name(seen if only else None),
        made_of=made_of,
        chains=tuple(chain or ()),
    )
    try:
        text = dialect.render(request)
    except RequestError as error:
        raise CommandError(str(error)) from error
    if not quiet:
        _tell(found, failed_only=only is not None)
    # As bytes: a firewall's file has its own line ends wherever it is written.
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
    return Status.OK


def _dialect(name: str) -> Dialect:
    known = dialects.dialects()
    if name not in known:
        raise typer.BadParameter(
            f"{name!r} is no format; there are: {', '.join(known)}{suggest(name, known)}",
            param_hint="--format",
        )
    return dialects.dialect(name)


def _report(file: Path) -> Report:
    from veeamcheck.reports.json import read_report

    return read_report(read_result(file), str(file))


def _needed(
    report: Report | None, inventory: Inventory | None, *, failed_only: bool
) -> tuple[Sequence[Flow], Sequence[RuleNote], str]:
    """The flows, what is known of their rules, and where all this is from."""
    if report:
        made_of = f"the report of {report.run.start:%Y-%m-%d %H:%M} UTC"
        if failed_only:
            made_of += ", only what is blocked there (silence can also be a host that is down)"
        return report.flows, report.rules, made_of
    assert inventory is not None
    flows = expand(inventory).flows
    return flows, rule_notes(inventory, flows), f"the inventory {inventory.file}"


def _of_host(flows: Iterable[Flow], host: str) -> list[Flow]:
    """The flows that start or end at the host; typer.BadParameter where it is unknown."""
    flows = list(flows)
    known = list(dict.fromkeys(end for flow in flows for end in (flow.source, flow.target)))
    if host not in known:
        raise typer.BadParameter(
            f"no flow starts or ends at {host!r}{suggest(host, known)}", param_hint="--for"
        )
    return [flow for flow in flows if host in (flow.source, flow.target)]


def _openings(
    flows: Sequence[Flow],
    notes: Sequence[RuleNote],
    inventory: Inventory | None,
    dialect: Dialect,
    *,
    failed_only: bool,
    with_failover: bool,
    resolve: bool,
) -> Openings:
    hosts = {name: host.address for name, host in inventory.hosts.items()} if inventory else {}
    book = address_book(flows, hosts)
    if resolve:
        ends = {end for flow in flows for end in (flow.source, flow.target)}
        unknown = {
            end.address
            for host in ends
            for end in book.ends(host)
            if end.address and not end.version
        }
        book = replace(book, resolved={**book.resolved, **_resolved(sorted(unknown))})
    return find_openings(
        flows,
        notes,
        book,
        failed_only=failed_only,
        with_failover=with_failover,
        takes_names=dialect.TAKES_NAMES,
    )


def _resolved(names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """What this machine's DNS says; names that it does not know are missing, after saying so."""
    import asyncio

    from veeamcheck.net.interface import UnresolvedError
    from veeamcheck.net.names import Resolver

    async def ask() -> Sequence[tuple[str, ...] | BaseException]:
        resolver = Resolver()
        return await asyncio.gather(*map(resolver.resolve, names), return_exceptions=True)

    found = {}
    for name, answer in zip(names, asyncio.run(ask()), strict=True):
        if isinstance(answer, (UnresolvedError, ValueError)):  # ValueError: it can't be a name
            say(f"{name}: {answer}")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found[name] = answer
    return found


def _usual_name(failing: Report | None) -> str:
    """What was opened for one report stays open when the next report needs something else."""
    return f"veeamcheck-{failing.run.start:%Y%m%d-%H%M%S}" if failing else "veeamcheck"


def _tell(found: Openings, *, failed_only: bool) -> None:
    from veeamcheck.firewall.dialects._words import left_out
    from veeamcheck.wording import counted

    if not found.openings:
        say("nothing is blocked that a firewall could let through" if failed_only else "no rules")
    else:
        say(counted(len(found.openings), "rule"))
    for line in left_out(found.left_out):
        say(line)
