"""A set of TCP or UDP ports, kept as runs: ``6162``, ``2500-3300``, ``22,135-139``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

Run = tuple[int, int]
"""First and last port of a run, both included."""

_RUN = re.compile(r"\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?", re.ASCII)
_PATTERN = r"^(\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*)?$"


@dataclass(frozen=True, slots=True)
class PortSet:
    """An immutable set of ports; ``runs`` are ascending, disjoint and never adjacent."""

    runs: tuple[Run, ...] = ()

    @classmethod
    def of(cls, ports: Iterable[int]) -> PortSet:
        """The set of these single ports."""
        return cls.of_runs((port, port) for port in ports)

    @classmethod
    def of_runs(cls, runs: Iterable[Run]) -> PortSet:
        """The set of all ports in these runs, which may overlap and come in any order."""
        merged: list[Run] = []
        for first, last in sorted(runs):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    @classmethod
    def parse(cls, text: str) -> PortSet:
        """Read ``"6162"``, ``"2500-3300"`` or ``"22,135-139"``; ValueError says what is wrong."""
        runs: list[Run] = []
        for part in text.split(","):
            match = _RUN.fullmatch(part)
            if not match:
                raise ValueError(f"{part.strip()!r} is no port or run of ports")
            first = int(match[1])
            last = int(match[2] or first)
            for port in (first, last):
                if not 1 <= port <= 65535:
                    raise ValueError(f"port {port} is not between 1 and 65535")
            if last < first:
                raise ValueError(f"the run {first}-{last} ends before it starts")
            runs.append((first, last))
        return cls.of_runs(runs)

    def __str__(self) -> str:
        return ",".join(
            str(first) if first == last else f"{first}-{last}" for first, last in self.runs
        )

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.runs)

    def __bool__(self) -> bool:
        return bool(self.runs)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.runs:
            yield from range(first, last + 1)

    def __contains__(self, port: object) -> bool:
        return any(first <= port <= last for first, last in self.runs)  # type: ignore[operator]

    def __or__(self, other: PortSet) -> PortSet:
        return PortSet.of_runs((*self.runs, *other.runs))

    def __and__(self, other: PortSet) -> PortSet:
        return PortSet.of_runs(
            (max(a, c), min(b, d))
            for a, b in self.runs
            for c, d in other.runs
            if max(a, c) <= min(b, d)
        )

    def __sub__(self, other: PortSet) -> PortSet:
        kept: list[Run] = []
        for first, last in self.runs:
            for gone_first, gone_last in other.runs:
                if gone_last < first or gone_first > last:
                    continue
                if gone_first > first:
                    kept.append((first, gone_first - 1))
                first = gone_last + 1
            if first <= last:
                kept.append((first, last))
        return PortSet(tuple(kept))

    @property
    def first(self) -> int:
        """The lowest port; IndexError if the set is empty."""
        return self.runs[0][0]

    @property
    def last(self) -> int:
        """The highest port; IndexError if the set is empty."""
        return self.runs[-1][1]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        """In JSON a port set is its text (empty text for the empty set)."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(
            lambda text: cls.parse(text) if text else cls(),
            core_schema.str_schema(pattern=_PATTERN),
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )
