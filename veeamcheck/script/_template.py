"""Filling in a script: ``@NAME@`` becomes the value of that name, in one pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

_MARK = re.compile("@([A-Z]+)@")


def fill_in(file: str, values: Mapping[str, str]) -> str:
    """The script in `file` with these values; what a value contains is never read as a mark."""
    text = files(__package__).joinpath(file).read_text(encoding="utf-8")
    return _MARK.sub(lambda match: values[match[1]], text)
