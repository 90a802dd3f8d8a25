"""Print the files by which systemd, cron or Windows run audits.

What follows -- is handed to `veeamcheck run`. Each run is recorded, so that `veeamcheck history`
and `veeamcheck diff` can tell what changed. docs/schedule.md says where the files go.

Examples:

    veeamcheck schedule systemd -i /etc/veeamcheck/inventory.toml --directory /etc/systemd/system
    veeamcheck schedule cron --every hourly --at 0:17
    veeamcheck schedule windows --at 6:30 -- --from vbr1 -o html=C:/reports/today.html
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Literal

import typer

from veeamcheck.cli import _options
from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._input import DEFAULT_INVENTORY
from veeamcheck.cli._output import reason_of, say, write_stdout
from veeamcheck.schedule_files import SERVICE, Every, Job, cron, systemd, windows

app = new_app()


@app.command(help=help_text(__doc__))
def schedule(
    platform: Annotated[
        Literal["systemd", "windows", "cron"], typer.Argument(help="Who is to run it.")
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- RUN OPTIONS]", help="Further options of `veeamcheck run`."),
    ] = None,
    inventory: _options.Inventory = None,
    every: Annotated[Every, typer.Option(help="How often; weekly is on Mondays.")] = Every.DAILY,
    at: Annotated[
        str,
        typer.Option(metavar="HH:MM", help="When, in local time; of an hourly job, the minute."),
    ] = "06:00",
    user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Run as this user (with an SSH key, say), not as one who can do nothing else. "
            "Not for cron: whose crontab it is decides.",
        ),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the files there instead; never over others."),
    ] = None,
) -> int:
    file = os.path.abspath(inventory or DEFAULT_INVENTORY)  # noqa: PTH100 - a link stays a link
    if not Path(file).is_file():
        say(f"veeamcheck: there is no {file} yet; write it with: veeamcheck init")
    command = [*_program(), "run", "--quiet", "--record", "-i", file, *(arguments or [])]
    if user and platform == "cron":
        raise typer.BadParameter("a crontab has a user already", param_hint="--user")
    if any("\n" in word for word in (*command, user or "")):
        raise CommandError("a line break can't be written into these files")
    job = Job(command=command, every=every, at=_time(at), user=user)
    match platform:
        case "systemd":
            files = systemd(job)
        case "windows":
            files = {f"{SERVICE}.xml": windows(job)}
        case "cron":
            files = {f"{SERVICE}.cron": cron(job)}
    if directory:
        _write(directory, files)
    elif len(files) == 1:
        write_stdout("".join(files.values()))
    else:
        write_stdout("\n".join(f"# {name}\n{text}" for name, text in files.items()))
    return Status.OK


def _program() -> list[str]:
    """How to start this program from anywhere."""
    called = shutil.which(sys.argv[0])
    if called and Path(called).stem == "veeamcheck":
        return [os.path.abspath(called)]  # noqa: PTH100 - a link stays a link
    return [sys.executable, "-m", "veeamcheck"]


def _time(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time of day; write 06:30", param_hint="--at"
        ) from None


def _write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise CommandError(f"cannot write {path}: {reason_of(error)}") from error
        say(f"written: {path}")
