"""Probe scripts for hosts where neither SSH nor Python is to be had.

One module a dialect, each with ``render(contacts) -> str``, beside the script that it fills in.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veeamcheck.auditing.contacts import Contacts


def dialects() -> list[str]:
    """The names of all dialects, by file name: none is imported."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def render(name: str, contacts: Contacts) -> str:
    """The script in the dialect of that name; KeyError if there is none."""
    if name not in dialects():
        raise KeyError(name)
    text: str = importlib.import_module(f"{__name__}.{name}").render(contacts)
    return text
