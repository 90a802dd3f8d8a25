"""How a verdict looks: a sign and a word, never a colour alone."""

from __future__ import annotations

from typing import NamedTuple

from veeamcheck.model import Verdict
from veeamcheck.reports._words import SIGNS
from veeamcheck.reports.terminal.blocks import Piece

_STYLES = {
    Verdict.FAIL: "bold red",
    Verdict.DEGRADED: "bold yellow",
    Verdict.UNPROVEN: "bold cyan",
    Verdict.PASS: "green",
    Verdict.WAIVED: "blue",
    Verdict.UNTESTED: "dim",
}


class Look(NamedTuple):
    sign: str
    style: str


LOOKS = {verdict: Look(sign, _STYLES[verdict]) for verdict, sign in SIGNS.items()}
"""Every verdict, in the order in which people should see them."""


def verdict_piece(verdict: Verdict) -> Piece:
    look = LOOKS[verdict]
    return f"{look.sign} {verdict}", look.style
