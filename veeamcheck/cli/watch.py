"""Audit again and again, and tell only what changes.

Prints a line for each change: a failure once it was seen in --confirm runs in a row, an
improvement at once. A flow that comes and goes is named as flapping, and its changes are not told
until it is steady. The first run of all tells what fails. Every run is recorded, so that a watch
that is started again goes on where it was. Ctrl-C or SIGTERM ends it.

Audits from where `veeamcheck run` would. Flows of a host that SSH does not reach in a run are not
tested, which is neither a failure nor a fix: after --confirm runs it is told that they are no
longer judged, and later what they show then.

Examples:

    veeamcheck watch
    veeamcheck watch --all --every 1h
    veeamcheck watch --every 15m --confirm 2 --notify changes --targets /etc/veeamcheck/targets
    veeamcheck watch -o prometheus=/var/lib/node_exporter/veeamcheck.prom

Exit status: 0 when it is ended, 2 if it can't begin.
"""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Annotated, Literal

import typer

from veeamcheck import reports
from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._auditor import Audit, Auditor, auditor_of
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._history import KEEP_DAYS, Messenger, Recorder, inventory_key
from veeamcheck.cli._input import read_inventory
from veeamcheck.cli._interrupt import run_interruptibly
from veeamcheck.cli._news_text import news_lines
from veeamcheck.cli._output import Output, parse_outputs, reason_of, say, write_file, write_stdout
from veeamcheck.history import default_path
from veeamcheck.model import InputError, Inventory, Report, Verdict
from veeamcheck.wording import counted

app = new_app()

