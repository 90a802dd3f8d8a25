"""Conversations over each means of probing, with real sockets at the far end."""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress

import pytest

from tests.net.far_ends import FAILED, Connect, Doors, prober_process, ssh_server
from tests.net.test_connectors import LINUX, closed, full
from veeamcheck.net import remote, ssh_forward
from veeamcheck.net.interface import Network, Stream, WayLostError, read_line
from veeamcheck.net.remote import PROGRAM, RemoteNetwork, start_prober
from veeamcheck.net.ssh_forward import ForwardedNetwork
from veeamcheck.net.system import SystemNetwork

HERE, FORWARDED, PROBER = "here", "forwarded", "prober"
POSIX = sys.platform != "win32"
MEANS = [HERE, FORWARDED, *([PROBER] if POSIX else [])]
LIMIT = 20
"""Seconds for what takes none: a test must end."""


class Site:
    """A means of probing, and what its far end is told to do."""

    def __init__(self, means: str, network: Network, doors: Doors, lose: Callable[[], None]):
        self.means = means
        self.network = network
        self.doors = doors
        self.lose = lose
        """Breaks the way to the far end."""

    async def open(self, port: int, timeout: float = 5) -> Stream:
        self.doors.really.add(port)
        return await self.network.open_stream("127.0.0.1", port, timeout)


@pytest.fixture(params=MEANS)
async def site(request: pytest.FixtureRequest, doors: Doors) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        network: Network
        if request.param == HERE:
            network, lose = SystemNetwork(), lambda: None
        elif request.param == FORWARDED:
            dial = await stack.enter_async_context(ssh_server(doors))
            network = ForwardedNetwork(await dial(), dial, lag=0.05)
            lose = doors.connections[0].abort
        else:
            process = await stack.enter_async_context(prober_process())
            network, lose = await prober_in(process), process.kill
        yield Site(request.param, network, doors, lose)
        network.close()


async def prober_in(process: asyncio.subprocess.Process) -> RemoteNetwork:
    assert process.stdin is not None
    assert process.stdout is not None
    network = await start_prober(process.stdout, process.stdin)
    assert network is not None
    return network


@contextmanager
def served() -> Iterator[tuple[int, Callable[[], Awaitable[socket.socket]]]]:
    """A port, and who gives the next connection to it."""
    with socket.socket() as listener, suppress(OSError):
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        made: list[socket.socket] = []

        async def accept() -> socket.socket:
            loop = asyncio.get_running_loop()
            connection, _ = await asyncio.wait_for(loop.sock_accept(listener), LIMIT)
            made.append(connection)
            return connection

        try:
            yield listener.getsockname()[1], accept
        finally:
            for each in made:
                each.close()


async def read(stream: Stream, most: int = 65_536) -> bytes:
    return await asyncio.wait_for(stream.read(most), LIMIT)


async def read_all(stream: Stream, size: int) -> bytes:
    """So many bytes, in pieces of at most 1,000."""
    data = b""
    while len(data) < size and (piece := await read(stream, 1000)):
        assert len(piece) <= 1000
        data += piece
    return data


async def test_words_go_both_ways(site: Site) -> None:
    loop = asyncio.get_running_loop()
    with served() as (port, accept):
        stream = await site.open(port)
        there = await accept()
        await loop.sock_sendall(there, b"who is there?\n")
        asked = await asyncio.wait_for(read_line(stream, 100), LIMIT)
        stream.write(b"\0" * 9000 + b"\xff")
        heard = b""
        while len(heard) < 9001:
            heard += await asyncio.wait_for(loop.sock_recv(there, 65_536), LIMIT)
        await loop.sock_sendall(there, bytes(range(256)) * 100)
        long = await read_all(stream, 25_600)
        there.shutdown(socket.SHUT_WR)
        end = await read(stream)
        stream.close()

    assert asked == b"who is there?\n"
    assert heard == b"\0" * 9000 + b"\xff"
    assert long == bytes(range(256)) * 100
    assert end == b""
    assert stream.segment > 500 or site.means == FORWARDED or not LINUX


