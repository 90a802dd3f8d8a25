"""A short conversation with whatever accepts a connection, bounded in bytes, time and tries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from veeamcheck.model import Detail, Observation, Signal
from veeamcheck.net.interface import Network, Stream, WayLostError
from veeamcheck.probes.interface import UNHEARD, Turn

_CONNECT = 3.0
"""Seconds for one more connection to a port that has just accepted one."""
_PAUSES = (0.0, 0.5, 2.0)
"""Seconds before each try: a server that is busy turns callers away (sshd's MaxStartups)."""
_PATIENCE = (3.0, 6.0)
"""Seconds for the first conversation, and for the second where nothing was heard in the first."""
_LONGEST_SHOWN = 80

Talk = Callable[[Stream, float], Awaitable[Observation]]
"""One conversation, of at most so many seconds.

Raises OSError where it ends, or TimeoutError where it stalls, without a word from the far end.
"""


class HungUpError(ConnectionError):
    """The far end closed the connection before a word."""


async def ask(network: Network, address: str, port: int, turn: Turn, talk: Talk) -> Observation:
    """What an open port shows in a conversation.

    It is held again where it ended without a word or stalled: packets get lost, and servers that
    are busy or slow are no impostors. Where no second connection comes about, the port stays
    `open`, not proven, and the detail says why. Nothing is held against the far end where the way
    to the place that asks was lost meanwhile: that is a `local-error`.
    """
    try:
        seen = await _converse(network, address, port, turn, talk)
        if seen.signal is Signal.INVALID:
            await network.check()
    except WayLostError as error:
        why = f"not asked what answers: {shown(str(error))}"
        return Observation(Signal.LOCAL_ERROR, detail={"meaning": why})
    return seen


async def _converse(
    network: Network, address: str, port: int, turn: Turn, talk: Talk
) -> Observation:
    """The last of up to three conversations; WayLostError where they say nothing."""
    seen = Observation(Signal.OPEN)
    mute = 0
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        await turn()
        try:
            stream = await network.open_stream(address, port, _CONNECT)
        except WayLostError:
            raise
        except OSError as error:
            if seen.signal is Signal.OPEN:  # what a conversation has shown weighs more
                seen = _not_asked(error)
            continue
        try:
            seen = await talk(stream, _PATIENCE[mute])
        except WayLostError:
            raise
        except TimeoutError:
            seen = invalid("accepts the connection and then stays silent", cause="mute")
        except HungUpError:
            seen = invalid("accepts the connection and hangs up without a word", cause="hang-up")
        except OSError:
            seen = invalid("accepts the connection and then resets it", cause="reset")
        finally:
            stream.close()
        cause = (seen.detail or {}).get("cause")
        mute += cause == "mute"
        if cause not in UNHEARD or mute == len(_PATIENCE):
            break
    return seen


async def hear(
    stream: Stream, enough: Callable[[bytes], bool], *, most: int, seconds: float
) -> bytes:
    """What is said until it is enough, at its end, or after so many bytes or seconds.

    Raises, like a `Talk`, if that is nothing at all.
    """
    heard = b""
    try:
        async with asyncio.timeout(seconds):
            while len(heard) < most and not enough(heard):
                more = await stream.read(most - len(heard))
                if not more:
                    break
                heard += more
    except WayLostError:
        raise
    except OSError:  # a timeout is one
        if not heard:
            raise
    if not heard:
        raise HungUpError
    return heard


def recognised(meaning: str, **facts: str | int | bool | None) -> Observation:
    """The service itself, with what it said."""
    return Observation(Signal.OPEN, detail={"meaning": meaning, **_told(facts)}, proven=True)


def invalid(meaning: str, **facts: str | int | bool | None) -> Observation:
    """Something else, and what it is."""
    return Observation(Signal.INVALID, detail={"meaning": meaning, **_told(facts)})


def shown(said: bytes | str) -> str:
    """Words of a stranger, fit to be printed: one line, not long, no control characters."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    text = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * _LONGEST_SHOWN])
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _told(facts: dict[str, str | int | bool | None]) -> Detail:
    return {name: fact for name, fact in facts.items() if fact not in (None, "")}


def _not_asked(error: OSError) -> Observation:
    why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
    return Observation(
        Signal.OPEN,
        detail={"meaning": f"not asked what answers: one more connection gave {shown(why)}"},
    )
