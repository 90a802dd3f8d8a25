"""A range that a firewall accepts, drops, resets and rejects in two ways, 801 ports."""

from __future__ import annotations

from itertools import groupby

from bench.programs import Run, alternate, typical
from bench.rows import Bar, Figure, Row, at_most, exact
from bench.site import Site
from tests.lab import Action, Lab, Policy, Rule

POLICY = Policy(
    tuple(
        Rule(action=action, protocol="tcp", ports=ports)
        for action, ports in [
            (Action.DROP, "2900-3000"),
            (Action.RESET, "3001-3100"),
            (Action.PROHIBITED, "3101-3200"),
            (Action.PORT_UNREACHABLE, "3201-3300"),
        ]
    )
)
_TIMES = 5
_HASTY = ("-T4", "--min-parallelism", "100")


def run(quick: bool) -> list[Row]:
    with Lab() as lab:
        site = Site(lab)
        site.filter(POLICY)
        full_runs, sampled_runs, hasty_runs = alternate(
            _TIMES,
            lambda: site.veeamcheck("--full-range", "--pace", "fast"),
            lambda: site.veeamcheck("--pace", "fast"),
            lambda: site.nmap(*_HASTY),
        )
        careful_runs = [] if quick else [site.nmap()]
        full = Figure.of("veeamcheck --full-range --pace fast", full_runs, site.truth)
        sampled = Figure.of("veeamcheck --pace fast", sampled_runs, site.truth)
        hasty = Figure.of(f"nmap {' '.join(_HASTY)}", hasty_runs, site.truth)
        rows = [
            Row(
                "mixed range, each port",
                full,
                hasty,
                (exact(full), at_most(1.5, full.seconds / hasty.seconds, "nmap's time")),
            )
        ]
        if careful_runs:
            careful = Figure.of("nmap", careful_runs, site.truth)
            ratio = full.seconds / careful.seconds
            rows.append(
                Row(
                    "mixed range, each port",
                    full,
                    careful,
                    (Bar("≤ 1/20 of nmap's time", ratio <= 1 / 20),),
                )
            )
        share = max(run.contacted for run in sampled_runs) / len(site.truth)
        same_runs = all(
            _runs(found) == _runs(first)
            for found, first in zip(sampled_runs, full_runs, strict=True)
        )
        rows.append(
            Row(
                "mixed range, sampled",
                sampled,
                full,
                (
                    exact(sampled),
                    Bar("the same runs", same_runs),
                    Bar("≤ 25 % of the ports contacted", share <= 0.25),
                    at_most(2, typical(sampled_runs) / typical(full_runs), "the full range's time"),
                ),
                f"{share:.0%} of the ports contacted",
            )
        )
        return [*rows, *_unlimited(site)]


def _unlimited(site: Site) -> list[Row]:
    """The same where the firewall tells of each port that it rejects."""
    site.firewall.sysctl("net.ipv4.icmp_ratelimit", 0)
    our_runs, their_runs = alternate(
        _TIMES, lambda: site.veeamcheck("--full-range", "--pace", "fast"), site.nmap
    )
    ours = Figure.of("veeamcheck --full-range --pace fast", our_runs, site.truth)
    theirs = Figure.of("nmap", their_runs, site.truth)
    return [Row("mixed range, each reject told of", ours, theirs, (exact(ours),))]


def _runs(run: Run) -> list[tuple[bool, int]]:
    """Clear and not clear runs, as (clear, length)."""
    told = (clear for _, clear in sorted(run.told.items()))
    return [(clear, len(list(ports))) for clear, ports in groupby(told)]
