"""One module a format, each with ``render(report) -> str``; a new format is one new module.

Modules whose names begin with an underscore are what formats share.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veeamcheck.model import Report


def formats() -> list[str]:
    """The names of all formats, by file name: none is imported."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def render(name: str, report: Report) -> str:
    """The report in the format of that name; KeyError if there is none."""
    if name not in formats():
        raise KeyError(name)
    text: str = importlib.import_module(f"{__name__}.{name}").render(report)
    return text