_JITTER = 0.1
"""Of the interval, either way: many watches that start together shall not stay together."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= 366 * 86400:
        raise typer.BadParameter(
            f"{text!r} is no interval; write 30s, 15m, 6h or 1d", param_hint="--every"
        )
    return seconds


@app.command(help=help_text(__doc__))
def watch(
    inventory: _options.Inventory = None,
    vantage: _options.From = None,
    everywhere: _options.All = False,
    rule: _options.Rule = None,
    host: _options.Host = None,
    section: _options.Section = None,
    full_range: _options.FullRange = False,
    check_failover: _options.CheckFailover = False,
    checks: _options.Checks = "service",
    pace: _options.Pace = "normal",
    phase: _options.Phase = None,
    every: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="From the start of a run to that of the next, about: 30s, 15m, 6h, 1d.",
        ),
    ] = "15m",
    confirm: Annotated[
        int,
        typer.Option(min=1, max=1000, metavar="N", help="Runs in a row that make a failure sure."),
    ] = 1,
    runs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="End by itself after so many runs.")
    ] = None,
    output: Annotated[
        list[str] | None,
        _options.outputs(
            reports.formats(),
            "Write each run's report to this file, in place of the last one's",
            "FORMAT=PATH",
        ),
    ] = None,
    key_file: _options.KeyFile = None,
    notify: Annotated[
        Literal["changes"] | None, typer.Option(help="Tell the targets too what changes.")
    ] = None,
    targets: _options.Targets = None,
    history: _options.History = None,
    keep: _options.Keep = KEEP_DAYS,
    rules: _options.Rules = None,
    quiet: _options.Quiet = False,
) -> int:
    interval = _seconds(every)
    outputs = _files(output or [])
    read = read_inventory(inventory, rules or [], quiet=quiet)
    auditor = auditor_of(
        read,
        vantage=vantage,
        everywhere=everywhere,
        rule=rule,
        host=host,
        section=section,
        full_range=full_range,
        check_failover=check_failover,
        checks=checks,
        pace=pace,
        phase=phase,
        key_file=key_file,
    )
    prepared = auditor.prepare(read)
    messenger = Messenger(targets) if notify else None
    with closing(_lock(read, history)):
        rounds = _Watch(
            auditor=auditor,
            audit=prepared,
            rules=rules or [],
            recorder=Recorder(history, read, keep_days=keep, confirm=confirm),
            messenger=messenger,
            outputs=outputs,
        )
        run_interruptibly(
            partial(rounds.go_on, every=interval, runs=runs, quiet=quiet), message="stopping"
        )
    return Status.OK


@dataclass(slots=True, kw_only=True)
class _Watch:
    """A loop around audit, news and record."""

    auditor: Auditor
    audit: Audit
    rules: Sequence[Path]
    recorder: Recorder
    messenger: Messenger | None
    outputs: Sequence[Output]
    problem: str = ""
    """What is wrong with the inventory file now."""

    async def go_on(
        self, stop: asyncio.Event, *, every: float, runs: int | None, quiet: bool
    ) -> None:
        """Run after run, until `stop` is set or there were so many."""
        for number in count(1):
            begun = monotonic()
            self._read_again()
            report = await self.audit.run(stop=stop)
            if report.run.interrupted:
                return
            if number == 1 and not quiet:
                self._say_what_it_watches(report, every)
            await self._hand_over(report)
            if number == runs:
                return
            pause = every * random.uniform(1 - _JITTER, 1 + _JITTER) - (monotonic() - begun)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(pause, 0))
            if stop.is_set():
                return

    def _read_again(self) -> None:
        """Take in the inventory as it is now: a waiver may have ended, hosts come and go."""
        try:
            inventory = read_inventory(Path(self.audit.inventory.file), self.rules, quiet=True)
            self.audit = self.auditor.prepare(inventory)
            self.problem = ""
        except (InputError, CommandError, typer.BadParameter) as error:
            if str(error) != self.problem:
                say(f"{error}\nveeamcheck: going on with the inventory as it was")
            self.problem = str(error)

    async def _hand_over(self, report: Report) -> None:
        """Print, record, write and send; what fails is told, and tried again with the next run."""
        lines = news_lines(self.recorder.news(report), report)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        if lines:
            write_stdout("\n".join(f"{now} {line}" for line in lines))
        self.recorder.record(report)
        for name, path in self.outputs:
            try:
                write_file(path or Path(), reports.render(name, report))
            except OSError as error:
                say(f"veeamcheck: cannot write {path}: {reason_of(error)}")
        if self.messenger:
            # In a thread: a target that does not answer must not hold up an end by signal.
            await asyncio.to_thread(self.messenger.send, report.run.inventory, lines)

    def _say_what_it_watches(self, report: Report, every: float) -> None:
        """On stderr, so that whoever starts it sees at once whether it is what was meant."""
        say(f"{_counts(report)}; a run about every {every:g} s")
        for warning in report.warnings:
            say(f"warning: {warning}")


def _files(texts: Sequence[str]) -> list[Output]:
    for text in texts:
        if "=" not in text:
            raise typer.BadParameter(
                f"{text!r} names no file; stdout is for the changes: -o FORMAT=PATH",
                param_hint="-o",
            )
    outputs = parse_outputs(texts, reports.formats(), default="terminal")
    return [output for output in outputs if output.path]


def _counts(report: Report) -> str:
    summary = report.summary
    counts = ", ".join(f"{summary[verdict]} {verdict}" for verdict in Verdict if summary[verdict])
    return f"{counted(len(report.flows), 'flow')}: {counts}"


def _lock(inventory: Inventory, history: Path | None) -> sqlite3.Connection:
    """Held until it is closed, so that nobody else watches this inventory; else CommandError.

    A lock of SQLite's, because it is the same on every platform and ends with the process.
    """
    name = sha256(inventory_key(inventory.file).encode(errors="replace")).hexdigest()[:16]
    path = history or default_path()
    lock = path.with_name(f"{path.name}.watch-{name}")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = sqlite3.connect(lock, timeout=0, isolation_level=None)
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            held.close()
            raise
    except (OSError, sqlite3.Error) as error:
        if "locked" in str(error):
            raise CommandError(
                f"another veeamcheck watch of {inventory.file} is running; there can be only one"
            ) from None
        why = reason_of(error) if isinstance(error, OSError) else error
        raise CommandError(
            f"cannot lock {lock}: {why}; name a history of your own with --history"
        ) from error
    return held
