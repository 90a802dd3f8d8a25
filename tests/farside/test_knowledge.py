"""What a flow's evidence means once it is known where our listener is up."""

import pytest

from tests.test_verdict import A, B, flow, judged, rows_of, said, seen
from veeamcheck.farside.knowledge import with_listeners
from veeamcheck.model import Listener, Signal, Transport
from veeamcheck.ports import PortSet

UP = {(A, Transport.TCP): PortSet.parse("6162,2500-2599")}
RANGE = flow("range", "2500-2599", listener=Listener.SESSION)
NAT = {"meaning": "proven by listener; NAT on the way", "listener": True, "cause": "nat"}


@pytest.mark.parametrize(
    ("signal", "without", "known"),
    [
        ("silent", "unproven idle-silent", "fail blocked-silent"),
        ("refused", "pass path-clear", "fail blocked-rejected"),
        ("rejected", "fail blocked-rejected", "fail blocked-rejected"),
        ("unreachable", "fail unreachable", "fail unreachable"),
        ("open", "pass open", "pass open"),
        ("invalid", "fail wrong-service", "fail wrong-service"),
        ("local-error", "unproven local-error", "unproven local-error"),
    ],
)
def test_where_a_listener_is_up_no_port_is_idle(signal: str, without: str, known: str) -> None:
    rows = rows_of(f"2500-2599 {signal}")
    assert said(judged(RANGE, rows)) == without
    assert said(judged(RANGE, with_listeners(RANGE, rows, UP))) == known


def test_only_what_is_known_of_this_address_and_transport_counts() -> None:
    other = rows_of("2500-2599 silent", B)
    assert with_listeners(RANGE, other, UP) == tuple(other)
    udp = flow(ports="6162", transport=Transport.UDP)
    rows = rows_of("6162 silent")
    assert with_listeners(udp, rows, UP) == tuple(rows)


def test_a_row_is_told_apart_where_every_port_was_contacted() -> None:
    rows = with_listeners(RANGE, rows_of("2590-2609 silent"), UP)
    assert [(str(row.ports), row.probed, bool(row.detail)) for row in rows] == [
        ("2590-2599", 10, True),
        ("2600-2609", 10, False),
    ]


def test_of_a_sample_it_is_not_known_which_ports_were_contacted() -> None:
    sampled = seen("2590-2609", "silent", probed=7)
    assert with_listeners(RANGE, [sampled], UP) == (sampled,)
    (whole,) = with_listeners(RANGE, [seen("2500-2599", "silent", probed=7)], UP)
    assert (whole.probed, whole.detail) != (100, None)
    assert whole.probed == 7


def test_a_translated_address_fails_only_where_the_product_supports_none() -> None:
    row = seen("6162", "open", detail=NAT, proven=True)
    allowed, forbidden = flow(), flow(no_nat=True)
    assert with_listeners(allowed, [row], {}) == (row,)
    (failed,) = with_listeners(forbidden, [row], {})
    assert failed.signal is Signal.INVALID
    assert said(judged(allowed, [row])) == "pass open"
    assert said(judged(forbidden, [failed])) == "fail wrong-service"


def test_a_transient_host_without_a_sign_of_life_is_still_not_running() -> None:
    worker = flow(target_transient=True)
    rows = with_listeners(worker, rows_of("6162 silent"), UP)
    assert said(judged(worker, rows)) == "unproven not-running"
