"""Rows as Markdown, and where they are written."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Bar, Row
from veeamcheck.reports._markdown import table

_START, _END = "<!-- bench:start -->", "<!-- bench:end -->"
_HEAD = ["job", "veeamcheck", "wrong", "beside it", "time", "wrong", "ratio"]


def machine() -> str:
    """What the figures were measured on."""
    nmap = subprocess.run(["nmap", "--version"], capture_output=True, text=True, check=True)
    version = nmap.stdout.split("(")[0].split()[-1]
    return (
        f"{os.cpu_count()} cores ({_processor()}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, nmap {version}, {datetime.now(UTC):%Y-%m-%d}"
    )


def short_table(rows: Sequence[Row]) -> str:
    """Times, ratios and mistakes."""
    return table(_HEAD, [_cells(row) for row in rows])


def long_table(rows: Sequence[Row]) -> str:
    """The same with the commands, what each job had to show, and whether it did."""
    lines = [
        [
            row.job,
            f"`{row.ours.program}`",
            *_cells(row)[1:3],
            f"`{row.other.program}`" if row.other else "",
            *_cells(row)[4:],
            "<br>".join(map(bar_text, row.bars)),
            row.note,
        ]
        for row in rows
    ]
    head = ["job", "command", "time", "wrong", *_HEAD[3:], "must show", "also"]
    return table(head, lines)


def bar_text(bar: Bar) -> str:
    """PASS or MISSED, and what."""
    return f"{'PASS' if bar.met else 'MISSED'}: {bar.text}"


def replace_block(file: Path, text: str) -> None:
    """Put the text between the markers of a file."""
    block = re.compile(f"(?<={_START}\n).*?(?={_END})", re.DOTALL)
    replaced, count = block.subn(lambda _: text, file.read_text(encoding="utf-8"))
    if count != 1:
        raise ValueError(f"{file}: not exactly one {_START} … {_END}")
    file.write_text(replaced, encoding="utf-8")


def _cells(row: Row) -> list[str]:
    other = row.other
    return [
        row.job,
        _seconds(row.ours.seconds),
        str(row.ours.wrong),
        other.program if other else "",
        _seconds(other.seconds) if other else "",
        str(other.wrong) if other else "",
        f"{row.ratio:.2g}" if row.ratio is not None else "",
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 100 else f"{seconds:.3g} s"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
