"""The demo's deployment: that it shows what it promises, to everybody at once."""

import asyncio
import socket
import struct
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veeamcheck.demo import site as demo
from veeamcheck.demo.site import (
    EXPECTED,
    DemoError,
    audit_demo,
    deployment,
    differences,
    inventory_text,
    ntp_reply,
)
from veeamcheck.expand import expand
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import Verdict


async def test_it_shows_what_it_promises_to_two_at_once() -> None:
    first, second = await asyncio.gather(audit_demo("a.toml"), audit_demo("b.toml"))
    assert first[0] != second[0]
    for _, report in (first, second):
        assert differences(report) == []
        assert report.summary["exit_status"] == 1


async def test_stopping_it_leaves_nothing_behind() -> None:
    async with deployment("a.toml") as (first, _):
        pass
    async with deployment("a.toml") as (second, _):
        pass
    assert first == second


def test_its_inventories_are_valid_without_a_warning() -> None:
    for network in range(demo._NETWORKS):
        inventory = parse_inventory(inventory_text(network), "demo.toml")
        plan = expand(inventory)
        assert plan.warnings == ()
        assert set(EXPECTED) <= {flow.id for flow in plan.flows}


def test_it_promises_every_verdict_that_a_single_host_can_give() -> None:
    assert set(EXPECTED.values()) == set(Verdict) - {Verdict.UNPROVEN}


async def test_ports_that_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_NETWORKS", 1)
    far = inventory_text(154)  # 127.0.231.0: no demo beside this test comes so far
    monkeypatch.setattr(demo, "inventory_text", lambda _network: far)
    with closing(socket.socket()) as other:
        other.bind(("127.0.231.20", 8006))
        other.listen()
        with pytest.raises(DemoError, match="taken by other programs"):
            async with deployment("a.toml"):
                pass


async def test_a_loopback_without_the_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_here(_text: str, _file: str) -> object:
        return parse_inventory(inventory_text().replace("127.0.77.", "198.51.100."), "a.toml")

    monkeypatch.setattr(demo, "parse_inventory", not_here)
    with pytest.raises(DemoError, match=r"sudo ifconfig lo0 alias 198\.51\.100\.20"):
        async with deployment("a.toml"):
            pass


@given(
    request=st.binary(min_size=48, max_size=48),
    now=st.floats(min_value=0, max_value=2_000_000_000),
)
def test_the_time_server_answers_what_it_was_asked(request: bytes, now: float) -> None:
    reply = ntp_reply(request, now)
    assert len(reply) == 48
    leap, version, mode = reply[0] >> 6, reply[0] >> 3 & 7, reply[0] & 7
    assert (leap, version, mode) == (0, request[0] >> 3 & 7, 4)
    assert 1 <= reply[1] <= 15
    assert reply[24:32] == request[40:48]
    (transmit,) = struct.unpack("!Q", reply[40:48])
    assert transmit / 2**32 - 2_208_988_800 == pytest.approx(now, abs=1e-3)
