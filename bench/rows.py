"""What a job comes to: rows of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from bench.programs import Port, Run, typical


class Figure(NamedTuple):
    """What one program needed for a job, and what it got wrong."""

    program: str
    seconds: float
    wrong: int | None
    """The most ports told wrong in any run; None: told of none."""

    @classmethod
    def of(cls, program: str, runs: Sequence[Run], truth: Mapping[Port, bool]) -> Self:
        return cls(program, typical(runs), max(run.wrong(truth) for run in runs))


class Bar(NamedTuple):
    """Something that the job must show."""

    text: str
    met: bool


class Row(NamedTuple):
    """One comparison, or one figure that stands alone."""

    job: str
    ours: Figure
    other: Figure | None = None
    bars: tuple[Bar, ...] = ()
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Our time as a multiple of the other's."""
        return self.ours.seconds / self.other.seconds if self.other else None


def exact(*figures: Figure) -> Bar:
    """The bar of every job: nothing told wrong."""
    return Bar("0 ports wrong", all(not figure.wrong for figure in figures))


def at_most(limit: float, ratio: float, text: str) -> Bar:
    """A bar for a ratio of times; `text` says of which."""
    return Bar(f"≤ {limit:g} × {text}", ratio <= limit)
