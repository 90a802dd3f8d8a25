"""20,000 closed ports of one target."""

from __future__ import annotations

from bench.programs import alternate
from bench.rows import Bar, Figure, Row, exact
from bench.site import Site
from tests.lab import Lab


def run(quick: bool) -> list[Row]:
    with Lab() as lab:
        site = Site(lab, "1-20000")
        our_runs, their_runs = alternate(
            5 if quick else 11,
            lambda: site.veeamcheck("--full-range", "--pace", "fast"),
            site.nmap,
        )
        ours = Figure.of("veeamcheck --full-range --pace fast", our_runs, site.truth)
        theirs = Figure.of("nmap", their_runs, site.truth)
        rate = theirs.seconds / ours.seconds
        bars = (exact(ours), Bar("≥ 0.5 × nmap's throughput", rate >= 0.5))
        return [Row("20,000 closed ports", ours, theirs, bars, f"{rate:.2f} × nmap's throughput")]
