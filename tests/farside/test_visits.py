"""Who came, and who never did: kept, and told."""

import json
import socket
from datetime import UTC, datetime

from veeamcheck.farside.binding import Bound, Left
from veeamcheck.farside.opening import Expected
from veeamcheck.farside.summary import Summary, as_json, as_text
from veeamcheck.farside.visits import MOST_STRANGERS, Visits
from veeamcheck.model import Transport
from veeamcheck.ports import PortSet

TCP, UDP = Transport.TCP, Transport.UDP
NEEDED = {TCP: PortSet.parse("6162,2500-2509"), UDP: PortSet()}
WORKER = Expected(name="worker1", addresses=frozenset({"10.0.0.31", "10.0.0.20"}), ports=NEEDED)
VBR = Expected(name="vbr1", addresses=frozenset({"10.0.0.5"}), ports=NEEDED)


def visited() -> Visits:
    visits = Visits([WORKER, VBR])
    visits.came("10.0.0.20", TCP, 6162, held_key=False)
    visits.came("10.0.0.20", TCP, 2500, held_key=True)
    visits.came("192.0.2.7", TCP, 6162, held_key=True)
    visits.came("192.0.2.8", TCP, 22, held_key=False)
    return visits


def summary(visits: Visits) -> Summary:
    with socket.socket() as sock:
        return Summary(
            host="repo1",
            start=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
            end=datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
            opened=[Bound("10.0.0.40", port, TCP, sock) for port in (2500, 2501, 6162)],
            left=[Left("10.0.0.40", 22, TCP, "held by a service: left to it", held=True)],
            visits=visits,
        )


def test_a_stand_in_comes_for_its_host() -> None:
    visits = visited()
    assert str(visits.reached(WORKER, TCP)) == "2500,6162"
    assert visits.of(VBR) == []
    assert [each.address for each in visits.strangers] == ["192.0.2.7", "192.0.2.8"]


def test_of_many_strangers_only_some_are_remembered_and_the_expected_always() -> None:
    visits = Visits([VBR])
    for number in range(MOST_STRANGERS + 100):
        visits.came(f"192.0.{number // 250}.{number % 250}", TCP, 22, held_key=False)
    visits.came("10.0.0.5", TCP, 22, held_key=False)
    assert len(visits.strangers) == MOST_STRANGERS
    assert visits.forgotten
    assert visits.of(VBR)


def test_there_is_something_new_only_where_something_is() -> None:
    visits = visited()
    before = visits.version
    visits.came("10.0.0.20", TCP, 6162, held_key=False)
    assert visits.version == before
    visits.came("10.0.0.20", TCP, 6163, held_key=False)
    assert visits.version > before


def test_the_summary_as_json() -> None:
    document = json.loads(as_json(summary(visited())))
    assert document["kind"] == "listener"
    assert (document["start"], document["end"]) == ("2026-11-22T10:00:00Z", "2026-11-22T10:30:00Z")
    assert document["opened"] == [
        {"address": "10.0.0.40", "transport": "tcp", "ports": "2500-2501,6162"}
    ]
    assert document["left_alone"][0]["reason"] == "held by a service: left to it"
    assert document["never_came"] == ["vbr1"]
    worker, vbr = document["sources"]
    assert (worker["came"], worker["from"], worker["held_key"]) == (True, ["10.0.0.20"], True)
    assert worker["tcp"] == {"expected": "2500-2509,6162", "reached": "2500,6162"}
    assert (vbr["came"], vbr["tcp"]["reached"]) == (False, "")
    assert [each["held_key"] for each in document["strangers"]] == [True, False]


def test_the_summary_for_people() -> None:
    text = as_text(summary(visited()))
    assert "worker1              came from 10.0.0.20 and reached tcp 2500,6162" in text
    assert "vbr1                 never came" in text
    assert "192.0.2.7            reached tcp 6162 (not in the inventory, but it holds" in text
    assert "192.0.2.8            reached tcp 22 (a stranger)" in text
    assert "nobody came" in as_text(summary(Visits([])))
