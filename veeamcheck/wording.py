"""How things are counted, listed, named and quoted wherever people read them."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable

from veeamcheck.model import Rule


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


def target_text(rule: Rule) -> str:
    """Where a rule leads."""
    if rule.target_self:
        return "itself"
    if rule.target_gateway_of:
        return f"gateway of {rule.target_gateway_of}"
    return rule.target


def inert(text: str) -> str:
    """One line that shows control, invisible and broken characters instead of obeying them."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )


def command_line(*words: str) -> str:
    """The words as they are typed, quoted for this machine's kind of shell."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
