"""NTP: which answers count, what they say, and when to stop asking."""

import asyncio
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veeamcheck.model import Observation, Signal
from veeamcheck.net.interface import Datagram
from veeamcheck.probes import ntp
from veeamcheck.probes.ntp import Reply, is_answer, judge_reply, parse_reply

COOKIE = 0x0102030405060708
NOW = 1_800_000_000.0
EPOCH = 2_208_988_800


def stamp(seconds: float) -> int:
    """An NTP timestamp of this time since 1970."""
    whole = math.floor(seconds)
    return ((whole + EPOCH) % 2**32) << 32 | int((seconds - whole) * 2**32)


def packet(
    *,
    leap: int = 0,
    mode: int = 4,
    stratum: int = 2,
    root_delay: float = 0,
    root_dispersion: float = 0,
    reference: bytes = b"\x7f\0\0\1",
    clock_set: int = 0,
    originate: int = COOKIE,
    receive: int = stamp(NOW),
    transmit: int = stamp(NOW),
) -> bytes:
    return struct.pack(
        ">BBbbII4sQQQQ",
        leap << 6 | 4 << 3 | mode, stratum, 6, -20,
        int(root_delay * 65536), int(root_dispersion * 65536),
        reference, clock_set, originate, receive, transmit,
    )  # fmt: skip


def reply(**more: object) -> Reply:
    parsed = parse_reply(packet(**more))  # type: ignore[arg-type]
    assert parsed is not None
    return parsed


# --- which answers count -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        (packet(), True),
        (packet() + b"an extension field", True),
        (packet()[:47], False),
        (b"", False),
        (packet(mode=3), False),
        (packet(mode=5), False),
        (packet(originate=COOKIE + 1), False),
        (packet(originate=0), False),
        (packet(receive=0), False),
        (packet(transmit=0), False),
        (packet(leap=3, stratum=16), True),
        (packet(leap=3, stratum=0, reference=b"RATE", receive=0, transmit=0), True),
        (packet(leap=3, stratum=0, reference=b"RATE", originate=7), False),
    ],
)
def test_is_answer(data: bytes, counts: bool) -> None:
    assert is_answer(data, COOKIE) is counts


@given(st.binary(max_size=120))
def test_any_datagram_can_be_read_and_judged(data: bytes) -> None:
    is_answer(data, COOKIE)
    parsed = parse_reply(data)

    assert (parsed is None) is (len(data) < 48)
    if parsed:
        seen = judge_reply(parsed, NOW, NOW + 0.01)
        assert seen.signal in (Signal.OPEN, Signal.INVALID)
        assert seen.detail
        assert all(str(value).isprintable() for value in seen.detail.values())


@given(
    leap=st.integers(0, 3), mode=st.integers(0, 7), stratum=st.integers(0, 255),
    originate=st.integers(0, 2**64 - 1), reference=st.binary(min_size=4, max_size=4),
)  # fmt: skip
def test_fields_are_read_where_they_were_written(
    leap: int, mode: int, stratum: int, originate: int, reference: bytes
) -> None:
    read = reply(
        leap=leap, mode=mode, stratum=stratum, originate=originate, reference=reference,
        root_delay=2, root_dispersion=3,
    )  # fmt: skip

    assert read == Reply(leap, mode, stratum, 4.0, reference, 0, originate, stamp(NOW), stamp(NOW))


# --- what they say -------------------------------------------------------------------------------


def test_offset_and_delay() -> None:
    """Sent at 0, there after 10 ms, 5 ms of work, back after 10 ms; its clock is 2 s ahead."""
    answer = reply(receive=stamp(NOW + 2.010), transmit=stamp(NOW + 2.015), stratum=3)

    seen = judge_reply(answer, NOW, NOW + 0.025)

    assert seen.signal is Signal.OPEN
    assert seen.proven
    assert seen.detail == {
        "offset_ms": pytest.approx(2000, abs=0.01),
        "delay_ms": pytest.approx(20, abs=0.01),
        "stratum": 3,
    }


@pytest.mark.parametrize("now", [NOW, 2_085_978_496.0 - 0.5, 2_085_978_496.0 + 3, 2_100_000_000.0])
def test_the_clock_of_ntp_starts_again_in_2036(now: float) -> None:
    answer = reply(receive=stamp(now + 1), transmit=stamp(now + 1))

    detail = judge_reply(answer, now, now).detail

    assert detail is not None
    assert detail["offset_ms"] == pytest.approx(1000, abs=0.01)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"leap": 3}, "not synchronised"),
        ({"stratum": 16}, "not synchronised"),
        ({"stratum": 255}, "not synchronised"),
        ({"root_dispersion": 16}, "too far"),
        ({"root_delay": 33}, "too far"),
        ({"stratum": 0, "reference": b"RATE"}, "kiss code RATE"),
        ({"stratum": 0, "reference": b"DENY"}, "kiss code DENY"),
        ({"stratum": 0, "reference": b"X\0\0\0"}, "kiss code X"),
        ({"stratum": 0, "reference": b"\x1b[2J"}, r"kiss code \?"),
        ({"stratum": 0, "reference": b"\0\0\0\0"}, r"kiss code \?"),
    ],
)
def test_an_answer_that_is_no_time_is_invalid(fields: dict[str, object], why: str) -> None:
    seen = judge_reply(reply(**fields), NOW, NOW)

    assert seen.signal is Signal.INVALID
    assert not seen.proven
    with pytest.raises(AssertionError, match=why):
        raise AssertionError((seen.detail or {})["meaning"])


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"stratum": 1, "reference": b"\x0a\0\0\1"}, "but it follows the server 10.0.0.1"),
        ({"stratum": 1, "reference": b"\xff\xff\xff\xff"}, "255.255.255.255"),
        ({"stratum": 1, "leap": 3, "reference": b"GPS\0"}, "not synchronised"),
        ({"receive": stamp(NOW - 60)}, "it took 60.000 s over an answer that came after 0.010 s"),
        ({"transmit": stamp(NOW - 60)}, "it took -60.000 s"),
        ({"clock_set": stamp(NOW + 60)}, "last set in its own future"),
    ],
)
def test_a_server_that_contradicts_itself_is_no_time_server(
    fields: dict[str, object], why: str
) -> None:
    seen = judge_reply(reply(**fields), NOW, NOW + 0.01)

    assert (seen.signal, seen.proven) == (Signal.INVALID, False)
    assert why in str((seen.detail or {})["meaning"])


