"""Active network reachability auditor for Veeam Backup & Replication.

The Python interface, of which the command line is the first user::

    import asyncio
    import veeamcheck

    inventory = veeamcheck.load_inventory("inventory.toml")
    plan = veeamcheck.plan(inventory, "vbr1")
    report = asyncio.run(veeamcheck.audit(inventory, veeamcheck.Settings(vantage="vbr1")))

`load_inventory` and `load_rule_set` raise `InputError` with every mistake of the file. The types
of all that is given and returned are in `veeamcheck.model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "Selection",
    "Settings",
    "audit",
    "load_inventory",
    "load_rule_set",
    "plan",
]

if TYPE_CHECKING:
    from veeamcheck.auditing.audit import audit
    from veeamcheck.auditing.settings import Settings
    from veeamcheck.expand import Selection
    from veeamcheck.expand import expand as plan
    from veeamcheck.inventory import load_inventory
    from veeamcheck.model import InputError
    from veeamcheck.rulesets import load_rule_set

_HOMES = {
    "InputError": ("model", "InputError"),
    "Selection": ("expand", "Selection"),
    "Settings": ("auditing.settings", "Settings"),
    "audit": ("auditing.audit", "audit"),
    "load_inventory": ("inventory", "load_inventory"),
    "load_rule_set": ("rulesets", "load_rule_set"),
    "plan": ("expand", "expand"),
}


def __getattr__(name: str) -> object:
    """Import a part only when it is used: `veeamcheck --help` must not wait for the engine."""
    if name not in _HOMES:
        raise AttributeError(f"module 'veeamcheck' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    value: object = getattr(import_module(f"veeamcheck.{module}"), attribute)
    globals()[name] = value
    return value
