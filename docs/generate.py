"""Writes what in README and docs/ is derived from the code: help texts, tables, the picture.

A generated part stands between two comments, `<!-- generated: NAME -->` and `<!-- end -->`;
what NAME gives is a function below. `make docs` runs this; a test checks that nothing differs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import typer

from veeamcheck.cli._frame import PROGRAM, app, command_names, load_command
from veeamcheck.demo.site import audit_demo
from veeamcheck.diagnosis.messages import MESSAGES
from veeamcheck.model import Report, RuleSet
from veeamcheck.reports._markdown import table
from veeamcheck.reports.csv import COLUMNS
from veeamcheck.reports.prometheus import METRICS
from veeamcheck.rulesets import load_rule_set

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PICTURE = ROOT / "docs" / "demo.svg"

_PART = re.compile(r"(<!-- generated: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_parts(page: str) -> str:
    """The page with every generated part as the code has it now. KeyError for an unknown one."""
    return _PART.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}\n{match[3]}", page)


# --- help ------------------------------------------------------------------------------------


def help_of(name: str | None) -> str:
    """A command's help, or the program's, at 80 columns."""
    command = load_command(name) if name else typer.main.get_command(app)
    path = f"{PROGRAM} {name}" if name else PROGRAM
    context = command.make_context(path, [], resilient_parsing=True, terminal_width=80)
    return f"```text\n{command.get_help(context)}\n```"


def all_commands() -> str:
    """Every command's help under a heading of its own."""
    return "\n\n".join(f"## {PROGRAM} {name}\n\n{help_of(name)}" for name in command_names())


def list_of_commands() -> str:
    """The commands and what each is for."""
    group = typer.main.get_command(app)
    return table(
        ("command", "what it does"),
        [(f"`{PROGRAM} {name}`", group.commands[name].help) for name in command_names()],
    )


# --- rule sets -------------------------------------------------------------------------------


def _rule_set() -> RuleSet:
    return load_rule_set("veeam-pve")


def roles() -> str:
    return table(
        ("role", "what it is", "connections that start or end there"),
        [
            (
                f"`{role.name}`",
                role.title + (" (exists only while a job runs)" if role.transient else ""),
                str(_rules_of(role.name)),
            )
            for role in _rule_set().roles.values()
        ],
    )


def _rules_of(role: str) -> int:
    return sum(
        role in (rule.source, rule.target)
        or (role == "gateway" and rule.target_gateway_of is not None)
        for rule in _rule_set().rules
    )


def options() -> str:
    return table(
        ("option", "default", "meaning"),
        [
            (f"`{option.name}`", f"`{_toml(option.default)}`", option.help)
            for option in _rule_set().options.values()
        ],
    )


def attributes() -> str:
    return table(
        ("key", "for hosts with", "default", "values", "meaning"),
        [
            (
                f"`{attribute.name}`",
                _code(attribute.roles) or "any role",
                f"`{_toml(attribute.default)}`",
                _code(attribute.choices)
                or (f"hosts with `{attribute.hosts_with_role}`" * bool(attribute.hosts_with_role))
                or "`true`, `false`",
                attribute.help
                + (
                    f"; required for {_code(attribute.required_for)}" * bool(attribute.required_for)
                ),
            )
            for attribute in _rule_set().attributes.values()
        ],
    )


def activities() -> str:
    rule_set = _rule_set()
    return table(
        ("activity", "what it is", "told of hosts with", "rules"),
        [
            (
                f"`{activity.id}`",
                activity.title,
                _code(activity.of),
                str(sum(activity.id in rule.affects for rule in rule_set.rules)),
            )
            for activity in rule_set.activities.values()
        ],
    )


# --- explain ---------------------------------------------------------------------------------


def log_messages() -> str:
    """The messages of logs, and what veeamcheck can see where they are logged."""
    return table(
        ("message", "read in", "can be seen as", "meaning"),
        [
            (
                f"`{message.id}`",
                f"*{message.phrases[0]}*, …",
                _code(message.signals),
                f"{message.means} {message.unsure}",
            )
            for message in MESSAGES
        ],
    )


# --- reports ---------------------------------------------------------------------------------


def metrics() -> str:
    """Every metric of the Prometheus format."""
    return table(
        ("metric", "labels", "meaning"),
        [
            (f"`veeamcheck_{name}`", _code(metric.labels), metric.help)
            for name, metric in METRICS.items()
        ],
    )


def _toml(value: bool | str | Sequence[str]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"[{', '.join(map(_toml, value))}]"


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


PARTS: dict[str, Callable[[], str]] = {
    "help": lambda: help_of(None),
    "all commands": all_commands,
    "list of commands": list_of_commands,
    "roles": roles,
    "options": options,
    "attributes": attributes,
    "log messages": log_messages,
    "activities": activities,
    "metrics": metrics,
    "csv columns": lambda: ", ".join(COLUMNS),
}


# --- the picture -----------------------------------------------------------------------------


def picture(report: Report) -> str:
    """The terminal report as SVG, at its quiet level."""
    from rich.console import Console

    from veeamcheck.reports.terminal import Level, print_report

    console = Console(
        record=True,
        width=100,
        file=StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
    # Nothing else in it depends on the machine or the day.
    seconds = round((report.run.end - report.run.start).total_seconds())
    steady = replace(report.run, end=report.run.start + timedelta(seconds=seconds))
    print_report(replace(report, run=steady), console, level=Level.QUIET)
    svg = console.export_svg(title=f"{PROGRAM} demo --quiet", unique_id="demo")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> None:
    for page in PAGES:
        page.write_text(with_parts(page.read_text(encoding="utf-8")), encoding="utf-8")
    _, report = asyncio.run(audit_demo("veeamcheck-demo.toml"))
    PICTURE.write_text(picture(report), encoding="utf-8")


if __name__ == "__main__":
    main()