async def test_who_reads_late_misses_nothing(site: Site) -> None:
    """A reader that gives up, and the next one, which wants less."""
    with served() as (port, accept):
        stream = await site.open(port)
        there = await accept()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await stream.read(1000)
        there.send(b"late words")
        words = b""
        while len(words) < len(b"late words"):
            words += await read(stream, 3)
        stream.close()

    assert words == b"late words"


async def test_closing_is_seen_at_the_far_end(site: Site) -> None:
    with served() as (port, accept):
        stream = await site.open(port)
        there = await accept()
        stream.close()
        stream.close()
        stream.write(b"too late")
        with suppress(ConnectionResetError):
            received = asyncio.get_running_loop().sock_recv(there, 100)
            assert await asyncio.wait_for(received, LIMIT) == b""


async def test_a_reset_ends_it(site: Site) -> None:
    with served() as (port, accept):
        stream = await site.open(port)
        there = await accept()
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.close()
        with suppress(ConnectionError):  # an SSH server tells no more than the end
            assert await read(stream) == b""
        stream.write(b"to nobody")
        with suppress(ConnectionError):
            assert await read(stream) == b""
        stream.close()


async def test_a_refusal_is_an_os_error(site: Site) -> None:
    with closed() as port:
        site.doors.answers[port] = (FAILED, "Connection refused")
        with pytest.raises(ConnectionRefusedError):
            await site.network.open_stream("127.0.0.1", port, 5)


@pytest.mark.skipif(not LINUX, reason="only Linux leaves a full listener's SYN unanswered")
async def test_silence_is_a_timeout(site: Site) -> None:
    with full() as port:
        site.doors.silent.add(port)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(site.network.open_stream("127.0.0.1", port, 0.05), LIMIT)


async def test_what_is_not_read_is_not_taken(site: Site) -> None:
    """A far end that sends without end fills nobody's memory."""
    loop = asyncio.get_running_loop()
    with served() as (port, accept):
        stream = await site.open(port)
        there = await accept()
        sending = asyncio.ensure_future(loop.sock_sendall(there, b"x" * 100_000_000))
        assert len(await read(stream, 10)) <= 10
        await asyncio.wait({sending}, timeout=0.5)
        was_taken = sending.done()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        stream.close()

    assert not was_taken


@pytest.mark.parametrize("site", MEANS[1:], indirect=True)
async def test_a_lost_way_ends_every_conversation(site: Site) -> None:
    with served() as (port, accept):
        stream = await site.open(port)
        await accept()
        reading = asyncio.ensure_future(stream.read(100))
        await asyncio.sleep(0)
        site.lose()

        with pytest.raises(WayLostError, match="lost"):
            await asyncio.wait_for(reading, LIMIT)
        with pytest.raises(WayLostError, match="lost"):
            for _ in range(100):  # it may take a moment until that is known
                await asyncio.wait_for(site.network.open_stream("127.0.0.1", port, 1), LIMIT)
        with pytest.raises(WayLostError, match="lost"):
            await asyncio.wait_for(site.network.check(), LIMIT)
        stream.write(b"to nobody")
        stream.close()


async def test_a_place_that_answers_says_so(site: Site) -> None:
    await asyncio.wait_for(site.network.check(), LIMIT)


async def test_a_server_that_says_goodbye_has_not_ended_the_conversation(
    connect: Connect, doors: Doors
) -> None:
    """asyncssh then tells a plain end, as if the far end had hung up. The run hears of it."""
    network = ForwardedNetwork(await connect(), connect, lag=0.05)
    told: list[str] = []
    network.on_lost = told.append
    with served() as (port, accept):
        doors.really = {port}
        stream = await network.open_stream("127.0.0.1", port, 5)
        await accept()
        doors.connections[0].close()
        with pytest.raises(WayLostError, match="lost"):
            await asyncio.wait_for(stream.read(100), LIMIT)
        stream.close()
    assert told
    network.close()


