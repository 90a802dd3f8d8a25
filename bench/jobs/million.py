"""1,250 targets with 801 ports each on loopback: a million probes."""

from __future__ import annotations

from bench.programs import Port, Run, alternate, typical, veeamcheck
from bench.rows import Bar, Figure, Row, at_most, exact
from bench.site import RULE, Site
from tests.lab import Lab
from veeamcheck.ports import PortSet

_MANY, _FEW = 1250, 13


def run(quick: bool) -> list[Row]:
    with Lab() as lab:
        site = Site(lab)

        def audit(addresses: list[str]) -> Run:
            options = ("--from", "worker1", "--rule", RULE, "--full-range", "--pace", "fast")
            return veeamcheck(site.worker, site.inventory(*addresses), *options)

        addresses = [f"127.{number // 250 + 1}.1.{number % 250 + 1}" for number in range(_MANY)]
        ports = PortSet.parse(site.ports)
        truth: dict[Port, bool] = {(each, port): True for each in addresses for port in ports}
        # More of the short runs, for what little they last is easily disturbed.
        (many,) = alternate(1 if quick else 3, lambda: audit(addresses))
        few_runs, single_runs = alternate(
            11, lambda: audit(addresses[:_FEW]), lambda: audit(addresses[:1])
        )
        # All that is done but once, start-up above all, is in the run with a single target.
        single = typical(single_runs)
        for_many = (typical(many) - single) / ((_MANY - 1) * len(ports))
        for_few = (typical(few_runs) - single) / ((_FEW - 1) * len(ports))
        peak = max(run.peak_kib for run in many) / 1024
        ours = Figure.of("veeamcheck --full-range --pace fast", many, truth)
        bars = (
            exact(ours),
            Bar("≤ 200 MiB", peak <= 200),
            at_most(1.2, for_many / for_few, "the time for each probe of 10,000"),
        )
        note = (
            f"peak {peak:.0f} MiB; {for_many * 1e6:.1f} µs for each probe, "
            f"of 10,413 probes {for_few * 1e6:.1f} µs (start-up left out)"
        )
        return [Row("1,001,250 probes", ours, None, bars, note)]
