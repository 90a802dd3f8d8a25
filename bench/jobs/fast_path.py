"""The engine's own epoll and the loop's writer callbacks, in whole audits."""

from __future__ import annotations

from bench.programs import Run, alternate, veeamcheck
from bench.rows import Bar, Figure, Row, exact
from bench.site import RULE, Site
from tests.lab import Lab

_WRITERS = ("-m", "bench.writer_callbacks")
_GAIN = 1.5


def run(quick: bool) -> list[Row]:
    rows = []
    for targets, elsewhere in ((1, False), (1, True), (10, True)):
        with Lab() as lab:
            site = Site(lab, "1-20000")
            addresses = [f"10.77.2.{number}" for number in range(10, 10 + targets)]
            for address in addresses[1:]:
                site.server.add_address(address)
            if elsewhere:
                site.answer_elsewhere()

            def audit(*program: str) -> Run:
                options = ("--rule", RULE, "--full-range", "--pace", "fast")
                inventory = site.inventory(*addresses)  # noqa: B023
                return veeamcheck(site.worker, inventory, *options, program=program)  # noqa: B023

            ours, theirs = alternate(
                3 if quick else 5, lambda: audit("-m", "veeamcheck"), lambda: audit(*_WRITERS)
            )
            truth = {(each, port): True for each in addresses for _, port in site.truth}
        epoll = Figure.of("own epoll", ours, truth)
        writers = Figure.of("writer callbacks", theirs, truth)
        gain = writers.seconds / epoll.seconds
        when = "answers from another core" if elsewhere else "answers at once"
        rows.append(
            Row(
                f"{targets * 20_000:,} closed ports, {when}",
                epoll,
                writers,
                (exact(epoll, writers), Bar(f"gains ≥ {_GAIN} ×", gain >= _GAIN)),
                f"{gain:.2f} × the throughput",
            )
        )
    return rows
