"""Packets that may go only so many hops, on real loopback sockets."""

import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veeamcheck.model import Observation, Signal, Transport
from veeamcheck.net import errors, hops
from veeamcheck.net.errors import IcmpError, expired_at, from_icmp, latest_icmp_error

_IP_RECVTTL = 12  # Linux; the socket module does not name it before Python 3.14

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows hops")


@pytest.fixture
async def prober() -> AsyncIterator[hops.HopProber]:
    made = hops.HopProber("127.0.0.1")
    yield made
    made.close()


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    """Takes what comes, and listens to nothing."""
    with closing(socket.socket(type=socket.SOCK_DGRAM)) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


@linux
async def test_a_neighbour_is_one_hop_away(prober: hops.HopProber) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert (await prober.probe(Transport.TCP, port, 1)).signal is Signal.OPEN
        server.settimeout(5)
        met, _ = server.accept()
        with met, pytest.raises(ConnectionResetError):
            met.settimeout(5)
            met.recv(1)  # nothing half-open is left behind


@linux
async def test_a_closed_port_refuses(prober: hops.HopProber, bound: socket.socket) -> None:
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        seen = await prober.probe(Transport.TCP, held.getsockname()[1], 1)
    assert seen.signal is Signal.REFUSED
    port = bound.getsockname()[1]
    bound.close()
    assert (await prober.probe(Transport.UDP, port, 1)).signal is Signal.REFUSED


@linux
async def test_a_datagram_carries_its_hops(prober: hops.HopProber, bound: socket.socket) -> None:
    bound.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
    assert (await prober.probe(Transport.UDP, bound.getsockname()[1], 7)).signal is Signal.SILENT
    data, ancillary, _, _ = bound.recvmsg(64, 64)
    assert data == b""
    assert int.from_bytes(ancillary[0][2], sys.byteorder) == 7


@pytest.mark.parametrize(
    ("version", "kind", "code", "expired"),
    [
        (4, 11, 0, True),
        (6, 3, 0, True),
        (4, 3, 0, False),  # network unreachable: the numbers of IPv6's time exceeded
        (4, 11, 1, False),
        (6, 3, 1, False),
        (6, 1, 0, False),
    ],
)
def test_only_used_up_hops_name_a_router(version: int, kind: int, code: int, expired: bool) -> None:
    sender = "10.0.0.1" if version == 4 else "fd00::1"
    seen = from_icmp(
        IcmpError(113, version, kind, code, sender),
        transport=Transport.TCP,
        target="10.9.9.9",
        local="10.0.0.2",
    )
    assert expired_at(seen) == (sender if expired else None)


@given(st.lists(st.binary(max_size=64)), st.sampled_from(Transport))
def test_whatever_is_in_the_error_queue_is_told(queue: list[bytes], transport: Transport) -> None:
    error = latest_icmp_error(queue)
    if error:
        seen = from_icmp(error, transport=transport, target="10.9.9.9", local=None)
        assert expired_at(seen) in (None, error.sender)


def test_silence_names_nobody() -> None:
    assert expired_at(Observation(Signal.SILENT)) is None


def test_where_hops_cannot_be_seen_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "HAS_ERROR_QUEUE", False)
    assert "Linux does" in (hops.why_not() or "")
    monkeypatch.setattr(errors, "HAS_ERROR_QUEUE", True)
    monkeypatch.setenv("VEEAMCHECK_PORTABLE", "1")
    assert "VEEAMCHECK_PORTABLE" in (hops.why_not() or "")
    monkeypatch.delenv("VEEAMCHECK_PORTABLE")
    assert hops.why_not() is None