async def test_a_server_that_answers_nothing_is_lost_and_not_the_far_end(
    connect: Connect, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_forward, "_CHECK", 0.05)
    network = ForwardedNetwork(await connect(), connect, lag=0)
    doors.silent = {9, 0}
    with pytest.raises(WayLostError, match="answers nothing any more"):
        await asyncio.wait_for(network.open_stream("127.0.0.1", 9, 0.01), LIMIT)
    with pytest.raises(WayLostError, match="answers nothing any more"):
        await asyncio.wait_for(network.check(), LIMIT)
    network.close()


async def test_a_prober_that_answers_nothing_is_lost_and_not_the_far_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "_GRACE", 0.01)
    monkeypatch.setattr(remote, "LIMIT", 0.01)
    far = Liar()
    network = await start_prober(far, far)
    assert network is not None
    with pytest.raises(WayLostError, match="does not answer"):
        await asyncio.wait_for(network.open_stream("127.0.0.1", 9, 0.01), LIMIT)
    with pytest.raises(WayLostError, match="does not answer"):
        await asyncio.wait_for(network.check(), LIMIT)
    network.close()


async def test_a_fresh_connection_does_not_end_what_is_said_over_the_old_one(
    connect: Connect, doors: Doors
) -> None:
    network = ForwardedNetwork(await connect(), connect, lag=0)
    network._most_abandoned = 1
    loop = asyncio.get_running_loop()
    with served() as (port, accept):
        doors.really = {port}
        doors.silent = {9}
        stream = await network.open_stream("127.0.0.1", port, 5)
        there = await accept()
        with pytest.raises(TimeoutError):
            await network.open_stream("127.0.0.1", 9, 0.01)
        renewing = network._renewing
        assert renewing is not None
        await asyncio.wait_for(renewing, LIMIT)
        assert len(doors.connections) == 2

        await loop.sock_sendall(there, b"still here")
        assert await read(stream) == b"still here"
        stream.close()
        await asyncio.wait_for(doors.connections[0].wait_closed(), LIMIT)
    network.close()


# --- a prober that misbehaves ----------------------------------------------------------------


@pytest.mark.skipif(not POSIX, reason="the prober needs a POSIX system")
async def test_who_says_more_than_anybody_hears_is_cut_off(
    process: asyncio.subprocess.Process,
) -> None:
    prober = await prober_in(process)
    with served() as (port, accept):
        stream = await prober.open_stream("127.0.0.1", port, 5)
        await accept()
        reading = asyncio.ensure_future(stream.read(1))
        for _ in range(400):
            stream.write(b"x" * 65_536)
            await asyncio.sleep(0)
        with pytest.raises(OSError, match=r"(?i)buffer"):
            await asyncio.wait_for(reading, LIMIT)
        stream.close()
    prober.close()


class Liar:
    """A prober that answers each request with the next of these."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()

    async def readline(self) -> bytes:
        return await self.lines.get()

    def write(self, data: bytes) -> None:
        if data == PROGRAM:
            self._say({"ready": True, "error_queue": True})
        elif self.answers:
            self._say(self.answers.pop(0))

    def _say(self, said: object) -> None:
        self.lines.put_nowait(json.dumps(said).encode() + b"\n")


OPENED = {"opened": [1, None, 1460]}


@pytest.mark.parametrize(
    "said",
    [
        {"data": [1, "eHh4eA==", None]},  # more than was asked for
        {"data": [1, "eA", None]},  # no base64
        {"data": [1]},
    ],
)
async def test_nothing_is_believed_of_what_makes_no_sense(said: object) -> None:
    far = Liar(OPENED, said)
    network = await start_prober(far, far)
    assert network is not None
    stream = await network.open_stream("127.0.0.1", 9, 1)

    with pytest.raises(OSError, match="lost"):
        await read(stream, 2)
    network.close()


async def test_what_comes_too_late_or_to_nobody_is_ignored() -> None:
    far = Liar(OPENED, {"data": [1, "eA==", None]}, {"opened": [2, "ECONNREFUSED", 0]})
    network = await start_prober(far, far)
    assert network is not None
    stream = await network.open_stream("127.0.0.1", 9, 1)
    stream.close()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.wait_for(network.open_stream("127.0.0.1", 9, 1), LIMIT)
    network.close()
