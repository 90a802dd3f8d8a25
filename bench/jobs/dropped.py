"""801 ports that are all dropped."""

from __future__ import annotations

from bench.programs import alternate
from bench.rows import Bar, Figure, Row, exact
from bench.site import Site
from tests.lab import Action, Lab, Policy


def run(quick: bool) -> list[Row]:
    with Lab() as lab:
        site = Site(lab)
        site.filter(Policy((), default=Action.DROP))
        (our_runs,) = alternate(3, lambda: site.veeamcheck("--full-range", "--pace", "fast"))
        ours = Figure.of("veeamcheck --full-range --pace fast", our_runs, site.truth)
        theirs = None if quick else Figure.of("nmap", [site.nmap()], site.truth)
        bars = (exact(ours), Bar("≤ 12 s", ours.seconds <= 12))
        return [Row("all ports dropped", ours, theirs, bars)]
