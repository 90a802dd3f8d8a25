"""What every audit of the command line shares: where from, what, and how, of any inventory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from veeamcheck.auditing.audit import Reach, audit
from veeamcheck.auditing.settings import Settings
from veeamcheck.cli._exit import CommandError
from veeamcheck.cli._input import (
    is_over_ssh,
    listener_key,
    own_hosts,
    require_known,
    require_vantage,
    selected_plan,
    selection_of,
)
from veeamcheck.cli._interrupt import run_interruptibly
from veeamcheck.cli._progress import progress_bar
from veeamcheck.expand import expand
from veeamcheck.model import Inventory, Phase, Plan, Policy, Progress, Report


class Audit(NamedTuple):
    """An audit that can begin: everything that the command line could have wrong is right."""

    inventory: Inventory
    settings: Settings
    plan: Plan
    reach: Reach | None

    async def run(
        self,
        *,
        stop: asyncio.Event | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Report:
        """As `auditing.audit`."""
        return await audit(
            self.inventory,
            self.settings,
            plan=self.plan,
            progress=progress,
            stop=stop,
            reach=self.reach,
        )


def carry_out(prepared: Audit, *, quiet: bool) -> Report:
    """Audit once, with a progress bar; Ctrl-C and SIGTERM end it with a report of what was done."""

    async def work(stop: asyncio.Event) -> Report:
        with progress_bar(shown=not quiet) as progress:
            return await prepared.run(stop=stop, progress=progress)

    return run_interruptibly(work)


class Start(NamedTuple):
    """Where to audit from. Told once: a machine stays itself while its network is down."""

    here: str | None
    """The host that this machine is, if it is audited from."""
    there: str | None = None
    """The one host to audit from over SSH, and from nowhere else."""
    everywhere: bool = False
    """Also from all that have `ssh` by then."""

    def beyond(self, inventory: Inventory) -> tuple[str, ...]:
        """The hosts to audit from over SSH."""
        if self.everywhere:
            return _with_ssh(inventory, besides=self.here)
        return (self.there,) if self.there else ()


_ALONE = (
    "--all audited from this host alone: no other host of the inventory has `ssh`; "
    "`ssh = true` at a host lets it be probed from there"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """The audit that the command line asks for, of the inventory as it is by then."""

    start: Start
    settings: Settings
    """Without those to audit from over SSH."""
    phase: str | None
    """Instead of the inventory's."""

    def prepare(self, inventory: Inventory) -> Audit:
        """CommandError or typer.BadParameter where what is asked for can't be had of it."""
        here, there, _ = self.start
        for name in filter(None, (here, there)):
            require_known(inventory, name, "--from")
        if self.phase:
            inventory = replace(inventory, phase=Phase(self.phase))
        beyond = self.start.beyond(inventory)
        # What starts at the only vantage is not left to its stand-in.
        plan = selected_plan(expand(inventory, here or there), self.settings.selection)
        if self.start.everywhere and not beyond:
            plan = replace(plan, warnings=(*plan.warnings, _ALONE))
        return Audit(
            inventory=inventory,
            settings=replace(self.settings, beyond=beyond),
            plan=plan,
            reach=_reach(inventory) if beyond else None,
        )


def auditor_of(
    inventory: Inventory,
    *,
    vantage: str | None,
    everywhere: bool,
    rule: Sequence[str] | None = None,
    host: Sequence[str] | None = None,
    section: Sequence[str] | None = None,
    full_range: bool = False,
    check_failover: bool = False,
    checks: str = "service",
    pace: str = "normal",
    phase: str | None = None,
    key_file: Path | None = None,
    trace: bool = False,
    policy: Policy | None = None,
) -> Auditor:
    """What the options of these names ask for; CommandError or typer.BadParameter if they can't."""
    start = _start(inventory, vantage, everywhere=everywhere)
    settings = Settings(
        vantage=start.here,
        selection=selection_of(rule, host, section),
        full_range=full_range,
        check_failover=check_failover,
        checks=checks,
        pace=pace,
        trace=trace,
        policy=policy or Policy(),
        key=listener_key(key_file),
    )
    return Auditor(start=start, settings=settings, phase=phase)


def _start(inventory: Inventory, given: str | None, *, everywhere: bool) -> Start:
    if everywhere:
        known = given or own_hosts(inventory) or not _with_ssh(inventory)
        return Start(require_vantage(inventory, given) if known else None, everywhere=True)
    name = require_vantage(inventory, given)
    if is_over_ssh(inventory, name):
        return Start(None, there=name)
    return Start(name)


def _with_ssh(inventory: Inventory, besides: str | None = None) -> tuple[str, ...]:
    return tuple(name for name, host in inventory.hosts.items() if host.ssh and name != besides)


def _reach(inventory: Inventory) -> Reach:
    try:
        from veeamcheck.net.ssh import reach
    except ModuleNotFoundError as error:
        if error.name != "asyncssh":
            raise
        raise CommandError(
            "probing over SSH needs asyncssh, which is not installed: "
            "pip install 'veeamcheck[ssh]', or pipx inject veeamcheck asyncssh"
        ) from None
    return reach(inventory)
