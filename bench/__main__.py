"""Run the jobs, show what each had to show, and write the tables of README and docs."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path

from bench import jobs, tables
from bench.rows import Row
from tests.lab import unavailable

_ROOT = Path(__file__).parents[1]


def main() -> None:
    names = sorted(module.name for module in pkgutil.iter_modules(jobs.__path__))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=names, help="this job; repeats; writes nothing"
    )
    parser.add_argument(
        "--quick", action="store_true", help="leave out nmap's runs of minutes; writes nothing"
    )
    options = parser.parse_args()
    if reason := unavailable():
        parser.exit(1, f"no lab here: {reason}\n")
    rows = [row for name in options.only or names for row in _run(name, options.quick)]
    if not options.only and not options.quick:
        _write(rows)
    missed = sum(not bar.met for row in rows for bar in row.bars)
    print(f"{missed} bars missed" if missed else "every bar passed")


def _run(name: str, quick: bool) -> list[Row]:
    job = importlib.import_module(f"bench.jobs.{name}")
    print(f"{name}: {job.__doc__}", flush=True)
    rows: list[Row] = job.run(quick)
    for row in rows:
        for figure in filter(None, (row.ours, row.other)):
            print(f"    {figure.program}: {figure.seconds:.3f} s, {figure.wrong} wrong")
        for bar in row.bars:
            print(f"        {tables.bar_text(bar)}")
        if row.note:
            print(f"        {row.note}", flush=True)
    return rows


def _write(rows: Sequence[Row]) -> None:
    machine = f"Measured on {tables.machine()}.\n"
    readme = [row for row in rows if row.other and row.other.program.startswith("nmap")]
    tables.replace_block(_ROOT / "README.md", f"{tables.short_table(readme)}\n\n{machine}")
    tables.replace_block(
        _ROOT / "docs" / "benchmarks.md", f"{machine}\n{tables.long_table(rows)}\n"
    )


if __name__ == "__main__":
    main()
