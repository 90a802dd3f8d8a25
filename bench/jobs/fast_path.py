"""The loop's writer callbacks and an epoll of the engine's own, in whole audits."""

from __future__ import annotations

from bench.programs import Run, alternate, veeamcheck
from bench.rows import Bar, Figure, Row, exact
from bench.site import RULE, Site
from tests.lab import Lab

_EPOLL = ("-m", "bench.own_epoll")
_WORTH_IT = 1.5


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
                3 if quick else 5, lambda: audit("-m", "veeamcheck"), lambda: audit(*_EPOLL)
            )
            truth = {(each, port): True for each in addresses for _, port in site.truth}
        writers = Figure.of("writer callbacks", ours, truth)
        epoll = Figure.of("own epoll", theirs, truth)
        gain = writers.seconds / epoll.seconds
        when = "answers from another core" if elsewhere else "answers at once"
        rows.append(
            Row(
                f"{targets * 20_000:,} closed ports, {when}",
                writers,
                epoll,
                (
                    exact(writers, epoll),
                    Bar(f"an epoll gains < {_WORTH_IT} ×", gain < _WORTH_IT),
                ),
                f"the epoll has {gain:.2f} × the throughput",
            )
        )
    return rows
