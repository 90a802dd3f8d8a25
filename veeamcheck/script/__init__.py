"""Probe scripts for hosts where neither SSH nor Python is to be had.

One module a dialect, each with ``render(contacts) -> str``, beside the script that it fills in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from veeamcheck.variants import load_variant, variants

if TYPE_CHECKING:
    from veeamcheck.auditing.contacts import Contacts


def dialects() -> list[str]:
    """The names of all dialects, by file name: none is imported."""
    return variants(__path__)


def render(name: str, contacts: Contacts) -> str:
    """The script in the dialect of that name; KeyError if there is none."""
    text: str = load_variant(__name__, __path__, name).render(contacts)
    return text
