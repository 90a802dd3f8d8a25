"""801 closed ports over a path that loses 10 % of the packets in each direction."""

from __future__ import annotations

from bench.programs import alternate
from bench.rows import Bar, Figure, Row, exact
from bench.site import Site
from tests.lab import Lab, loss


def run(quick: bool) -> list[Row]:
    times = 5 if quick else 20
    with Lab() as lab:
        site = Site(lab)
        site.firewall.nft(loss(10))
        our_runs, their_runs = alternate(
            times, lambda: site.veeamcheck("--full-range", "--pace", "fast"), site.nmap
        )
        ours = Figure.of("veeamcheck --full-range --pace fast", our_runs, site.truth)
        theirs = Figure.of("nmap", their_runs, site.truth)
        bars = (exact(ours), Bar("≤ nmap's time", ours.seconds <= theirs.seconds))
        mistaken = sum(run.wrong(site.truth) > 0 for run in their_runs)
        note = f"{times} runs; nmap was wrong in {mistaken} of them"
        return [Row("10 % loss each way, closed ports", ours, theirs, bars, note)]
