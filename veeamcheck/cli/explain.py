"""Explain a port, rule, host, word or log: what it is about.

WHAT is a port (6162, 445/udp, 2500-3300), a rule's id or a glob, a flow (RULE@SOURCE>TARGET), a
host of the inventory, a signal, verdict or reason code (blocked-silent), a line of a log, or the
file of one; - reads standard input. It sends nothing, and needs no inventory: with one, the hosts
are named. --run audits just the flows that are meant.

Examples:

    veeamcheck explain 6162
    veeamcheck explain blocked-silent
    veeamcheck explain 'Failed to connect to the port [repo1:2502]'
    veeamcheck explain Agent.Job.log
    veeamcheck explain Agent.Job.log --run

Exit status: 0 if it is explained, 2 if nothing in it was recognised; with --run that of `run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._input import DEFAULT_INVENTORY, all_rule_sets, find_vantage, read_inventory
from veeamcheck.cli._log_text import open_log
from veeamcheck.cli._output import Output, write_stdout
from veeamcheck.cli._report import deliver, level_of
from veeamcheck.diagnosis.codes import known_words
from veeamcheck.diagnosis.explain import explain as explain_word
from veeamcheck.diagnosis.explain import explain_log
from veeamcheck.diagnosis.explanation import Explanation
from veeamcheck.diagnosis.knowledge import Knowledge
from veeamcheck.diagnosis.log_lines import Lines, read_clues
from veeamcheck.expand import expand
from veeamcheck.toml.text import suggest

if TYPE_CHECKING:
    from veeamcheck.model import Inventory, Plan, Report

app = new_app()


@app.command(help=help_text(__doc__))
def explain(
    what: Annotated[
        list[str],
        typer.Argument(help="What is to be explained. Several words are one line of a log."),
    ],
    inventory: _options.Inventory = None,
    run: Annotated[bool, typer.Option("--run", help="Audit the flows that are meant.")] = False,
    vantage: _options.From = None,
    everywhere: _options.All = False,
    output: _options.TextOrJson = "text",
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
    verbose: _options.Verbose = False,
) -> int:
    if everywhere and not run:
        raise typer.BadParameter("--all says where --run audits from; give both, or neither")
    level = level_of(quiet=quiet, verbose=verbose)
    known = _knowledge(inventory, rules or [], vantage, quiet=quiet)
    explanation = _explain(" ".join(what).strip(), known)
    if not run:
        if output == "json":
            write_stdout(_json(explanation, None))
        else:
            _print(explanation, verbose=verbose)
        return Status.OK
    if known.inventory is None or known.plan is None:
        raise CommandError("--run needs an inventory; write one with: veeamcheck init")
    if not explanation.flows:
        raise CommandError(f"there is nothing to audit: no flow of {known.inventory.file} is meant")
    if output == "text" and not quiet:
        _print(explanation, verbose=verbose)
    plan = replace(known.plan, flows=explanation.flows, skipped=())
    report = _audit(known.inventory, plan, vantage, everywhere=everywhere, quiet=quiet)
    if output == "json":
        write_stdout(_json(explanation, report))
        return report.summary["exit_status"]
    return deliver(report, [Output("terminal", None)], level)


def _knowledge(
    inventory: Path | None, rules: Sequence[Path], vantage: str | None, *, quiet: bool
) -> Knowledge:
    """The inventory that is named or here; without one, the rule sets alone."""
    if inventory is None and not DEFAULT_INVENTORY.exists():
        if vantage is not None:
            raise CommandError("--from names a host of an inventory, and there is none here")
        return Knowledge(tuple(all_rule_sets(rules)))
    read = read_inventory(inventory, rules, quiet=quiet)
    return Knowledge(read.rule_sets, read, expand(read, find_vantage(read, vantage)))


def _explain(what: str, known: Knowledge) -> Explanation:
    """CommandError where nothing in it was recognised."""
    explanation = None
    if what != "-":
        try:
            explanation = explain_word(what, known)
        except ValueError as error:
            raise CommandError(str(error)) from None
    if explanation is None:
        file = _file(what)
        if what == "-" or file:
            with open_log(file) as stream:
                clues = read_clues(Lines(stream), known.is_host)
            explanation = explain_log(what, what if file else "standard input", clues, known)
        else:
            clues = read_clues(Lines(StringIO(what)), known.is_host)
            explanation = explain_log(what, "log line", clues, known)
    if explanation is None:
        hosts = known.inventory.hosts if known.inventory else ()
        near = suggest(what, [*known_words(), *known.facts, *hosts])
        raise CommandError(f"nothing was recognised in {_short(what)}{near}\n{_RECOGNISED}")
    return explanation


def _file(what: str) -> Path | None:
    """The file of this name; CommandError where a file is certainly meant and there is none."""
    if not what:  # no name, though Path takes it for this directory
        return None
    path = Path(what)
    try:
        if path.is_dir():
            raise CommandError(f"{what} is a directory; name a log in it")
        if path.exists():
            return path
    except (OSError, ValueError):  # too long for a name, or with a NUL in it: a line, then
        return None
    if " " not in what and path.suffix in (".log", ".txt"):
        raise CommandError(f"there is no file {what}")
    return None


_SHORT = 60
_RECOGNISED = (
    "What can be explained: a port (6162, 445/udp), a rule (veeamcheck rules lists them), a flow "
    "(RULE@SOURCE>TARGET), a host of the inventory, a word of a report (blocked-silent), and log "
    "lines that name a host with a port, or say that a connection was refused, timed out, was "
    "reset, had no route or no name."
)


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHORT else f"{text[:_SHORT]}…")


def _audit(
    inventory: Inventory, plan: Plan, vantage: str | None, *, everywhere: bool, quiet: bool
) -> Report:
    """Audit the flows of this plan as `run` does."""
    from veeamcheck.cli._auditor import auditor_of, carry_out

    auditor = auditor_of(inventory, vantage=vantage, everywhere=everywhere)
    return carry_out(auditor.prepare(inventory)._replace(plan=plan), quiet=quiet)


def _print(explanation: Explanation, *, verbose: bool) -> None:
    from veeamcheck.cli._console import StdoutConsole
    from veeamcheck.reports.terminal.explanation import print_explanation

    print_explanation(explanation, StdoutConsole(), verbose=verbose)


def _json(explanation: Explanation, report: Report | None) -> str:
    """The explanation, and the report of what was audited because of it."""
    import json

    from pydantic import TypeAdapter

    document = json.loads(TypeAdapter(Explanation).dump_json(explanation))
    if report:
        from veeamcheck.reports.json import render

        return json.dumps({**document, "report": json.loads(render(report))}, indent=2)
    return json.dumps({**document, "report": None}, indent=2)
