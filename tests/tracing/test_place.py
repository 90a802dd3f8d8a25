"""What is concluded from hops that answer and hops that do not."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracing.network import BLOCKED, OPEN, TARGET, Action, Hook, Path, expired
from veeamcheck.model import Observation, Place, Signal, Trace, Transport
from veeamcheck.tracing.lane import TRIES, Lane
from veeamcheck.tracing.place import Asked, find_place

SILENT = Observation(Signal.SILENT)
OPENED = Observation(Signal.OPEN, True, 0.001)
REFUSED = Observation(Signal.REFUSED, True, 0.001)
LOCAL_ERROR = Observation(Signal.LOCAL_ERROR, detail={"meaning": "no"})


def wrong(path: Path, trace: Trace) -> str:
    """What the trace claims although it is not so; empty if it claims nothing wrong."""
    block, last, following = path.block, trace.last, trace.next
    if trace.place is Place.UNDECIDED:
        return ""
    if block is None:
        expected = Place.ANSWERS if path.listening else Place.REFUSED
        return "" if trace.place is expected else f"{trace.place}, but nothing blocks"
    match trace.place:
        case Place.SWALLOWED | Place.FORGED:
            action = "drop" if trace.place is Place.SWALLOWED else "reset"
            if path.action != action:
                return f"{trace.place}, but it does {path.action}"
            first = last.number if last else 0
            after = following.number if following else _answering(path, first)
            if (
                trace.place is Place.FORGED
                and block >= path.length - 1
                and (path.hook == "forwarding" or block == path.length)
            ):
                return "forged, but from the target's own distance"
            return "" if first <= block <= after else f"{block} is not in {first}-{after}"
        case Place.REJECTED | Place.UNREACHABLE:
            by = trace.by.address if trace.by else None
            if path.action not in ("reject", "unreachable"):
                return f"{trace.place}, but it does {path.action}"
            return "" if by == path.router(block) else f"{by}, not {path.router(block)}"
        case Place.REFUSED:
            if path.action != "reset":
                return f"refused, but it does {path.action}"
            before = last.number if last else 0
            return "" if block >= before else f"{block} is before {before}"
        case _:
            return f"{trace.place}, but it does {path.action}"


def _answering(path: Path, after: int) -> int:
    """The first hop behind `after` that is not mute; the target never is."""
    return min({path.length, *range(after + 1, path.length)} - (path.mute - {path.length}))


@st.composite
def paths(draw: st.DrawFn) -> Path:
    length = draw(st.integers(1, 9))
    return Path(
        length=length,
        block=draw(st.none() | st.integers(1, length)),
        hook=draw(st.sampled_from(["arriving", "forwarding"])),
        action=draw(st.sampled_from(["drop", "reset", "reject", "unreachable"])),
        mute=draw(st.frozensets(st.integers(1, 9))),
        listening=draw(st.booleans()),
        lost=draw(st.integers(0, 4)),
        random=Random(draw(st.integers(0, 99))),
    )


@given(paths(), st.sampled_from([OPEN, None]))
@settings(max_examples=400)
async def test_nothing_is_claimed_that_is_not_so(path: Path, compared: int | None) -> None:
    trace = await path.trace(compared)

    assert not wrong(path, trace), trace.reason
    assert trace.reason
    assert all(asked <= TRIES for asked in path.asked.values())


@pytest.mark.parametrize("hook", ["arriving", "forwarding"])
@pytest.mark.parametrize("block", [1, 2, 3, 4])
async def test_a_drop_is_between_the_last_hop_that_answers_and_the_next(
    block: int, hook: Hook
) -> None:
    path = Path(length=4, block=block, hook=hook)
    last = block if hook == "forwarding" and block < 4 else block - 1

    trace = await path.trace()

    assert trace.place is Place.SWALLOWED
    assert (trace.last.number if trace.last else 0) == last
    assert trace.next
    assert (trace.next.number, trace.next.address) == (last + 1, path.router(last + 1))
    assert path.router(last + 1) in trace.reason or "the target (hop 4)" in trace.reason


async def test_hops_that_never_answer_widen_the_place() -> None:
    trace = await Path(length=6, block=3, mute=frozenset({2, 3, 4})).trace()

    assert trace.last
    assert trace.next
    assert (trace.place, trace.last.number, trace.next.number) == (Place.SWALLOWED, 1, 5)
    assert "3 hops between answer nobody" in trace.reason


@pytest.mark.parametrize("block", [1, 2])
async def test_a_reset_from_nearer_than_the_target_is_forged(block: int) -> None:
    trace = await Path(length=4, block=block, action="reset").trace()

    assert (trace.place, trace.last and trace.last.number) == (Place.FORGED, block)
    assert f"only {block + 1} hops away" in trace.reason
    assert "the target is 4 hops away, as TCP 22 shows" in trace.reason


@pytest.mark.parametrize("block", [None, 3, 4])
async def test_a_reset_from_the_targets_distance_excludes_the_routers_before(
    block: int | None,
) -> None:
    trace = await Path(length=4, block=block, action="reset", listening=False).trace()

    assert trace.place is Place.REFUSED
    assert trace.last
    assert trace.last.number == 3
    assert "no router before 10.0.3.1 (hop 3) does that" in trace.reason


async def test_without_an_open_port_nothing_is_said_of_forging() -> None:
    trace = await Path(length=4, block=2, action="reset").trace(compared=None)

    assert trace.place is Place.UNDECIDED
    assert "no port that is open is known" in trace.reason


@pytest.mark.parametrize(
    ("action", "place"), [("reject", Place.REJECTED), ("unreachable", Place.UNREACHABLE)]
)
@pytest.mark.parametrize("compared", [OPEN, None])
async def test_an_icmp_error_names_its_sender_and_the_hop(
    action: Action, place: Place, compared: int | None
) -> None:
    trace = await Path(length=4, block=2, action=action).trace(compared)

    assert trace.place is place
    assert trace.by
    assert (trace.by.number, trace.by.address) == (2, "10.0.2.1")


async def test_what_answers_is_not_blocked() -> None:
    trace = await Path(length=4).trace()
    assert (trace.place, trace.reason) == (
        Place.ANSWERS,
        "TCP 6162 now answers every packet, 4 hops away: not blocked",
    )


async def test_nothing_that_works_leaves_only_the_last_hop() -> None:
    trace = await Path(length=4, block=2).trace(compared=None)

    assert trace.place is Place.UNDECIDED
    assert trace.last
    assert trace.last.number == 2
    assert trace.reason.startswith("10.0.2.1 (hop 2) is the last that answers for TCP 6162")


async def test_a_long_path_is_followed_to_its_end() -> None:
    trace = await Path(length=28, block=25, mute=frozenset(range(3, 20))).trace()

    assert trace.next
    assert (trace.place, trace.next.number) == (Place.SWALLOWED, 26)


# --- what a simple path does not show --------------------------------------------------------


def lane(*answers: Observation, times: int = TRIES) -> Lane:
    """The same answers, from hop 1 on, to every packet."""
    made = Lane()
    for ttl, seen in enumerate(answers, 1):
        for _ in range(times):
            made.add(ttl, seen)
    return made


def place(port: Lane, compared: Lane | None) -> Trace:
    asked = Asked(
        address=TARGET,
        transport=Transport.TCP,
        port=BLOCKED,
        compared_with=OPEN if compared else None,
    )
    return find_place(asked, port, compared)


A, B, C = expired("10.0.1.1"), expired("10.0.2.1"), expired("10.0.3.1")
ICMP_FROM_TARGET = Observation(
    Signal.REJECTED, True, 0.001, TARGET, {"icmp_type": 3, "icmp_code": 13, "meaning": "no"}
)


@pytest.mark.parametrize(
    ("port", "compared", "why"),
    [
        ([A, B, SILENT, SILENT], [A, C, A, OPENED], "the ways differ (hop 2: 10.0.2.1, 10.0.3.1)"),
        ([A, B, REFUSED], [A, C, B, OPENED], "the ways differ"),
        ([A, B, C, SILENT], [A, OPENED], "already ends 2 hops away"),
        ([A, B, REFUSED], [A, OPENED], "they take different ways"),
        ([A, REFUSED], [A, B, REFUSED], "is not open"),
        ([A, REFUSED], [A, expired(TARGET), OPENED], "it passes TCP 22 on"),
        ([SILENT, SILENT], [SILENT, SILENT], "did not answer"),
        ([A, SILENT], [A, SILENT], "TCP 22, meant to be compared with, did not answer"),
        ([A, B], [A, *[SILENT] * 62, OPENED], "gets no further"),
        ([A, OPENED, REFUSED], [A, OPENED], "open to some packets and refused to others"),
        ([A, OPENED, SILENT], [A, OPENED], "answers 6 of 12 packets"),
        ([LOCAL_ERROR], [A, OPENED], "could not try TCP 6162: no"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_undecided(
    port: list[Observation], compared: list[Observation], why: str
) -> None:
    trace = place(lane(*port), lane(*compared))

    assert trace.place is Place.UNDECIDED
    assert why in trace.reason


def test_few_answers_decide_nothing() -> None:
    port = lane(A, SILENT, SILENT)
    assert place(port, lane(A, B, OPENED, times=1)).place is Place.UNDECIDED
    assert place(port, lane(A, B, OPENED)).place is Place.SWALLOWED
    impatient = lane(A, SILENT, SILENT, times=TRIES - 1)
    assert place(impatient, lane(A, B, OPENED)).place is Place.UNDECIDED
    early = lane(A, REFUSED, times=1)
    assert place(early, lane(A, SILENT, SILENT, OPENED, times=2)).place is Place.UNDECIDED
    assert place(early, lane(A, SILENT, SILENT, OPENED)).place is Place.FORGED


def test_an_icmp_error_in_the_targets_name_from_nearer_is_forged() -> None:
    trace = place(lane(A, ICMP_FROM_TARGET), lane(A, B, C, OPENED))
    assert (trace.place, trace.by) == (Place.FORGED, None)

    own = place(lane(A, B, C, ICMP_FROM_TARGET), lane(A, B, C, OPENED))
    assert own.by
    assert (own.place, own.by.number, own.by.address) == (Place.REJECTED, 4, TARGET)


def test_the_rows_are_all_that_was_seen() -> None:
    trace = place(lane(A, SILENT, SILENT), lane(A, B, OPENED))

    shown = [
        (row.ttl, row.port and (row.port.routers, row.port.signal, row.port.asked))
        for row in trace.rows
    ]
    assert shown == [
        (1, (("10.0.1.1",), None, 6)),
        (2, ((), Signal.SILENT, 6)),
        (3, ((), Signal.SILENT, 6)),
    ]
    assert [row.compared and row.compared.signal for row in trace.rows] == [None, None, Signal.OPEN]


ANSWERS = st.sampled_from(
    [A, B, C, expired(TARGET), SILENT, OPENED, REFUSED, ICMP_FROM_TARGET,
     Observation(Signal.LOCAL_ERROR), Observation(Signal.UNREACHABLE, True)]
)  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(1, 64), ANSWERS)),
    st.none() | st.lists(st.tuples(st.integers(1, 64), ANSWERS)),
)
def test_whatever_came_back_there_is_a_finding(
    port: list[tuple[int, Observation]], compared: list[tuple[int, Observation]] | None
) -> None:
    lanes = []
    for answers in (port, compared):
        made = Lane() if answers is not None else None
        for ttl, seen in answers or ():
            assert made is not None
            made.add(ttl, seen)
        lanes.append(made)

    trace = place(lanes[0] or Lane(), lanes[1])

    assert trace.reason
    assert (trace.place is Place.SWALLOWED) <= (trace.next is not None)
