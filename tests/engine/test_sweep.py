"""One address under what networks do: loss, bursts, limits, death, bans, exhaustion."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random

import pytest

from tests.engine.simulation import (
    EXHAUSTED,
    OPEN,
    REFUSED,
    REJECTED,
    SILENT,
    UNREACHABLE,
    Simulated,
    run,
)
from veeamcheck.engine.fold import fold
from veeamcheck.engine.sweep import Sweep
from veeamcheck.model import CLEAR, Observation, Signal
from veeamcheck.ports import PortSet

DATA = PortSet.parse("2500-3300")


def swept(
    network: Simulated, ports: PortSet = DATA, *, full: bool = True, pace: str = "fast"
) -> tuple[Sweep, float]:
    """The sweep after it is done, and the seconds that it took."""

    async def main() -> tuple[Sweep, float]:
        sweep, _ = network.sweep(pace)
        await (sweep.settle_range(ports, full=full) if len(ports) > 1 else sweep.settle(ports))
        took = asyncio.get_running_loop().time()
        await sweep.check_for_scan_protection()
        return sweep, took

    return run(main)


def signals(sweep: Sweep) -> dict[int, Signal]:
    return {port: each.signal for port, each in sweep.seen.items()}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("loss", [0.0, 0.05, 0.19, 0.3])
def test_no_answering_port_is_called_silent_under_loss(seed: int, loss: float) -> None:
    sweep, _ = swept(Simulated(lambda port, _: REFUSED, loss=loss, seed=seed))
    assert set(signals(sweep).values()) == {Signal.REFUSED}


@pytest.mark.parametrize("seed", range(10))
def test_dropped_ports_stand_out_under_loss(seed: int) -> None:
    dropped = range(2900, 3000)
    network = Simulated(lambda p, _: SILENT if p in dropped else REFUSED, loss=0.19, seed=seed)
    sweep, took = swept(network)
    assert {p for p, s in signals(sweep).items() if s is Signal.SILENT} == set(dropped)
    assert took < 10


@pytest.mark.parametrize("seed", range(10))
def test_a_burst_of_losses_is_outlasted(seed: int) -> None:
    network = Simulated(lambda p, t: SILENT if 0.05 < t < 0.9 else OPEN, seed=seed)
    sweep, _ = swept(network, pace="normal")
    assert set(signals(sweep).values()) == {Signal.OPEN}


def test_a_wholly_silent_range_ends_early() -> None:
    sweep, took = swept(Simulated(lambda port, _: SILENT))
    assert set(signals(sweep).values()) == {Signal.SILENT}
    assert len(sweep.seen) == len(DATA)
    assert took <= 12


@pytest.mark.parametrize("seed", range(10))
def test_an_answer_cancels_the_early_stop(seed: int) -> None:
    """A hole that none of the scouts met, and a path that loses packets."""
    clear = range(2700, 2730)
    network = Simulated(lambda p, _: REFUSED if p in clear else SILENT, loss=0.19, seed=seed)
    sweep, _ = swept(network)
    assert {p for p, s in signals(sweep).items() if s in CLEAR} == set(clear)


def test_answers_are_never_asked_for_again() -> None:
    kinds = [OPEN, REFUSED, REJECTED]
    network = Simulated(lambda port, _: kinds[port % 3])
    swept(network)
    assert set(network.tries.values()) == {1}


def test_a_dead_neighbour_holds_for_every_port() -> None:
    network = Simulated(lambda port, _: UNREACHABLE, delays={Signal.UNREACHABLE: 3.1})
    sweep, took = swept(network, PortSet.parse("22,6162"))
    assert set(signals(sweep).values()) == {Signal.UNREACHABLE}
    assert took < 8


def test_unreachable_is_believed_when_told_twice() -> None:
    """A router that is only learning its routes says so once."""
    sweep, _ = swept(
        Simulated(lambda port, t: UNREACHABLE if t < 0.1 else OPEN), PortSet.parse("22")
    )
    assert signals(sweep) == {22: Signal.OPEN}


def test_a_reject_that_is_rate_limited_stays_a_reject_where_it_was_seen() -> None:
    random = Random(3)

    def answers(port: int, _: float) -> Observation:
        return REFUSED if port < 3100 else REJECTED if random.random() < 0.02 else SILENT

    sweep, _ = swept(Simulated(answers))
    beyond = {s for p, s in signals(sweep).items() if p >= 3100}
    assert beyond == {Signal.REJECTED, Signal.SILENT}
    assert {s for p, s in signals(sweep).items() if p < 3100} == {Signal.REFUSED}


def test_a_limit_on_resets_makes_no_port_silent() -> None:
    """BSD and Windows answer at most about 200 times a second."""
    sent: list[float] = []

    def answers(_: int, now: float) -> Observation:
        while sent and sent[0] <= now - 1:
            sent.pop(0)
        if len(sent) >= 200:
            return SILENT
        sent.append(now)
        return REFUSED

    sweep, _ = swept(Simulated(answers))
    assert set(signals(sweep).values()) == {Signal.REFUSED}
    assert not sweep.scan_protected


def test_a_strict_limit_on_resets_makes_no_port_silent() -> None:
    """A token bucket that never gives more than a few at once, so that bursts are in vain."""
    tokens, updated = 5.0, 0.0

    def answers(_: int, now: float) -> Observation:
        nonlocal tokens, updated
        tokens, updated = min(5.0, tokens + (now - updated) * 200), now
        if tokens < 1:
            return SILENT
        tokens -= 1
        return REFUSED

    sweep, took = swept(Simulated(answers))
    assert set(signals(sweep).values()) == {Signal.REFUSED}
    assert took < 15


def test_a_slow_path_is_waited_for() -> None:
    """Answers after 1.4 s, as over a satellite, are answers."""
    network = Simulated(lambda port, _: OPEN if port == 22 else REFUSED, rtt=1.4)
    sweep, _ = swept(network, PortSet.parse("22,80,443"))
    assert signals(sweep) == {22: Signal.OPEN, 80: Signal.REFUSED, 443: Signal.REFUSED}


def test_this_machine_running_out_is_no_evidence() -> None:
    sweep, _ = swept(Simulated(lambda port, _: EXHAUSTED), PortSet.parse("22,6162"))
    assert set(signals(sweep).values()) == {Signal.LOCAL_ERROR}


def test_running_out_for_a_while_is_overcome() -> None:
    network = Simulated(lambda port, t: EXHAUSTED if t < 0.4 else OPEN)
    sweep, _ = swept(network, PortSet.parse("22,6162"))
    assert set(signals(sweep).values()) == {Signal.OPEN}


def test_a_target_that_changes_its_answer_keeps_what_it_said() -> None:
    network = Simulated(lambda port, t: REFUSED if t < 0.005 else OPEN)
    sweep, _ = swept(network, pace="normal")
    assert set(signals(sweep).values()) == {Signal.REFUSED, Signal.OPEN}
    assert set(network.tries.values()) == {1}


def test_a_ban_is_told_from_a_firewall() -> None:
    """Answers, then nothing at all any more: no word about any rule can be said."""
    count = 0

    def answers(_: int, __: float) -> Observation:
        nonlocal count
        count += 1
        return OPEN if count <= 20 else SILENT

    sweep, _ = swept(Simulated(answers), full=False)
    assert sweep.scan_protected
    assert not sweep.came_back


def test_silence_beside_ports_that_go_on_answering_is_no_ban() -> None:
    sweep, _ = swept(Simulated(lambda port, _: SILENT if port > 2600 else OPEN), full=False)
    assert not sweep.scan_protected


@pytest.mark.parametrize(
    ("closed_ports_say", "expected"), [(OPEN, True), (REFUSED, False), (SILENT, False)]
)
def test_accept_for_everybody(closed_ports_say: Observation, expected: bool) -> None:
    async def main() -> bool:
        network = Simulated(lambda port, _: OPEN if port == 22 else closed_ports_say)
        sweep, _ = network.sweep()
        await sweep.settle([22])
        await sweep.check_for_accept_all([40001, 40002])
        assert sweep.seen.keys() == {22}, "no part of any evidence"
        return sweep.accepts_all

    assert run(main) is expected


def test_closed_ports_are_left_alone_where_nothing_is_open() -> None:
    async def main() -> None:
        network = Simulated(lambda port, _: REFUSED)
        sweep, _ = network.sweep()
        await sweep.settle([22])
        await sweep.check_for_accept_all([40001, 40002])
        assert network.tries.keys() == {22}

    run(main)


@pytest.mark.parametrize("after", [0.0, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_when_interrupted_only_settled_ports_are_told(after: float) -> None:
    truth = {port: SILENT if port > 2900 else REFUSED for port in DATA}

    async def main() -> dict[int, Signal]:
        sweep, _ = Simulated(lambda port, _: truth[port]).sweep()
        task = asyncio.ensure_future(sweep.settle_range(DATA, full=True))
        await asyncio.sleep(after)
        task.cancel()
        await asyncio.wait([task])
        return signals(sweep)

    told = run(main)
    assert all(signal is truth[port].signal for port, signal in told.items())
    if after < 1:
        assert Signal.SILENT not in told.values(), "one attempt is no proof of silence"


def test_what_was_seen_before_an_interrupt_is_kept() -> None:
    """At a slow pace one round takes half a minute: its answers must not wait for its end."""

    async def main() -> Sweep:
        sweep, _ = Simulated(lambda port, _: REJECTED).sweep("polite")
        task = asyncio.ensure_future(sweep.settle_range(DATA, full=True))
        await asyncio.sleep(10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return sweep

    seen = signals(run(main))

    assert 20 < len(seen) < 40
    assert set(seen.values()) == {Signal.REJECTED}


@pytest.mark.parametrize("full", [True, False])
def test_what_is_found_at_open_ports_has_exact_edges(full: bool) -> None:
    """A closer look can make an open port one that is not clear: that edge is searched too."""
    wrong = PortSet.parse("2711-2799")

    async def examine(seen: Mapping[int, Observation]) -> dict[int, Observation]:
        return {port: Observation(Signal.INVALID) for port in seen if port in wrong}

    async def main() -> Sweep:
        sweep, _ = Simulated(lambda port, _: OPEN).sweep("fast", examine=examine)
        await sweep.settle_range(DATA, full=full)
        return sweep

    sweep = run(main)
    rows = fold(DATA, sweep.seen, address="a", local_address=None, searched=sweep.searched)
    assert {str(row.ports): row.signal for row in rows} == {
        "2500-2710,2800-3300": Signal.OPEN,
        "2711-2799": Signal.INVALID,
    }
