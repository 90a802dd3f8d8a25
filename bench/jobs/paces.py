"""What the paces amount to where they arrive: 20 targets that drop everything."""

from __future__ import annotations

from bench.programs import alternate, veeamcheck
from bench.rows import Bar, Figure, Row
from bench.site import RULE, Site
from tests.lab import Action, Lab, Policy
from tests.lab.recorder import recording

_ADDRESSES = [f"10.77.2.{number}" for number in range(10, 30)]
_ATTEMPT = 0.95
"""Seconds that an attempt at a target waits that has never answered."""


def run(quick: bool) -> list[Row]:
    with Lab() as lab:
        site = Site(lab)
        for address in _ADDRESSES[1:]:
            site.server.add_address(address)
        site.server.nft(Policy((), default=Action.DROP).text("input"))
        rows = []
        for pace in ("polite", "normal", "fast"):
            with recording(site.server) as contacts:
                (runs,) = alternate(
                    1,
                    lambda: veeamcheck(
                        site.worker,
                        site.inventory(*_ADDRESSES),
                        *("--rule", RULE, "--pace", pace),  # noqa: B023
                    ),
                )
            within = {
                seconds: max(contacts.most_within(seconds, address) for address in _ADDRESSES)
                for seconds in (1, 5)
            }
            overall = contacts.most_within(1)
            in_flight = contacts.most_within(_ATTEMPT)
            bars = {
                "polite": (Bar("≤ 20 in any 5 s at one target", within[5] <= 20),),
                "normal": (
                    Bar("≤ 150 in any second at one target", within[1] <= 150),
                    Bar("≤ 1,000 in any second in all", overall <= 1000),
                ),
                "fast": (Bar("≤ 512 in flight", in_flight <= 512),),
            }
            truth = {(address, port): False for address in _ADDRESSES for _, port in site.truth}
            rows.append(
                Row(
                    f"--pace {pace}, at the receiving end",
                    Figure.of(f"veeamcheck --pace {pace}", runs, truth),
                    None,
                    bars[pace],
                    f"most contacts at one target: {within[1]} in a second, {within[5]} in 5 s; "
                    f"in all: {overall} in a second, at most {in_flight} in flight; "
                    f"{len(contacts.times)} contacts",
                )
            )
        return rows
