"""Audits over a network that is made up: in what order things are found out."""

import asyncio
from collections.abc import Callable

import pytest

from veeamcheck.auditing.audit import Settings, audit
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import Observation, Signal
from veeamcheck.net.interface import Datagram, Done, Stream

SITE = """
[hosts.vbr1]
address = "10.0.0.1"
roles = ["backup-server"]

[hosts.worker1]
address = "10.0.0.2"
roles = ["worker"]
"""
CONTROL, INDEX = "worker-backup-server-control", "worker-backup-server-index"


class MadeUp:
    """Each attempt shows at once what `shows` says of its port."""

    means = "a test"
    attributes = True
    least_timeout = 0.0
    missing_evidence: tuple[str, ...] = ()

    def __init__(self, shows: Callable[[int], Signal]) -> None:
        self.shows = shows
        self.contacted: list[int] = []

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        self.contacted.append(port)
        done(port, Observation(self.shows(port), attributed=True, rtt=0.001))

    async def exchange(
        self, address: str, port: int, payload: bytes, accept: object, timeout: float
    ) -> Datagram:
        raise AssertionError("no flow here is over UDP")

    async def open_stream(self, address: str, port: int, timeout: float) -> Stream:
        raise AssertionError("no service here is asked")

    async def check(self) -> None:
        pass

    async def resolve(self, name: str) -> tuple[str, ...]:
        return (name,)

    def local_address(self, address: str) -> str | None:
        return None

    def close(self) -> None:
        pass


async def interrupted(others: Signal) -> tuple[dict[str, str], MadeUp]:
    """The reason code of each rule where the run is interrupted in the range.

    `others`: what ports show that no rule names.
    """
    stop = asyncio.Event()

    def shows(port: int) -> Signal:
        if 2500 <= port <= 3300:
            stop.set()
            return Signal.SILENT
        return Signal.OPEN if port == 10006 else others

    network = MadeUp(shows)
    report = await audit(
        parse_inventory(SITE, "site.toml"), Settings(vantage="worker1"), network=network, stop=stop
    )
    assert report.run.interrupted
    return {flow.rule: flow.reason_code for flow in report.flows}, network


@pytest.mark.parametrize(
    ("others", "code"), [(Signal.OPEN, "accepts-all"), (Signal.REFUSED, "open")]
)
async def test_who_accepts_for_everybody_is_known_before_a_range_is_interrupted(
    others: Signal, code: str
) -> None:
    codes, network = await interrupted(others)
    assert codes[CONTROL] == code
    assert codes[INDEX] == "interrupted"
    closed = [port for port in network.contacted if port != 10006 and not 2500 <= port <= 3300]
    assert len(closed) == len(set(closed)) == 2


async def test_what_accepts_for_everybody_only_after_many_contacts_is_known_at_the_end() -> None:
    """A defence that answers in a target's place once it is alarmed."""
    network = MadeUp(lambda port: Signal.REFUSED)

    def shows(port: int) -> Signal:
        alarmed = len(network.contacted) > 40
        return Signal.OPEN if alarmed or port == 10006 else Signal.REFUSED

    network.shows = shows
    report = await audit(
        parse_inventory(SITE, "site.toml"), Settings(vantage="worker1"), network=network
    )
    assert {flow.reason_code for flow in report.flows if flow.source == "worker1"} == {
        "accepts-all"
    }
