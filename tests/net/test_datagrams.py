"""One datagram and its answer, over real loopback sockets."""

import asyncio
import errno
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest

from veeamcheck.model import Signal
from veeamcheck.net import datagrams
from veeamcheck.net.interface import Datagram
from veeamcheck.net.system import PORTABLE, SystemNetwork

LINUX = sys.platform == "linux"


@pytest.fixture(params=[False, True] if LINUX else [True], ids=lambda p: "portable" if p else "")
async def network(request: pytest.FixtureRequest) -> AsyncIterator[SystemNetwork]:
    made = SystemNetwork(portable=request.param)
    yield made
    made.close()


@contextmanager
def server(reply: Callable[[bytes], list[bytes]], address: str = "127.0.0.1") -> Iterator[int]:
    """Answers each datagram with these."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))

        def serve() -> None:
            while (request := sock.recvfrom(2048))[0] != b"stop":
                for each in reply(request[0]):
                    sock.sendto(each, request[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            with socket.socket(family, socket.SOCK_DGRAM) as last:
                last.sendto(b"stop", sock.getsockname())
            thread.join()


@contextmanager
def closed(address: str) -> Iterator[int]:
    """A port that nobody can take, and where nothing takes datagrams: connected elsewhere."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as holder:
        holder.bind((address, 0))
        holder.connect((address, 9))
        yield holder.getsockname()[1]


async def ask(
    network: SystemNetwork, port: int, address: str = "127.0.0.1", timeout: float = 5
) -> Datagram:
    return await network.exchange(address, port, b"ping", lambda data: data == b"pong", timeout)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_the_first_acceptable_answer_counts(network: SystemNetwork, address: str) -> None:
    with server(lambda _: [b"noise", b"", b"pong"], address) as port:
        answer = await ask(network, port, address)

    assert (answer.data, answer.failure) == (b"pong", None)
    assert answer.sent <= answer.received


async def test_no_answer_and_no_acceptable_answer_are_silence(network: SystemNetwork) -> None:
    for reply in ([], [b"noise"]):
        with server(lambda _, reply=reply: reply) as port:  # type: ignore[misc]
            answer = await ask(network, port, timeout=0.2)

        assert answer.data is None
        assert answer.failure is not None
        assert answer.failure.signal is Signal.SILENT


@pytest.mark.skipif(not LINUX, reason="elsewhere the system may hold the error back")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_closed_port_refuses(network: SystemNetwork, address: str) -> None:
    with closed(address) as port:
        answer = await ask(network, port, address)

    assert answer.failure is not None
    assert answer.failure.signal is Signal.REFUSED
    assert answer.failure.attributed is network.attributes


async def test_an_error_of_this_machine_is_settled_at_once(
    network: SystemNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a firewall here denies sending."""
    denied = OSError(errno.EPERM, "denied")

    async def deny(*_: object, **__: object) -> None:
        raise denied

    monkeypatch.setattr("veeamcheck.net.datagrams.asyncio_dgram.connect", deny)

    answer = await ask(network, 9)

    assert answer.failure is not None
    assert answer.failure.signal is Signal.LOCAL_ERROR


@pytest.mark.skipif(not LINUX, reason="needs the error queue")
async def test_settling_tells_answer_silence_and_refusal_apart() -> None:
    with closed("127.0.0.1") as port:
        refused = await datagrams.settle("127.0.0.1", port, b"ping", 5)
    with server(lambda _: []) as port:
        silent = await datagrams.settle("127.0.0.1", port, b"ping", 0.1)
    with server(lambda _: [b"pong"]) as port:
        answered = await datagrams.settle("127.0.0.1", port, b"ping", 5)

    assert [each.signal for each in (refused, silent, answered)] == ["refused", "silent", "open"]


@pytest.mark.skipif(not LINUX, reason="counts descriptors in /proc")
async def test_exchanges_leave_no_descriptors(network: SystemNetwork) -> None:
    with server(lambda _: [b"pong"]) as port, closed("127.0.0.1") as nobody:
        counts = []
        for each in (port, port, nobody):
            await ask(network, each, timeout=0.2)
            await asyncio.sleep(0)  # asyncio closes a transport's socket a step later
            counts.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208
    assert counts == counts[:1] * 3


@pytest.mark.skipif(not LINUX, reason="elsewhere there is only one means")
async def test_linux_can_probe_as_other_systems_do(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = SystemNetwork()
    monkeypatch.setenv(PORTABLE, "1")
    portable = SystemNetwork()

    assert (usual.attributes, usual.missing_evidence) == (True, ())
    assert not portable.attributes
    assert "ICMP errors are not visible" in portable.missing_evidence[0]
    usual.close()
    portable.close()
