"""Connections through another host's SSH server: a server of our own on loopback, and its words."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from asyncssh import constants

from tests.net.far_ends import FAILED, Connect, Doors
from tests.net.test_connectors import attempt, listening
from veeamcheck.model import Observation, Signal
from veeamcheck.net import ssh_forward
from veeamcheck.net.interface import VantageError
from veeamcheck.net.ssh_forward import ForwardedNetwork, forwarded


@pytest.fixture
async def network(
    connect: Connect,
) -> AsyncIterator[ForwardedNetwork]:
    made = ForwardedNetwork(await connect(), connect, lag=0.05)
    yield made
    made.close()


async def test_a_connection_that_is_made(network: ForwardedNetwork, doors: Doors) -> None:
    with listening() as port:
        doors.really = {port}
        seen = await attempt(network, port)

    assert (seen.signal, seen.attributed) == (Signal.OPEN, False)
    assert seen.rtt is not None


@pytest.mark.parametrize(
    ("code", "words", "signal"),
    [
        (FAILED, "Connection refused", Signal.REFUSED),
        (FAILED, "connection refused", Signal.REFUSED),
        (FAILED, "No route to host", Signal.UNREACHABLE),
        (FAILED, "Network is unreachable", Signal.UNREACHABLE),
        (FAILED, "host unreachable", Signal.UNREACHABLE),
        (FAILED, "Host is down", Signal.UNREACHABLE),
        (FAILED, "Connection timed out", Signal.SILENT),
        (FAILED, "Operation timed out", Signal.SILENT),
        (FAILED, "Name or service not known", Signal.UNRESOLVED),
        (FAILED, "unknown host", Signal.UNRESOLVED),
        (FAILED, "Too many open files", Signal.LOCAL_ERROR),
        (FAILED, "Permission denied", Signal.LOCAL_ERROR),
        (FAILED, "something else", Signal.LOCAL_ERROR),
        (FAILED, "", Signal.LOCAL_ERROR),
        (constants.OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed", Signal.LOCAL_ERROR),
        (constants.OPEN_RESOURCE_SHORTAGE, "Connection refused", Signal.LOCAL_ERROR),
    ],
)
async def test_what_the_server_says(
    network: ForwardedNetwork, doors: Doors, code: int, words: str, signal: Signal
) -> None:
    doors.answers[9] = (code, words)

    assert (await attempt(network, 9)).signal is signal


async def test_our_own_timer_ends_an_attempt(network: ForwardedNetwork, doors: Doors) -> None:
    doors.silent = {9}

    assert (await attempt(network, 9, timeout=0.05)).signal is Signal.SILENT


async def test_a_server_that_waits_for_many_is_left_for_a_fresh_connection(
    network: ForwardedNetwork, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was abandoned ends with its connection; what is still awaited is not lost."""
    monkeypatch.setattr(ssh_forward, "_AT_ONCE", 8)
    network._most_abandoned = 16
    doors.silent = set(range(1, 65))
    doors.answers[99] = (FAILED, "Connection refused")
    told: dict[int, Signal] = {}
    ended = asyncio.Event()

    def done(port: int, seen: Observation) -> None:
        told[port] = seen.signal
        if len(told) == 65:
            ended.set()

    for port in (*range(1, 65), 99):
        network.connect("127.0.0.1", port, 0.05, done)
    await asyncio.wait_for(ended.wait(), 20)

    assert told == {**dict.fromkeys(range(1, 65), Signal.SILENT), 99: Signal.REFUSED}
    assert len(doors.connections) > 1
    first = doors.connections[0]
    await asyncio.wait_for(first.wait_closed(), 20)


async def test_a_lost_connection_says_nothing_of_the_path(
    network: ForwardedNetwork, doors: Doors
) -> None:
    doors.silent = {9}
    waiting = asyncio.ensure_future(attempt(network, 9, timeout=10))
    await asyncio.wait_for(doors.asked.wait(), 20)
    doors.connections[0].abort()

    for seen in (await waiting, await attempt(network, 9)):
        assert seen.signal is Signal.LOCAL_ERROR
        assert "lost" in str(seen.detail)


async def test_silence_of_the_server_itself_says_nothing_of_the_path(
    network: ForwardedNetwork, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that died without a word: no firewall is to blame for that."""
    monkeypatch.setattr(ssh_forward, "_CHECK", 0.05)
    doors.silent = {9, 0}

    seen = await attempt(network, 9, timeout=0.01)

    assert seen.signal is Signal.LOCAL_ERROR
    assert "answers nothing" in str(seen.detail)


async def test_where_the_server_never_answers_of_itself_silence_is_silence(
    connect: Connect, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_forward, "_CHECK", 0.05)
    doors.silent = {9, 0}
    network = await forwarded(await connect(), connect)

    assert (await attempt(network, 9, timeout=0.01)).signal is Signal.SILENT
    network.close()


async def test_datagrams_cannot_be_sent(network: ForwardedNetwork) -> None:
    answer = await network.exchange("127.0.0.1", 123, b"x", bool, 1)

    assert answer.failure is not None
    assert answer.failure.signal is Signal.LOCAL_ERROR
    assert "UDP" in str(answer.failure.detail)


async def test_names_without_an_address_here_are_left_to_the_server(
    network: ForwardedNetwork,
) -> None:
    assert await network.resolve("127.0.0.1") == ("127.0.0.1",)
    assert await network.resolve("no.such.name.invalid") == ("no.such.name.invalid",)


async def test_close_abandons_every_attempt(network: ForwardedNetwork, doors: Doors) -> None:
    told: list[int] = []
    doors.silent = {9}
    network.connect("127.0.0.1", 9, 0.05, lambda about, _: told.append(about))
    await asyncio.sleep(0)
    network.close()
    await asyncio.sleep(0.2)

    assert told == []


@pytest.mark.parametrize(
    "code", [constants.OPEN_ADMINISTRATIVELY_PROHIBITED, constants.OPEN_UNKNOWN_CHANNEL_TYPE]
)
async def test_a_server_that_does_not_forward_is_no_vantage(
    connect: Connect,
    doors: Doors,
    code: int,
) -> None:
    connection = await connect()
    doors.answers[0] = (code, "open failed")

    with pytest.raises(VantageError, match=r"AllowTcpForwarding.*python3"):
        await forwarded(connection, connect)


async def test_a_server_that_forwards_is_one(connect: Connect, doors: Doors) -> None:
    network = await forwarded(await connect(), connect)

    doors.answers[9] = (FAILED, "Connection refused")
    assert (await attempt(network, 9)).signal is Signal.REFUSED
    assert network.least_timeout == 0
    network.close()


async def test_a_windows_server_takes_its_time_to_refuse(
    connect: Connect,
) -> None:
    connection = await connect()
    connection.set_extra_info(server_version="SSH-2.0-OpenSSH_for_Windows_9.5")

    network = ForwardedNetwork(connection, connect, lag=0)

    assert network.least_timeout > 3
    network.close()
