"""What all commands stand in: they are found by name, and every way out is an exit status."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import pkgutil
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from veeamcheck import cli
from veeamcheck.cli._app import new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._output import close_stdout, open_streams, reason_of, say

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
    return sorted(
        module.name
        for module in pkgutil.iter_modules(cli.__path__)
        if not module.name.startswith("_")
    )


def load_command(name: str) -> Any:
    """The command as click runs it."""
    command = typer.main.get_command(importlib.import_module(f"veeamcheck.cli.{name}").app)
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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    group = typer.main.get_command(app)
    try:
        if "_VEEAMCHECK_COMPLETE" in os.environ:  # the shell asks for completions
            group.main(args, prog_name=PROGRAM)
        with group.make_context(PROGRAM, args) as context:
            status = group.invoke(context) or Status.OK
    except BaseException as error:
        status = _status_of(error)
    return close_stdout() or status


def _status_of(error: BaseException) -> int:
    """The exit status for what ended a command, after telling the user."""
    from veeamcheck.model import InputError

    match error:
        case typer.Exit():
            return error.exit_code
        case SystemExit():
            return error.code if isinstance(error.code, int) else Status.DEFECT
        case typer.TyperException():
            say(_usage(error))
            return Status.USAGE
        case InputError():
            say(str(error))
            return Status.USAGE
        case CommandError():
            say(f"{PROGRAM}: {error}")
            return error.status
        case KeyboardInterrupt() | typer.Abort():
            say(f"{PROGRAM}: interrupted")
            return Status.INTERRUPTED
        case BrokenPipeError():  # whoever read our output has left
            return Status.OK
        case OSError(errno=errno.ENOSPC | errno.EIO):
            say(f"{PROGRAM}: {reason_of(error)}")
            return Status.UNWRITTEN
    if os.environ.get("VEEAMCHECK_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    say(
        f"{PROGRAM}: a defect of {PROGRAM} itself: {type(error).__name__}: {error}\n"
        "Please report it with the command and what it shows with VEEAMCHECK_DEBUG=1 set."
    )
    return Status.DEFECT


def _usage(error: typer.TyperException) -> str:
    """One line for what is wrong on the command line, and where help is."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return error.format_message()
    command = context.command_path if context else PROGRAM
    return f"{command}: {error.format_message()}\nTry '{command} --help'."
