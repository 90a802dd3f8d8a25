"""What each error number and each ICMP error means, on every system."""

import errno
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veeamcheck.model import Signal, Transport
from veeamcheck.net import errors
from veeamcheck.net.errors import IcmpError, from_errno, from_icmp

TARGET, ROUTER, OWN = "10.0.30.5", "10.0.10.1", "10.0.10.5"


@pytest.mark.parametrize(
    ("number", "signal"),
    [
        (errno.ECONNREFUSED, "refused"),
        (10061, "refused"),
        (1225, "refused"),
        (errno.ENETUNREACH, "unreachable"),
        (errno.EHOSTUNREACH, "unreachable"),
        (10051, "unreachable"),
        (10065, "unreachable"),
        (1231, "unreachable"),
        (errno.ETIMEDOUT, "silent"),
        (10060, "silent"),
        (errno.EMFILE, "local-error"),
        (errno.ENOBUFS, "local-error"),
        (errno.EADDRNOTAVAIL, "local-error"),
        (errno.EPERM, "local-error"),
        (errno.EACCES, "local-error"),
        (errno.EINVAL, "local-error"),
        (0, "local-error"),
    ],
)
def test_error_numbers(number: int, signal: str) -> None:
    assert from_errno(number, attributes=True).signal == signal


@pytest.mark.parametrize("attributes", [True, False])
def test_a_refusal_is_attributed_only_where_rejects_would_show(attributes: bool) -> None:
    assert from_errno(errno.ECONNREFUSED, attributes=attributes).attributed is attributes


@given(st.integers(0, 20000))
def test_every_number_means_something_and_never_a_success(number: int) -> None:
    seen = from_errno(number, attributes=True)

    assert seen.signal is not Signal.OPEN
    assert seen.signal is not Signal.LOCAL_ERROR or seen.detail


@pytest.mark.parametrize(
    ("number", "exhausted"),
    [(errno.EMFILE, True), (errno.EADDRNOTAVAIL, True), (errno.EPERM, False)],
)
def test_what_may_come_back_is_marked(number: int, exhausted: bool) -> None:
    detail = from_errno(number, attributes=True).detail

    assert detail is not None
    assert detail["exhausted"] is exhausted
    assert errno.errorcode[number] in str(detail["meaning"])


@pytest.mark.parametrize(
    ("kind", "tcp", "udp"),
    [
        ((4, 3, 0), "unreachable", "unreachable"),
        ((4, 3, 1), "unreachable", "unreachable"),
        ((4, 11, 0), "unreachable", "unreachable"),
        ((6, 1, 0), "unreachable", "unreachable"),
        ((6, 1, 3), "unreachable", "unreachable"),
        ((6, 3, 0), "unreachable", "unreachable"),
        ((4, 3, 3), "rejected", "rejected"),
        ((6, 1, 4), "rejected", "rejected"),
        ((4, 3, 2), "rejected", "rejected"),
        ((4, 3, 9), "rejected", "rejected"),
        ((4, 3, 10), "rejected", "rejected"),
        ((4, 3, 13), "rejected", "rejected"),
        ((6, 1, 1), "rejected", "rejected"),
        ((6, 1, 5), "rejected", "rejected"),
        ((6, 1, 6), "rejected", "rejected"),
        ((4, 3, 99), "rejected", "rejected"),
    ],
)
def test_icmp_errors_of_a_router(kind: tuple[int, int, int], tcp: str, udp: str) -> None:
    for transport, signal in ((Transport.TCP, tcp), (Transport.UDP, udp)):
        error = IcmpError(errno.EHOSTUNREACH, *kind, sender=ROUTER)
        seen = from_icmp(error, transport=transport, target=TARGET, local=OWN)

        assert (seen.signal, seen.by, seen.attributed) == (signal, ROUTER, True)
        assert seen.detail is not None
        assert (seen.detail["icmp_type"], seen.detail["icmp_code"]) == kind[1:]
        assert seen.detail["meaning"]


@pytest.mark.parametrize("kind", [(4, 3, 3), (6, 1, 4)])
def test_a_port_unreachable_of_the_target_itself_is_how_udp_refuses(
    kind: tuple[int, int, int],
) -> None:
    error = IcmpError(errno.ECONNREFUSED, *kind, sender=TARGET)

    over_udp = from_icmp(error, transport=Transport.UDP, target=TARGET, local=OWN)
    over_tcp = from_icmp(error, transport=Transport.TCP, target=TARGET, local=OWN)

    assert (over_udp.signal, over_udp.by) == ("refused", None)
    assert (over_tcp.signal, over_tcp.by) == ("rejected", TARGET)


def test_our_own_host_unreachable_means_a_neighbour_that_does_not_answer() -> None:
    error = IcmpError(errno.EHOSTUNREACH, 4, 3, 1, sender=OWN)

    seen = from_icmp(error, transport=Transport.TCP, target=TARGET, local=OWN)

    assert (seen.signal, seen.by) == ("unreachable", None)
    assert "local network" in str((seen.detail or {})["meaning"])


class Queue(socket.socket):
    """A socket with this in its error queue."""

    def __init__(self, *queued: bytes) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self.queued = list(queued)

    def recvmsg(self, *_: object) -> tuple[bytes, list[tuple[int, int, bytes]], int, None]:  # type: ignore[override]
        if not self.queued:
            raise BlockingIOError
        return b"", [(socket.IPPROTO_IP, errors.IP_RECVERR, self.queued.pop(0))], 0, None


def extended_error(origin: int, icmp_type: int, code: int, offender: bytes) -> bytes:
    return struct.pack("=IBBBBII", errno.EHOSTUNREACH, origin, icmp_type, code, 0, 0, 0) + offender


def test_the_queue_gives_the_latest_icmp_error() -> None:
    four = b"\x02\0\0\0" + socket.inet_aton(ROUTER)
    six = bytes(8) + socket.inet_pton(socket.AF_INET6, "fd00::1") + bytes(4)
    with Queue(extended_error(2, 3, 13, four), extended_error(3, 1, 1, six)) as sock:
        found = errors.take_icmp_error(sock)
        assert sock.queued == []

    assert found == IcmpError(errno.EHOSTUNREACH, 6, 1, 1, "fd00::1")


@given(st.binary(max_size=64))
def test_no_queue_entry_is_an_accident(data: bytes) -> None:
    with Queue(data) as sock:
        found = errors.take_icmp_error(sock)

    assert found is None or found.version in (4, 6)
