"""One module a format, each with ``render(report) -> str``; a new format is one new module.

Modules whose names begin with an underscore are what formats share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from veeamcheck.variants import load_variant, variants

if TYPE_CHECKING:
    from veeamcheck.model import Report


def formats() -> list[str]:
    """The names of all formats, by file name: none is imported."""
    return variants(__path__)


def render(name: str, report: Report) -> str:
    """The report in the format of that name; KeyError if there is none."""
    text: str = load_variant(__name__, __path__, name).render(report)
    return text
