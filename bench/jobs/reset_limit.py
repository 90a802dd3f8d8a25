"""801 closed ports of a target that sends at most 200 resets a second."""

from __future__ import annotations

from bench.programs import alternate
from bench.rows import Figure, Row, exact
from bench.site import Site
from tests.lab import Lab, reset_limit


def run(quick: bool) -> list[Row]:
    with Lab() as lab:
        site = Site(lab)
        site.server.nft(reset_limit(200))
        rows = []
        for pace in ("fast", "normal", "polite"):
            full = () if pace == "polite" else ("--full-range",)
            options = (*full, "--pace", pace)
            (runs,) = alternate(3 if full else 1, lambda: site.veeamcheck(*options))  # noqa: B023
            ours = Figure.of(f"veeamcheck {' '.join(options)}", runs, site.truth)
            (their_runs,) = alternate(1, site.nmap) if pace == "fast" else ([],)
            theirs = Figure.of("nmap", their_runs, site.truth) if their_runs else None
            rows.append(Row("200 resets a second", ours, theirs, (exact(ours),)))
        return rows
