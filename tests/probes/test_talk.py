"""Conversations: bounded, and tried again; what could not be asked stays what it was."""

import asyncio
import errno
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.impostors import Says, serve
from tests.probes.conversation import Impatient
from veeamcheck.farside import token
from veeamcheck.model import Observation, Signal
from veeamcheck.net.interface import Stream, WayLostError
from veeamcheck.probes import _strangers, _talk
from veeamcheck.probes._strangers import name_of, stranger
from veeamcheck.probes._talk import HungUpError, ask, hear, recognised, shown


class Script:
    """A stream on which this comes, then its end."""

    segment = 0

    def __init__(self, *pieces: bytes | OSError) -> None:
        self.pieces = list(pieces)
        self.asked: list[int] = []

    async def read(self, most: int) -> bytes:
        self.asked.append(most)
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, OSError):
            raise piece
        return piece[:most]

    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass


async def test_hearing_ends_when_it_is_enough() -> None:
    stream = Script(b"one\n", b"two\n")
    assert await hear(stream, lambda said: b"\n" in said, most=100, seconds=60) == b"one\n"


async def test_hearing_is_bounded_in_bytes() -> None:
    stream = Script(*[b"x" * 10] * 10)
    assert await hear(stream, lambda _: False, most=25, seconds=60) == b"x" * 25
    assert stream.asked == [25, 15, 5]


async def test_what_was_said_before_a_reset_counts() -> None:
    stream = Script(b"one", ConnectionResetError())
    assert await hear(stream, lambda _: False, most=100, seconds=60) == b"one"


async def test_nothing_before_the_end_is_an_error() -> None:
    with pytest.raises(HungUpError):
        await hear(Script(), lambda _: False, most=100, seconds=60)
    with pytest.raises(ConnectionResetError):
        await hear(Script(ConnectionResetError()), lambda _: False, most=100, seconds=60)


class Streams:
    """A network whose connections go as in a script."""

    def __init__(self, *results: Stream | OSError) -> None:
        self.results = itertools.chain(results, itertools.repeat(results[-1]))
        self.opened = 0
        self.lost = False

    async def open_stream(self, _address: str, _port: int, _timeout: float) -> Stream:
        self.opened += 1
        result = next(self.results)
        if isinstance(result, OSError):
            raise result
        return result

    async def check(self) -> None:
        if self.lost:
            raise WayLostError("the SSH connection was lost")


async def no_turn() -> None:
    pass


async def listen(stream: Stream, seconds: float) -> Observation:
    said = await hear(stream, bool, most=100, seconds=seconds)
    return recognised(shown(said))


async def told(monkeypatch: pytest.MonkeyPatch, *results: Stream | OSError) -> tuple[str, str]:
    monkeypatch.setattr(_talk, "_PAUSES", (0.0, 0.0, 0.0))
    seen = await ask(Streams(*results), "a", 1, no_turn, listen)  # type: ignore[arg-type]
    return seen.signal, str((seen.detail or {})["meaning"])


@pytest.mark.parametrize("lost", [Script(), Script(ConnectionResetError()), TimeoutError()])
async def test_one_lost_conversation_is_no_impostor(
    monkeypatch: pytest.MonkeyPatch, lost: Stream | OSError
) -> None:
    assert await told(monkeypatch, lost, Script(b"hello")) == ("open", "hello")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TimeoutError(), "no answer"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (OSError(errno.EOPNOTSUPP, "not carried over SSH"), "not carried over SSH"),
        (OSError("odd\x1b[2J"), "odd [2J"),
    ],
)
async def test_where_nobody_can_be_asked_the_port_stays_open_and_unproven(
    monkeypatch: pytest.MonkeyPatch, error: OSError, why: str
) -> None:
    monkeypatch.setattr(_talk, "_PAUSES", (0.0, 0.0, 0.0))
    seen = await ask(Streams(error), "a", 1, no_turn, listen)  # type: ignore[arg-type]
    assert (seen.signal, seen.proven) == (Signal.OPEN, False)
    assert (seen.detail or {})["meaning"] == (
        f"not asked what answers: one more connection gave {why}"
    )


async def test_a_conversation_weighs_more_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    signal, meaning = await told(monkeypatch, Script(), TimeoutError())
    assert (signal, meaning) == ("invalid", "accepts the connection and hangs up without a word")


LOST = WayLostError("the SSH connection was lost")


@pytest.mark.parametrize(
    "results",
    [
        [LOST],
        [Script(LOST)],
        [Script(b"hel", LOST)],
        [Script(), LOST],
        [Script(ConnectionResetError()), Script(), Script(LOST)],
    ],
)
async def test_a_lost_way_is_not_held_against_the_far_end(
    monkeypatch: pytest.MonkeyPatch, results: list[Stream | OSError]
) -> None:
    monkeypatch.setattr(_talk, "_PAUSES", (0.0, 0.0, 0.0))

    async def patient(stream: Stream, seconds: float) -> Observation:
        said = await hear(stream, lambda said: said == b"hello", most=100, seconds=seconds)
        return recognised(shown(said))

    seen = await ask(Streams(*results), "a", 1, no_turn, patient)  # type: ignore[arg-type]
    assert (seen.signal, seen.proven) == (Signal.LOCAL_ERROR, False)
    assert "SSH connection was lost" in str((seen.detail or {})["meaning"])


@pytest.mark.parametrize("lost", [True, False])
async def test_silence_is_held_against_it_only_where_the_way_there_is_known_to_be_whole(
    monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    monkeypatch.setattr(_talk, "_PAUSES", (0.0, 0.0, 0.0))
    streams = Streams(Script(TimeoutError()))
    streams.lost = lost
    seen = await ask(streams, "a", 1, no_turn, listen)  # type: ignore[arg-type]
    assert seen.signal is (Signal.LOCAL_ERROR if lost else Signal.INVALID)


async def test_a_service_that_says_endless_words_is_left(asking: Impatient) -> None:
    class Endless(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(b"blah " * 1_000_000)

    with serve(Endless) as port:
        seen = await asking.ask("ssh", port)
    assert seen.signal is Signal.INVALID
    assert str((seen.detail or {})["meaning"]).startswith("something that says “blah blah")


@pytest.mark.parametrize("service", ["ssh", "https", "smb", "rpc"])
async def test_our_own_listener_stands_in_for_any_service(asking: Impatient, service: str) -> None:
    greeting = token.greeting(token.new_nonce())
    with serve(lambda: Says(first=greeting, hold=True)) as port:
        seen = await asking.ask(service, port)
    assert (seen.signal, seen.proven) == (Signal.OPEN, False)
    assert "our listener" in str((seen.detail or {})["meaning"])


def test_its_greeting_is_the_one_that_is_known() -> None:
    assert token.greeting(token.new_nonce()).startswith(_strangers.LISTENER)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_a_stranger_says_can_be_printed(said: bytes) -> None:
    name = name_of(said)
    assert name.isprintable()
    assert len(name) < 250
    assert stranger(said).detail


@given(st.text(max_size=500) | st.binary(max_size=500))
def test_shown_words_are_one_short_line(said: str | bytes) -> None:
    assert shown(said).isprintable()
    assert len(shown(said)) <= 80
