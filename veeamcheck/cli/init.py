"""Write a first inventory, from answers or from options.

Asks on a terminal where no address is given. Options repeat; addresses are IP addresses or DNS
names. One address with several roles is one
host. An existing file is never overwritten.

Examples:

    veeamcheck init
    veeamcheck init --backup-server 10.0.10.5 --proxmox-ve 10.0.10.20 --repository repo.example.com
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from veeamcheck.cli._app import help_text, new_app
from veeamcheck.cli._exit import CommandError, Status
from veeamcheck.cli._input import DEFAULT_INVENTORY
from veeamcheck.cli._output import reason_of, say
from veeamcheck.expand import expand
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import InputError, RuleSet
from veeamcheck.rulesets import load_rule_set
from veeamcheck.starter import NAMES, starting_inventory
from veeamcheck.wording import counted

app = new_app()

_RULE_SET = "veeam-pve"


def _addresses(role: str, what: str) -> object:
    return typer.Option(f"--{role}", metavar="ADDRESS", help=what)


@app.command(help=help_text(__doc__))
def init(
    backup_server: Annotated[
        list[str] | None, _addresses("backup-server", "The backup server.")
    ] = None,
    proxmox_ve: Annotated[
        list[str] | None, _addresses("proxmox-ve", "A Proxmox VE server.")
    ] = None,
    repository: Annotated[
        list[str] | None, _addresses("repository", "A backup repository.")
    ] = None,
    worker: Annotated[list[str] | None, _addresses("worker", "A worker.")] = None,
    ntp_server: Annotated[
        list[str] | None, _addresses("ntp-server", "A time server of the workers.")
    ] = None,
    online_updates: Annotated[
        bool,
        typer.Option(help="Workers download their packages from the vendor."),
    ] = True,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")
    ] = DEFAULT_INVENTORY,
) -> int:
    if output.exists():
        raise CommandError(f"{output} exists already; name another file with -o")
    rule_set = load_rule_set(_RULE_SET)
    given = zip(NAMES, (backup_server, proxmox_ve, repository, worker, ntp_server), strict=True)
    addresses = {role: list(of_role) for role, of_role in given if of_role}
    if not addresses:
        if not sys.stdin.isatty():
            raise CommandError(
                "nobody to ask: give addresses as options, see veeamcheck init --help"
            )
        addresses = _ask(rule_set)
        if "worker" in addresses:
            online_updates = typer.confirm(
                "Do workers download their packages from the vendor?", default=True, err=True
            )
    text = starting_inventory(addresses, rule_set, online_updates=online_updates)
    try:
        inventory = parse_inventory(text, str(output))
    except InputError as error:  # its lines are of a file that is not there
        raise CommandError(
            "; ".join(f"{each.key}: {each.what}" for each in error.problems)
        ) from error
    try:
        with output.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"cannot write {output}: {reason_of(error)}") from error
    flows = counted(len(expand(inventory).flows), "flow")
    say(f"wrote {output}: {counted(len(inventory.hosts), 'host')}, {flows}")
    say("next: veeamcheck plan, then veeamcheck run on the backup server")
    return Status.OK


def _ask(rule_set: RuleSet) -> dict[str, list[str]]:
    """The addresses by role, as typed; asks again for what is none. CommandError if none at all."""
    say("Addresses or DNS names, several separated by spaces; leave empty what there is not.")
    addresses = {}
    for role in NAMES:
        while True:
            answer = typer.prompt(
                rule_set.roles[role].title, default="", show_default=False, err=True
            )
            typed = re.split(r"[,\s]+", answer.strip(", \t"))
            problem = _problem(role, typed, rule_set) if any(typed) else None
            if problem is None:
                break
            say(f"  {problem}")
        if any(typed):
            addresses[role] = typed
    if not addresses:
        raise CommandError("no host, no inventory: nothing is written")
    return addresses


def _problem(role: str, addresses: list[str], rule_set: RuleSet) -> str | None:
    """What is wrong with the addresses, if anything."""
    try:
        parse_inventory(starting_inventory({role: addresses}, rule_set), "")
    except InputError as error:
        return "; ".join(problem.what for problem in error.problems)
    return None