@pytest.mark.parametrize(
    "fields",
    [
        {"stratum": 1, "reference": b"GPS\0"},
        {"stratum": 1, "reference": b"LOCL"},  # Windows, by its own clock
        {"stratum": 1, "reference": b"PTP0"},
        {"stratum": 1, "reference": b"\x7f\x7f\1\1"},  # chrony's "local stratum 1"
        {"stratum": 1, "reference": b"\0\0\0\0"},  # simple servers leave it out
        {"stratum": 3, "reference": b"\xfe\x80\xff\0"},  # of IPv6 it is a hash
        {"clock_set": stamp(NOW - 86_400)},
        {"clock_set": stamp(NOW + 0.5)},
        {"receive": stamp(NOW + 0.02), "transmit": stamp(NOW)},  # coarse clocks
        {"receive": stamp(NOW + 9), "transmit": stamp(NOW + 9.5)},  # its clock is ahead
        {"root_dispersion": 10.1},  # Windows, when it has not been set for a while
    ],
)
def test_good_servers_differ(fields: dict[str, object]) -> None:
    assert judge_reply(reply(**fields), NOW, NOW + 0.01).proven


@pytest.mark.parametrize(
    "fields",
    [{"stratum": 15}, {"root_dispersion": 15.9}, {"leap": 1}, {"leap": 2}, {"root_delay": 31}],
)
def test_what_is_just_good_enough(fields: dict[str, object]) -> None:
    assert judge_reply(reply(**fields), NOW, NOW).signal is Signal.OPEN


# --- asking --------------------------------------------------------------------------------------


@dataclass
class Wire:
    """A network on which the answers of a script come."""

    script: Iterator[Callable[[bytes], bytes | Signal]]
    requests: list[bytes] = field(default_factory=list)
    attributes: bool = True

    async def exchange(
        self, _address: str, _port: int, payload: bytes, accept: Callable[[bytes], bool], _: float
    ) -> Datagram:
        self.requests.append(payload)
        answer = next(self.script)(payload)
        if isinstance(answer, Signal):
            return Datagram(None, NOW, NOW, Observation(answer))
        if not accept(answer):
            return Datagram(None, NOW, NOW, Observation(Signal.SILENT))
        return Datagram(answer, NOW, NOW + 0.01)


def good(request: bytes) -> bytes:
    return packet(originate=int.from_bytes(request[40:48]))


def bad(request: bytes) -> bytes:
    return packet(originate=int.from_bytes(request[40:48]) ^ 1)


def kiss(request: bytes) -> bytes:
    return packet(originate=int.from_bytes(request[40:48]), stratum=0, reference=b"RATE")


def says(signal: Signal) -> Callable[[bytes], Signal]:
    return lambda _request: signal


SILENT, REFUSED = says(Signal.SILENT), says(Signal.REFUSED)
UNREACHABLE, DENIED = says(Signal.UNREACHABLE), says(Signal.LOCAL_ERROR)


@pytest.mark.parametrize(
    ("script", "signal", "asked"),
    [
        ([good], "open", 1),
        ([SILENT, SILENT, SILENT, good], "open", 4),
        ([SILENT] * 4, "silent", 4),
        ([bad] * 4, "silent", 4),
        ([kiss], "invalid", 1),
        ([SILENT, REFUSED], "refused", 2),
        ([DENIED], "local-error", 1),
        ([UNREACHABLE, good], "open", 2),
        ([UNREACHABLE, UNREACHABLE], "unreachable", 2),
        ([SILENT, UNREACHABLE, SILENT, SILENT], "unreachable", 4),
    ],
)
async def test_asking(
    monkeypatch: pytest.MonkeyPatch,
    script: list[Callable[[bytes], bytes | Signal]],
    signal: str,
    asked: int,
) -> None:
    waited: list[float] = []
    turns: list[int] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def turn() -> None:
        turns.append(1)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    wire = Wire(iter(script))

    seen = await ntp.probe(wire, "10.0.0.1", 123, turn)  # type: ignore[arg-type]

    assert seen.signal == signal
    assert len(wire.requests) == len(turns) == asked
    assert waited == [2.0] * (asked - 1)  # servers limit a client that asks faster
    assert len({request[40:48] for request in wire.requests}) == asked  # cannot be guessed
    assert all(len(r) == 48 and r[0] == 0x23 and not any(r[1:40]) for r in wire.requests)
