"""Listener and prober on loopback: each with its true partner, and with false ones."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass

import pytest

from veeamcheck.farside import token
from veeamcheck.farside.binding import Bound, Left, bind, is_held
from veeamcheck.farside.listener import Listener
from veeamcheck.farside.opening import Expected
from veeamcheck.farside.recognise import Recogniser, judge, recognise, recognise_datagram
from veeamcheck.farside.token import Sight
from veeamcheck.farside.visits import Visits
from veeamcheck.model import Observation, Signal, Transport
from veeamcheck.net.system import SystemNetwork
from veeamcheck.ports import PortSet

KEY, OTHER = b"k" * 32, b"o" * 32
HERE = "127.0.0.1"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def at_once() -> None:
    """The pace of a test."""


@dataclass
class Standing:
    tcp: int
    udp: int
    visits: Visits


@asynccontextmanager
async def standing(key: bytes = KEY) -> AsyncIterator[Standing]:
    """A listener on a TCP and a UDP port of loopback."""
    bound = []
    for transport in (Transport.TCP, Transport.UDP):
        each = bind(HERE, 0, transport)
        assert isinstance(each, Bound)
        bound.append(each._replace(port=each.sock.getsockname()[1]))
    visits = Visits([Expected(name="me", addresses=frozenset({HERE}), ports={})])
    task = asyncio.create_task(Listener(bound, key, visits).serve())
    try:
        yield Standing(bound[0].port, bound[1].port, visits)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def somebody(serve: Serve) -> AsyncIterator[int]:
    """Anybody else on a port of loopback."""
    server = await asyncio.start_server(serve, HERE, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def network() -> AsyncIterator[SystemNetwork]:
    network = SystemNetwork()
    yield network
    network.close()


async def test_a_listener_is_found_among_other_ports_and_known_while_it_stands(
    network: SystemNetwork,
) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 somebody else\r\n")
        writer.close()

    async with somebody(greet) as other:
        async with standing() as listener:
            ours = Recogniser(network, HERE, KEY, at_once, asyncio.Semaphore(9))
            stranger = Recogniser(network, HERE, OTHER, at_once, asyncio.Semaphore(9))
            for each in (ours, stranger):
                await each.meet([other, listener.tcp])
            assert ours.up[Transport.TCP] == PortSet.of([listener.tcp])
            assert await ours.still_up()
            assert not await stranger.still_up()
        assert not await ours.still_up()
        assert not ours.up


async def test_who_asks_from_the_listener_s_own_host_has_not_come_over_a_network(
    network: SystemNetwork,
) -> None:
    bound = bind(HERE, 0, Transport.TCP)
    assert isinstance(bound, Bound)
    port = bound.sock.getsockname()[1]
    visits = Visits([Expected(name="vbr1", addresses=frozenset({"192.0.2.1"}), ports={})])
    task = asyncio.create_task(Listener([bound._replace(port=port)], KEY, visits).serve())
    assert await recognise(network, HERE, port, KEY, at_once)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert (visits.answered, visits.strangers) == (1, [])


async def test_they_know_each_other(network: SystemNetwork) -> None:
    async with standing() as listener:
        met = await recognise(network, HERE, listener.tcp, KEY, at_once)
        assert met
        assert met.sight
        assert (met.observation.signal, met.observation.proven) == (Signal.OPEN, True)
        assert met.observation.detail == {
            "meaning": "proven by listener",
            "listener": True,
            "seen_source": HERE,
        }
        assert met.sight.tcp == PortSet.of([listener.tcp])
        assert met.sight.udp == PortSet.of([listener.udp])
        (visitor,) = listener.visits.of(listener.visits.expected[0])
        assert visitor.held_key


async def test_over_udp_too(network: SystemNetwork) -> None:
    async with standing() as listener:
        met = await recognise_datagram(network, HERE, listener.udp, KEY, at_once)
        assert met
        assert met.observation.proven
        assert await recognise_datagram(network, HERE, listener.udp, OTHER, at_once) is None
        assert listener.visits.answered == 1


async def test_another_key_is_invalid(network: SystemNetwork) -> None:
    async with standing(OTHER) as listener:
        met = await recognise(network, HERE, listener.tcp, KEY, at_once)
        assert met
        assert met.observation.signal is Signal.INVALID
        assert met.sight is None
        assert listener.visits.answered == 0


@pytest.mark.parametrize(
    "words", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"220 mail\r\n", b"veeamcheck-listener 2 x\n"]
)
async def test_a_service_is_not_our_listener(network: SystemNetwork, words: bytes) -> None:
    heard = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(words)
        try:
            heard += await reader.read(100)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with somebody(serve) as port:
        assert await recognise(network, HERE, port, KEY, at_once) is None
    assert heard == b""  # nothing is said to a service


async def test_whoever_replays_an_answer_is_not_believed(network: SystemNetwork) -> None:
    """A middlebox that heard a conversation cannot repeat it."""
    sight = Sight(1, HERE, 1, HERE)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(token.greeting("nonce"))
        await reader.readline()
        writer.write(token.answer(KEY, "nonce", "an older challenge", sight, token.SMALL))
        writer.close()

    async with somebody(serve) as port:
        met = await recognise(network, HERE, port, KEY, at_once)
        assert met
        assert met.observation.signal is Signal.INVALID
        assert "token is wrong" in str(met.observation.detail)


async def test_a_port_that_only_relays_is_known_by_what_the_listener_sees(
    network: SystemNetwork,
) -> None:
    async with standing() as listener:

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection(HERE, listener.tcp)
            writer.write(await far_reader.readline())
            far_writer.write(await reader.readline())
            writer.write(await far_reader.readline())
            writer.close()
            far_writer.close()

        async with somebody(relay) as port:
            met = await recognise(network, HERE, port, KEY, at_once)
    assert met
    assert met.observation.signal is Signal.INVALID
    assert f"leads to our listener on port {listener.tcp}" in str(met.observation.detail)


@pytest.mark.parametrize(
    ("sight", "said"),
    [
        (Sight(22, "10.0.0.5", 1, "10.0.0.9"), "proven by listener"),
        (
            Sight(22, "10.9.9.9", 1, "10.0.0.9"),
            "proven by listener; NAT on the way: the listener saw 10.9.9.9 instead of 10.0.0.5",
        ),
        (
            Sight(22, "10.0.0.5", 1, "10.0.8.8"),
            "proven by listener; NAT on the way: the listener is at 10.0.8.8",
        ),
    ],
)
def test_what_the_listener_saw_is_compared(sight: Sight, said: str) -> None:
    seen = judge(sight, "10.0.0.9", 22, "10.0.0.5")
    assert seen.detail
    assert seen.detail["meaning"] == said
    assert (seen.detail.get("cause") == "nat") is ("NAT" in said)


async def test_refusals_where_the_listener_is_up_are_resets_on_the_way(
    network: SystemNetwork,
) -> None:
    """And no longer once it has gone: then they are what they seem."""
    refused = Observation(Signal.REFUSED, attributed=True)
    opened = Observation(Signal.OPEN, attributed=True)
    free = asyncio.Semaphore(4)
    async with standing() as listener:
        recogniser = Recogniser(network, HERE, KEY, at_once, free)
        await recogniser.examine({listener.tcp: opened})
        recogniser.up[Transport.TCP] |= PortSet.of([1])
        better = await recogniser.examine({1: refused, 2: refused})
        assert set(better) == {1}
        assert better[1].signal is Signal.REJECTED
        assert await recogniser.still_up()
    assert await recogniser.examine({1: refused}) == {}
    assert not recogniser.up


async def test_slow_and_senseless_clients_hear_a_greeting_and_no_more() -> None:
    async with standing() as listener:
        for said in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 20_000, b"veeamcheck-prober 1 a b c\n"):
            reader, writer = await asyncio.open_connection(HERE, listener.tcp)
            heard = await reader.readline()
            assert token.parse_greeting(heard)
            writer.write(said)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        # It says nothing at all, and is shown out.
        reader, writer = await asyncio.open_connection(HERE, listener.tcp)
        await reader.readline()
        with pytest.raises(ConnectionError):
            await reader.read()
        writer.close()
        assert listener.visits.answered == 0


async def test_over_udp_it_never_sends_more_than_it_received() -> None:
    loop = asyncio.get_running_loop()
    async with standing() as listener:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            sock.setblocking(False)
            sock.connect((HERE, listener.udp))
            short = token.request(KEY, token.NO_NONCE, "c", token.SMALL)[: token.SMALL - 1]
            for data in (b"", b"x", b"x" * 1400, short):
                sock.send(data)
            for size in (token.SMALL, 900, 1400):
                request = token.request(KEY, token.NO_NONCE, f"c{size}", size)
                sock.send(request)
                answer = await asyncio.wait_for(loop.sock_recv(sock, 65536), 5)
                assert len(answer) == size
                assert token.parse_answer(KEY, token.NO_NONCE, f"c{size}", answer)
        assert listener.visits.unproven == 4
        assert listener.visits.answered == 3


@pytest.mark.parametrize("transport", list(Transport))
def test_a_port_that_is_held_is_left(transport: Transport) -> None:
    kind = socket.SOCK_STREAM if transport is Transport.TCP else socket.SOCK_DGRAM
    with closing(socket.socket(socket.AF_INET, kind)) as held:
        held.bind(("0.0.0.0", 0))
        if transport is Transport.TCP:
            held.listen()
        port = held.getsockname()[1]
        result = bind(HERE, port, transport)
        assert isinstance(result, Left)
        assert (result.held, result.port) == (True, port)
        assert is_held(HERE, port) is (transport is Transport.TCP)
    freed = bind(HERE, port, transport)
    assert isinstance(freed, Bound)
    freed.sock.close()


def test_an_address_of_another_machine_is_left_with_the_reason() -> None:
    result = bind("192.0.2.1", 4242, Transport.TCP)
    assert isinstance(result, Left)
    assert not result.held
    assert result.reason
