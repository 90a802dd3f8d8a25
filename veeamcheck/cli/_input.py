"""What commands read: inventories, rule sets, results, which host this machine is, the policy."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

import typer

from veeamcheck.cli._exit import CommandError
from veeamcheck.cli._output import reason_of, say
from veeamcheck.expand import Selection, select
from veeamcheck.inventory import load_inventory
from veeamcheck.model import (
    UNPROVEN_REASONS,
    InputError,
    Inventory,
    Plan,
    Policy,
    Problem,
    ReasonCode,
    RuleSet,
)
from veeamcheck.rulesets import load_rule_set, shipped
from veeamcheck.toml.text import suggest

DEFAULT_INVENTORY = Path("inventory.toml")
_SHOWN_HOSTS = 20


def read_inventory(path: Path | None, rules: Sequence[Path] = (), *, quiet: bool) -> Inventory:
    """The inventory at `path` or in this directory; on stderr which one it is."""
    if path is None:
        path = DEFAULT_INVENTORY
        if not path.exists():
            raise CommandError(
                f"there is no {path} here; name an inventory with -i or VEEAMCHECK_INVENTORY, "
                "or write one with: veeamcheck init"
            )
    inventory = load_inventory(path, [load_rule_set(file) for file in rules])
    if not quiet:
        say(f"inventory: {path}")
    return inventory


def all_rule_sets(files: Sequence[Path]) -> list[RuleSet]:
    """Those that ship and those in `files`, which replace a shipped one of the same id."""
    loaded = [*map(load_rule_set, shipped()), *map(load_rule_set, files)]
    return list({rule_set.id: rule_set for rule_set in loaded}.values())


def listener_key(path: Path | None) -> bytes | None:
    """The key of our listeners, from `path` or its usual place; None where there is none."""
    from veeamcheck.farside.keyfile import KeyFileError, default_key_file, read_key

    try:
        if path is None and not default_key_file().exists():
            return None
    except PermissionError:  # HOME is somebody else's, as `sudo -u` leaves it: no key of ours
        return None
    try:
        return read_key(path or default_key_file())
    except KeyFileError as error:
        raise CommandError(str(error)) from None


def find_vantage(inventory: Inventory, given: str | None, option: str = "--from") -> str | None:
    """The host that this machine is: as given, or the only one with an address of this machine."""
    if given is not None:
        require_known(inventory, given, option)
        return given
    own = own_hosts(inventory)
    return own[0] if len(own) == 1 else None


def require_vantage(inventory: Inventory, given: str | None) -> str:
    """As `find_vantage`, but it must be known: else CommandError with the candidates."""
    return require_host(inventory, given, "--from")


def require_host(inventory: Inventory, given: str | None, option: str) -> str:
    """The host that this machine is; CommandError that names the option if that is not known."""
    vantage = find_vantage(inventory, given, option)
    if vantage is not None:
        return vantage
    own = own_hosts(inventory)
    found = "several hosts have" if own else "no host has"
    raise CommandError(
        f"{found} an address of this machine; say with {option} which host it is: "
        f"{_some(own or list(inventory.hosts))}"
    )


def is_over_ssh(inventory: Inventory, host: str) -> bool:
    """Whether this host is probed from over SSH: it has `ssh` and is not this machine."""
    return bool(inventory.hosts[host].ssh) and host not in own_hosts(inventory)


def own_hosts(inventory: Inventory) -> list[str]:
    """The hosts that own one of this machine's addresses."""
    from veeamcheck.net.local import own_hosts

    return own_hosts(inventory)


def require_known(inventory: Inventory, name: str, option: str) -> None:
    """typer.BadParameter, with what the inventory has, where it has no host of this name."""
    if name not in inventory.hosts:
        raise typer.BadParameter(
            f"{inventory.file} has no host {name!r}; it has: {_some(list(inventory.hosts))}"
            f"{suggest(name, inventory.hosts)}",
            param_hint=option,
        )


def _some(names: Sequence[str]) -> str:
    """The names, or so many of them as a person reads."""
    shown = ", ".join(names[:_SHOWN_HOSTS])
    more = len(names) - _SHOWN_HOSTS
    return f"{shown} and {more:,} more" if more > 0 else shown or "(none)"


def selection_of(
    rules: Sequence[str] | None, hosts: Sequence[str] | None, sections: Sequence[str] | None
) -> Selection:
    """What ``--rule``, ``--host`` and ``--section`` select."""
    return Selection(
        rules=tuple(rules or ()), hosts=tuple(hosts or ()), sections=tuple(sections or ())
    )


def selected_plan(plan: Plan, selection: Selection) -> Plan:
    """The part of the plan that is selected; CommandError where the filters leave nothing."""
    selected = select(plan, selection)
    if selection != Selection() and not selected.flows:
        raise CommandError(
            f"no flow of {len(plan.flows):,} matches the filters; `veeamcheck plan` lists them all"
        )
    return selected


def read_result(path: Path) -> str:
    """The text of a report or of a script's output; InputError where it cannot be read.

    Windows PowerShell writes UTF-16 when a script's output is redirected to a file.
    """
    try:
        data = path.read_bytes()
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except OSError as error:
        what = f"cannot be read: {reason_of(error)}"
    except UnicodeDecodeError:
        what = "is neither UTF-8 nor UTF-16 text"
    raise InputError([Problem(str(path), 1, "", what)])


def policy_of(
    fail_on: str, allow_unproven: Sequence[str] | None, *, require_complete: bool
) -> Policy:
    """What ``--fail-on``, ``--allow-unproven`` and ``--require-complete`` ask for."""
    return Policy(
        fail_on_degraded=fail_on == "degraded",
        allow_unproven=_reasons(allow_unproven or []),
        require_complete=require_complete,
    )


def _reasons(texts: Sequence[str]) -> frozenset[ReasonCode]:
    """Read ``--allow-unproven``; typer.BadParameter for anything but a reason to be unproven."""
    names = [name.strip() for text in texts for name in text.split(",")]
    for name in names:
        if name not in UNPROVEN_REASONS:
            raise typer.BadParameter(
                f"{name!r} is no reason to be unproven; there are: {', '.join(UNPROVEN_REASONS)}"
                f"{suggest(name, [*map(str, UNPROVEN_REASONS)])}",
                param_hint="--allow-unproven",
            )
    return frozenset(map(ReasonCode, names))
