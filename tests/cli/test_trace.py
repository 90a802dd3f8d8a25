"""`veeamcheck trace`: what can be asked for, what is shown, and the exit status."""

import json
import sys

import pytest

from tests.cli.conftest import Veeamcheck, one_flow
from veeamcheck.model import Place, Trace, Transport
from veeamcheck.reports.terminal import render_traces

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows hops")


@linux
def test_a_port_that_answers(veeamcheck: Veeamcheck, listening: int) -> None:
    result = veeamcheck("trace", "127.0.0.1", listening)
    assert result.status == 0
    assert "hop  TCP" in result.out
    assert "now answers every packet, 1 hop away: not blocked" in result.out
    assert "up to ten seconds" in result.err


@linux
def test_compared_with_an_open_port(veeamcheck: Veeamcheck, listening: int, closed: int) -> None:
    result = veeamcheck("trace", "127.0.0.1", closed, "--compare", listening, "-o", "json", "-q")
    (trace,) = result.json["traces"]
    assert (result.status, result.err, result.json["kind"]) == (1, "", "traces")
    assert (trace["place"], trace["compared_with"]) == ("refused", listening)
    assert "no router on the way" in trace["reason"]


@linux
def test_a_refusal_alone_is_undecided(veeamcheck: Veeamcheck, closed: int) -> None:
    result = veeamcheck("trace", "127.0.0.1", closed)
    assert result.status == 3
    assert "undecided: something 1 hop away refuses" in result.out


@linux
def test_hosts_and_flows_of_the_inventory(veeamcheck: Veeamcheck, listening: int) -> None:
    with open("inventory.toml", "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(one_flow(listening))
    flow = veeamcheck("plan", "-o", "json").json["flows"][0]["id"]
    for words in (["vbr1", listening], ["vbr1", "vbr1", listening], [flow], [flow, listening]):
        result = veeamcheck("trace", *words, "-o", "table=trace.txt")
        assert (result.status, "127.0.0.1" in result.out) == (0, True), words


@linux
def test_a_name_without_an_address_is_told(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("trace", "a..b", "22", "-q")
    assert (result.status, result.out) == (3, "")
    assert result.err == "veeamcheck: a..b: this cannot be a DNS name\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["10.9.9.9"], "a trace needs TARGET and PORT, or the id of a flow"),
        (["10.9.9.9", "0"], "'0' is no port"),
        (["10.9.9.9", "ssh"], "'ssh' is no port"),
        (["10.9.9.9", "22", "--compare", "22"], "it is the port that is traced"),
        (["vbr1", "10.9.9.9", "22"], "whether this machine is vbr1 is for an inventory to say"),
        (["rule@a>b"], "a flow is of an inventory"),
        (["10.9.9.9", "22", "-o", "html"], "'html' is no format"),
    ],
)
def test_what_cannot_be_asked(veeamcheck: Veeamcheck, words: list[str], said: str) -> None:
    result = veeamcheck("trace", *words)
    assert (result.status, result.out) == (2, "")
    assert said in result.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["vbr9", "vbr1", "22"], "Invalid value for SOURCE"),
        (["other", "vbr1", "22"], "a trace leaves from this machine, and that is vbr1"),
        (["rule@a>b"], "gives no flow 'rule@a>b'"),
    ],
)
def test_what_the_inventory_does_not_have(
    veeamcheck: Veeamcheck, words: list[str], said: str
) -> None:
    other = '\n[hosts.other]\naddress = "10.9.9.9"\nroles = ["proxmox-ve"]\n'
    with open("inventory.toml", "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(one_flow(6172) + other)
    result = veeamcheck("trace", *words)
    assert (result.status, result.out) == (2, "")
    assert said in result.err


def test_where_no_hop_can_be_seen(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch, listening: int
) -> None:
    monkeypatch.setenv("VEEAMCHECK_PORTABLE", "1")
    result = veeamcheck("trace", "127.0.0.1", listening)
    assert (result.status, result.out) == (3, "")
    assert "no path can be traced from here" in result.err


def test_a_name_without_an_address(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("trace", "no-such-host.invalid", "22", "-q")
    assert (result.status, result.out) == (3, "")


def test_what_it_shows_is_inert() -> None:
    evil = Trace(
        address="evil\x1b[2J", transport=Transport.TCP, port=1, compared_with=None,
        place=Place.UNDECIDED, last=None, next=None, by=None, reason="[bold]\x07", rows=(),
    )  # fmt: skip
    text = render_traces([evil, evil])
    assert "\x1b" not in text
    assert "[bold]" in text
    assert json.dumps(text).count("undecided") == 2
