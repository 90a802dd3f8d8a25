"""How things are counted and listed in sentences."""

from __future__ import annotations

from collections.abc import Iterable


def counted(number: int, noun: str) -> str:
    """``1 flow``, ``3 flows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(items: Iterable[str], most: int = 4) -> str:
    """``a``, ``a and b``, ``a, b and c``; beyond `most` the rest is a number.

    Each item is named once, in the order of its first occurrence.
    """
    distinct = list(dict.fromkeys(items))
    if len(distinct) > most:
        distinct[most - 1 :] = [f"{len(distinct) - most + 1} more"]
    if len(distinct) < 2:
        return "".join(distinct)
    return f"{', '.join(distinct[:-1])} and {distinct[-1]}"
