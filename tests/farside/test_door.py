"""How many are let in."""

from hypothesis import given
from hypothesis import strategies as st

from veeamcheck.farside.door import AT_ONCE, BURST, PER_SOURCE, Door

EXPECTED = {f"10.0.0.{number}" for number in range(10)}


def test_one_source_gets_no_more_than_its_share() -> None:
    door = Door(EXPECTED, 0.0)
    assert [door.admit("10.0.0.1", 0.0) for _ in range(PER_SOURCE + 1)].count(True) == PER_SOURCE
    assert door.admit("10.0.0.2", 0.0)
    door.leave("10.0.0.1")
    assert door.admit("10.0.0.1", 0.0)


def test_strangers_cannot_shut_out_those_who_are_expected() -> None:
    door = Door(EXPECTED, 0.0)
    admitted = sum(door.admit(f"192.0.2.{number}", 0.0) for number in range(1, 255) for _ in "ab")
    admitted += sum(door.admit(f"198.51.100.{n}", 0.0) for n in range(1, 255) for _ in "ab")
    assert admitted == AT_ONCE // 2
    assert sum(door.admit(source, 0.0) for source in EXPECTED) == len(EXPECTED)


def test_the_rate_is_bounded_and_comes_back() -> None:
    door = Door(EXPECTED, 0.0)
    admitted = 0
    for _ in range(BURST + 100):
        if door.admit("10.0.0.1", 0.0):
            admitted += 1
            door.leave("10.0.0.1")
    assert admitted == BURST
    assert door.admit("10.0.0.1", 1.0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=800))
def test_it_never_holds_more_than_it_may(steps: list[tuple[bool, int]]) -> None:
    door = Door(EXPECTED, 0.0)
    inside: list[str] = []
    for time, (comes, number) in enumerate(steps):
        source = f"10.0.0.{number}"
        if comes and door.admit(source, float(time)):
            inside.append(source)
        elif not comes and source in inside:
            inside.remove(source)
            door.leave(source)
        assert len(inside) <= AT_ONCE
        assert inside.count(source) <= PER_SOURCE
        assert sum(each not in EXPECTED for each in inside) <= AT_ONCE // 2
