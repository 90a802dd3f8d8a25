"""Sampling, edges and filling: exact wherever a hole is as long as what sampling promises."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.simulation import OPEN, REFUSED, REJECTED, SILENT
from veeamcheck.engine.fold import fold
from veeamcheck.engine.ranges import fill, next_step, sample, widest_gap
from veeamcheck.model import CLEAR, Observation, Signal
from veeamcheck.ports import PortSet

DATA = PortSet.parse("2500-3300")


@st.composite
def walls(draw: st.DrawFn) -> dict[int, Observation]:
    """The truth about 2500-3300: runs of at least 5 % (41 ports), clear or not."""
    truth: dict[int, Observation] = {}
    port = 2500
    while port <= 3300:
        length = draw(st.integers(41, 400))
        if 3300 - (port + length) < 41:
            length = 3301 - port
        signal = draw(st.sampled_from([OPEN, REFUSED, SILENT, REJECTED]))
        truth |= dict.fromkeys(range(port, port + length), signal)
        port += length
    return truth


def search(ports: PortSet, truth: dict[int, Observation], seed: int) -> dict[int, Observation]:
    found: dict[int, Observation] = {}
    wanted = sample(ports, Random(seed))
    while wanted:
        found |= {port: truth[port] for port in wanted}
        wanted = next_step(ports, found)
        assert not set(wanted) & found.keys(), "a port is contacted once"
    return found


@given(walls(), st.integers(0, 1000))
@settings(max_examples=300)
def test_clear_and_not_clear_runs_are_exact(truth: dict[int, Observation], seed: int) -> None:
    found = search(DATA, truth, seed)
    filled = fill(DATA, found)
    assert {p for p in DATA if filled[p].signal in CLEAR} == {
        p for p in DATA if truth[p].signal in CLEAR
    }
    assert all(filled[port] == truth[port] for port in found), "what was contacted is as seen"


def test_a_mixed_range_costs_an_eighth_of_its_ports() -> None:
    truth = dict.fromkeys(DATA, REFUSED) | dict.fromkeys(range(2900, 3001), SILENT)
    truth |= dict.fromkeys(range(3101, 3301), REJECTED)
    assert len(search(DATA, truth, 7)) <= 110


def test_jobs_use_the_range_from_the_bottom() -> None:
    chosen = sample(DATA, Random(1))
    assert chosen[:16] == list(range(2500, 2516))
    assert chosen[-1] == 3300
    assert len(chosen) == len(set(chosen)) == 76


def test_a_small_range_is_contacted_whole() -> None:
    assert sample(PortSet.parse("2500-2509,2600"), Random(1)) == [*range(2500, 2510), 2600]


def test_no_gap_is_longer_than_two_parts() -> None:
    assert all(widest_gap(DATA, sample(DATA, Random(seed))) <= 28 for seed in range(200))


def test_widest_gap() -> None:
    assert widest_gap(PortSet.parse("1-10"), [1, 5, 10]) == 4
    assert widest_gap(PortSet.parse("1-3"), [1, 2, 3]) == 0


def test_between_two_rejectors_nobody_is_named() -> None:
    other = REJECTED._replace(by="10.0.0.9")
    filled = fill(PortSet.parse("1-3"), {1: REJECTED, 3: other})
    assert filled[2].signal is Signal.REJECTED
    assert filled[2].by is None


def test_where_neighbours_differ_the_weaker_claim_is_made() -> None:
    ports = PortSet.parse("1-3")
    assert fill(ports, {1: REJECTED, 3: SILENT})[2].signal is Signal.SILENT
    assert fill(ports, {1: OPEN, 3: REFUSED})[2].signal is Signal.REFUSED
    recognised = OPEN._replace(proven=True)
    assert not fill(ports, {1: OPEN, 3: recognised})[2].proven
    assert not fill(ports, {1: recognised, 3: OPEN})[2].proven


def test_evidence_counts_what_was_contacted_and_what_could_be_missed() -> None:
    ports = PortSet.parse("1-10")
    rows = fold(
        ports, {1: OPEN, 4: OPEN, 10: OPEN}, address="a", local_address=None, searched=[ports]
    )
    assert [(str(row.ports), row.probed, row.gap) for row in rows] == [("1-10", 3, 5)]


def test_a_range_that_was_not_searched_through_is_not_filled() -> None:
    rows = fold(PortSet.parse("1-10"), {1: OPEN, 4: OPEN}, address="a", local_address=None)
    assert [(str(row.ports), row.probed, row.gap) for row in rows] == [("1,4", 2, 0)]
