"""What all commands stand in: they are found by name, and every way out is an exit status."""

from __future__ import annotations

import errno
import gc
import os
import pkgutil
import signal
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from veeamcheck import cli
from veeamcheck.cli._app import new_app
from veeamcheck.cli._exit import END_SIGNALS, CommandError, Status
from veeamcheck.cli._output import (
    asks_for_plugin,
    close_stdout,
    open_streams,
    reason_of,
    say,
    write_stdout,
)
from veeamcheck.variants import load_variant, variants

PROGRAM = "veeamcheck"


class _Commands(TyperGroup):
    """Imports a command when it is called; to list it, the first line of its file is enough."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name in command_names():
            self.add_command(TyperCommand(name, help=_first_line(name)))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name and listed else None, rest


def command_names() -> list[str]:
    """Every command, by name."""
    return variants(cli.__path__)


def load_command(name: str) -> Any:
    """The command as click runs it."""
    command = typer.main.get_command(load_variant("veeamcheck.cli", cli.__path__, name).app)
    command.name = name
    return command


def _first_line(name: str) -> str:
    source = pkgutil.get_data("veeamcheck.cli", f"{name}.py") or b""
    return source.split(b"\n", 1)[0].decode().strip().strip('"')


app = new_app(cls=_Commands, add_completion=True, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        from veeamcheck import __version__

        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Is it the firewall? Audit every connection that the vendor documents, with evidence.

    Write down the hosts (veeamcheck init), then audit them from here (veeamcheck run). To see
    it work first, without hosts and without a network: veeamcheck demo.
    """


def run_command_line(args: list[str]) -> int:
    """Run one command line and return its exit status; no exception leaves here."""
    open_streams()
    # Large inventories make millions of objects that live to the end: look at them less often.
    gc.set_threshold(50_000, 20, 100)
    # A service manager's stop ends a command as Ctrl-C does, with the same cleaning up.
    for number in END_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    group = typer.main.get_command(app)
    try:
        if "_VEEAMCHECK_COMPLETE" in os.environ:  # the shell asks for completions
            group.main(args, prog_name=PROGRAM)
        with group.make_context(PROGRAM, args) as context:
            status = group.invoke(context) or Status.OK
    except BaseException as error:
        status, message = _end_of(error)
        if message:
            say(message)
        if status and asks_for_plugin(args):
            status = _tell_monitoring(message)
    return close_stdout() or status


def _end_of(error: BaseException) -> tuple[int, str]:
    """The exit status for what ended a command, and what the user must be told."""
    from veeamcheck.model import InputError

    match error:
        case typer.Exit():
            return error.exit_code, ""
        case SystemExit():
            return error.code if isinstance(error.code, int) else Status.DEFECT, ""
        case typer.TyperException():
            return Status.USAGE, _usage(error)
        case InputError():
            return Status.USAGE, str(error)
        case CommandError():
            return error.status, f"{PROGRAM}: {error}"
        case KeyboardInterrupt() | typer.Abort():
            return Status.INTERRUPTED, f"{PROGRAM}: interrupted"
        case BrokenPipeError():  # whoever read our output has left
            return Status.OK, ""
        case OSError(errno=errno.ENOSPC | errno.EIO):
            return Status.UNWRITTEN, f"{PROGRAM}: {reason_of(error)}"
    if os.environ.get("VEEAMCHECK_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    return Status.DEFECT, (
        f"{PROGRAM}: a defect of {PROGRAM} itself: {type(error).__name__}: {error}\n"
        "Please report it with the command and what it shows with VEEAMCHECK_DEBUG=1 set."
    )


def _tell_monitoring(message: str) -> int:
    """Print what ended the command as a plugin would; the plugin's exit status."""
    from veeamcheck.diagnosis.health import Health
    from veeamcheck.reports.nagios import render_unknown

    with suppress(OSError):  # then the exit status says it alone
        write_stdout(render_unknown(message))
    return Health.UNKNOWN


def _usage(error: typer.TyperException) -> str:
    """One line for what is wrong on the command line, and where help is."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return error.format_message()
    command = context.command_path if context else PROGRAM
    return f"{command}: {error.format_message()}\nTry '{command} --help'."
