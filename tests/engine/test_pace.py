"""Paces and limits, counted at the receiving end of a simulated network."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tests.engine.simulation import EXHAUSTED, OPEN, REFUSED, SILENT, Simulated, most_within, run
from veeamcheck.engine.dispatch import FIRST, LATER, Dispatcher
from veeamcheck.engine.pace import PACES
from veeamcheck.engine.sweep import Sweep
from veeamcheck.model import Observation, Signal
from veeamcheck.ports import PortSet

DATA = PortSet.parse("2500-3300")


def contacts(pace: str, answer: Observation, ports: PortSet = DATA) -> list[float]:
    async def main() -> list[float]:
        network = Simulated(lambda port, _: answer)
        sweep, _ = network.sweep(pace)
        await sweep.settle_range(ports, full=False)
        await sweep.check_for_scan_protection()
        return network.times

    return run(main)


@pytest.mark.parametrize("answer", [OPEN, REFUSED, SILENT])
def test_polite_stays_below_port_scan_thresholds(answer: Observation) -> None:
    assert most_within(contacts("polite", answer), 5) <= 20


@pytest.mark.parametrize("answer", [OPEN, REFUSED, SILENT])
def test_normal_is_at_most_150_a_second(answer: Observation) -> None:
    assert most_within(contacts("normal", answer), 1) <= 150


def test_normal_is_at_most_1000_a_second_over_all_targets() -> None:
    async def main() -> list[float]:
        network = Simulated(lambda port, _: REFUSED)
        dispatcher = Dispatcher(network.connect, PACES["normal"])
        await asyncio.gather(
            *(dispatcher.contact(f"10.0.0.{n}", range(1, 200), 0.95) for n in range(20))
        )
        return network.times

    assert most_within(run(main), 1) <= 1000


def test_fast_is_bounded_by_what_is_in_flight() -> None:
    async def main() -> int:
        network = Simulated(lambda port, _: SILENT)
        dispatcher = Dispatcher(network.connect, PACES["fast"])
        await dispatcher.contact("10.0.0.1", range(1, 3000), 0.95)
        return network.most_in_flight

    assert 200 < run(main) <= 512


def test_single_ports_go_before_ranges() -> None:
    order: list[int] = []

    async def main() -> None:
        network = Simulated(lambda port, _: REFUSED)

        def connect(address: str, port: int, timeout: float, done: object) -> None:
            order.append(port)
            network.connect(address, port, timeout, done)  # type: ignore[arg-type]

        dispatcher = Dispatcher(connect, PACES["fast"])
        later = asyncio.ensure_future(
            dispatcher.contact("10.0.0.1", range(2500, 4000), 0.95, LATER)
        )
        first = asyncio.ensure_future(dispatcher.contact("10.0.0.2", [22, 80], 0.95, FIRST))
        await asyncio.gather(later, first)

    run(main)
    assert order[:2] == [22, 80]


def test_one_slow_target_does_not_hold_up_another() -> None:
    async def main() -> float:
        network = Simulated(lambda port, _: REFUSED)
        dispatcher = Dispatcher(network.connect, PACES["polite"])
        slow = asyncio.ensure_future(dispatcher.contact("10.0.0.1", range(1, 60), 0.95))
        await asyncio.sleep(0.1)
        await dispatcher.contact("10.0.0.2", [22], 0.95)
        took = asyncio.get_running_loop().time()
        await slow
        return took

    assert run(main) < 0.5


def test_cancelled_contacts_are_not_started() -> None:
    async def main() -> int:
        network = Simulated(lambda port, _: REFUSED)
        dispatcher = Dispatcher(network.connect, PACES["polite"])
        task = asyncio.ensure_future(dispatcher.contact("10.0.0.1", range(1, 100), 0.95))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(60)
        await dispatcher.contact("10.0.0.1", [500], 0.95)
        return len(network.times)

    assert run(main) < 10


def test_running_out_lowers_what_is_in_flight() -> None:
    limit = 40

    async def main() -> set[int]:
        network = Simulated(lambda port, _: REFUSED)

        def connect(address: str, port: int, timeout: float, done: object) -> None:
            if network.in_flight >= limit:
                done(port, EXHAUSTED)  # type: ignore[operator]
                return
            network.connect(address, port, timeout, done)  # type: ignore[arg-type]

        dispatcher = Dispatcher(connect, PACES["fast"])
        sweep = Sweep(dispatcher, "10.0.0.1", random=Random(1))
        await sweep.settle(DATA)
        return {port for port, each in sweep.seen.items() if each.signal is Signal.REFUSED}

    assert run(main) == set(DATA)
