"""What is recognised in text, whatever is in it, and that nothing grows without bound."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veeamcheck.diagnosis.explain import explain_log
from veeamcheck.diagnosis.knowledge import Knowledge
from veeamcheck.diagnosis.log_lines import LONGEST_LINE, MOST_INCIDENTS, Clues, Lines, read_clues
from veeamcheck.diagnosis.messages import MESSAGES
from veeamcheck.rulesets import load_rule_set

HOSTS = {"repo1", "vbr1", "worker", "pve1"}


def is_host(name: str) -> bool:
    return name.lower() in HOSTS


def read(text: str) -> Clues:
    return read_clues(Lines(io.StringIO(text)), is_host)


def named(line: str) -> list[str]:
    """The places of a line as HOST PORTS TRANSPORT, without what is missing."""
    clues = read(line)
    places = [place for incident in clues.incidents for place in incident.places]
    return [
        " ".join(filter(None, (place.host, str(place.ports), place.transport)))
        for place in places or clues.mentioned
    ]


@pytest.mark.parametrize(
    ("line", "places"),
    [
        ("the port [repo1:2502].", ["repo1 2502"]),
        ("refused it 10.0.10.5:6160", ["10.0.10.5 6160"]),
        ("repo1[10.0.30.5]:2502", ["repo1", "10.0.30.5 2502"]),
        ("endpoint [2001:DB8::1]:6162", ["2001:db8::1 6162"]),
        ("from 2001:db8::2, then ::ffff:10.0.0.1", ["2001:db8::2", "10.0.0.1"]),
        ("fe80::1%eth0 asked", ["fe80::1"]),
        ("ssh: connect to host pve1 port 22: failed", ["pve1", "22"]),
        ("https://PVE1:8006/api2/json", ["PVE1 8006"]),
        (r"\\repo1\ADMIN$ and \\SRV09\C$", ["repo1", "SRV09"]),
        ("SRC=10.0.0.1 DST=10.0.0.2 DPT=6162", ["10.0.0.1", "10.0.0.2", "6162"]),
        ("tcp/445, UDP 137 and 139/tcp", ["445 tcp", "137 udp", "139 tcp"]),
        ("ports 2500-3300 or 2500 to 2600", ["2500-3300"]),
        ("10.0.0.1:51234 -> 10.0.0.2:2502", ["10.0.0.1", "10.0.0.2 2502"]),
        ("could not resolve host: repo9.example.com", ["repo9.example.com"]),
        ("getaddrinfo failed for gw9.example.com", ["gw9.example.com"]),
        ("unknown-host:6162", ["unknown-host 6162"]),
        ("worker:443", ["worker 443"]),
    ],
)
def test_places(line: str, places: list[str]) -> None:
    assert named(line) == places


@pytest.mark.parametrize(
    "line",
    [
        "build 13.0.1.180, version: 13.0.1.180",
        "v13.0.1.180 of 12.3.0.310",
        "[18.11.2026 22:01:13.555] 2026-11-18T22:10 2026-11-18T22:10:11Z",
        "aa:bb:cc:dd:ee:ff and 99:88",
        "Connector.cs:123 main.cpp:44 a.log:12",
        "error:10061 thread:44 attempt:2 line:12 pid:811",
        "Program.Common.Connector std::map::find a::b 0.0.0.0:80 255.255.255.255",
        "the worker starts a backup on the server",  # no worker of that name is meant
        "port 0, port 70000, port 1.5, ports 9-3",
        "999.1.1.1:22 1.2.3:22 1.2.3.4.5:22",
        "disk scsi0 for vm-101",
    ],
)
def test_what_only_looks_like_a_place(line: str) -> None:
    assert named(line) == []


def test_the_lines_of_an_exception_belong_together() -> None:
    (incident,) = read(
        "[22:00:01] <7> Error  connect to repo1:6162\n"
        "System.Net.Sockets.SocketException: Connection refused\n"
        "   at Program.Connect() in Connector.cs:line 22\n"
    ).incidents
    assert [message.id for message in incident.messages] == ["refused"]
    assert [(place.host, str(place.ports)) for place in incident.places] == [("repo1", "6162")]
    assert (incident.first, incident.excerpt) == (
        1,
        "System.Net.Sockets.SocketException: Connection refused",
    )


def test_a_line_without_a_place_takes_that_of_the_line_before() -> None:
    (incident,) = read(
        "[22:00:01] <7> Connecting to repo1:6162\n[22:00:22] <7> Connection timed out\n"
    ).incidents
    assert incident.borrowed
    assert [place.host for place in incident.places] == ["repo1"]


def test_but_not_that_of_another_thread() -> None:
    (incident,) = read(
        "[22:00:01] <7> Connecting to repo1:6162\n[22:00:22] <8> Connection timed out\n"
    ).incidents
    assert incident.places == ()


def test_repetitions_are_counted() -> None:
    (incident,) = read("[22:00:01] connection refused repo1:6162\n" * 5).incidents
    assert (incident.first, incident.last, incident.count) == (1, 5, 5)


def test_the_ports_that_clients_take_make_no_difference() -> None:
    lines = (f"10.0.0.1:{port} to repo1:6162: connection refused\n" for port in (40001, 50002))
    (incident,) = read("".join(lines)).incidents
    assert incident.count == 2


# --- bounds ----------------------------------------------------------------------------------


class Counting(io.StringIO):
    """Counts how much is asked for at once."""

    largest = 0

    def readline(self, size: int | None = -1, /) -> str:
        assert size is not None
        assert size >= 0
        self.largest = max(self.largest, size)
        return super().readline(size)


HOSTILE = ["[", "[a", "a:", "1.", "to ", ":", "error ", "a.b-", "port ", "x/", "::", "tcp 1", "<1"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_of_a_huge_line_only_the_beginning_is_read(piece: str) -> None:
    text = Counting("connection refused " + piece * (1_000_000 // len(piece)))
    lines = Lines(text)
    clues = read_clues(lines, lambda _: True)
    assert text.largest <= LONGEST_LINE
    assert (clues.lines, clues.cut_lines) == (1, 1)
    (incident,) = clues.incidents
    assert len(incident.excerpt) <= LONGEST_LINE
    assert len(incident.places) <= 20


def test_a_line_after_a_huge_one_has_its_own_number() -> None:
    clues = read("x" * 100_000 + "\nconnection refused repo1:6162\n")
    assert [incident.first for incident in clues.incidents] == [2]


def test_a_line_of_just_the_longest_length_is_whole() -> None:
    text = "x" * (LONGEST_LINE - 1) + "\n" + "y" * LONGEST_LINE + "\n"
    lines = Lines(io.StringIO(text))
    assert [len(line) for line in lines] == [LONGEST_LINE - 1, LONGEST_LINE]
    assert lines.cut == 0


def test_reading_ends_where_it_must() -> None:
    lines = Lines(io.StringIO("connection refused a1:22\n" * 10), most=60)
    clues = read_clues(lines, is_host)
    assert (clues.lines, clues.ended_early) == (2, True)


def test_different_incidents_are_bounded_and_the_rest_counted() -> None:
    text = "".join(
        f"connection refused 10.{n >> 8}.{n & 255}.1:22\n" for n in range(MOST_INCIDENTS + 7)
    )
    clues = read(text)
    assert (len(clues.incidents), clues.left_out) == (MOST_INCIDENTS, 7)


RULES = Knowledge((load_rule_set("veeam-pve"),))
WORDS = st.sampled_from(
    [phrase for message in MESSAGES for phrase in message.phrases]
    + [*HOSTILE, "repo1:6162", "[::1]:22", "10.0.0.1", "port 22", "\n", "\t", " ", "22:01:13", "\0"]
)


@settings(max_examples=150)
@given(st.lists(st.one_of(WORDS, st.text(max_size=20)), max_size=60).map("".join))
def test_no_text_raises_and_what_is_kept_is_bounded(text: str) -> None:
    clues = read(text)
    assert clues.lines <= text.count("\n") + 1
    explanation = explain_log("x", "x", clues, RULES)
    if clues.incidents:
        assert explanation
        assert sum(f.lines.count for f in explanation.findings if f.lines) <= clues.lines
