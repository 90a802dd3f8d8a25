"""The commands that let a listener be reached: narrow, and with their removal."""

import json

import pytest

from veeamcheck.farside import firewall_hint
from veeamcheck.farside.firewall_hint import Chain, Hint, filtering_chains
from veeamcheck.model import Transport
from veeamcheck.ports import PortSet

PORTS = {Transport.TCP: PortSet.parse("6162,2500-3300"), Transport.UDP: PortSet.parse("123")}
TCP_ONLY = {Transport.TCP: PortSet.parse("6162"), Transport.UDP: PortSet()}
SOURCES = {"10.0.0.5", "fd00::5"}


def test_windows() -> None:
    assert firewall_hint.windows(PORTS, SOURCES) == Hint(
        "Windows Defender Firewall",
        (
            'netsh advfirewall firewall add rule name="veeamcheck-listen" dir=in action=allow '
            "protocol=TCP localport=2500-3300,6162 remoteip=10.0.0.5,fd00::5",
            'netsh advfirewall firewall add rule name="veeamcheck-listen" dir=in action=allow '
            "protocol=UDP localport=123 remoteip=10.0.0.5,fd00::5",
        ),
        ('netsh advfirewall firewall delete rule name="veeamcheck-listen"',),
    )


def test_firewalld() -> None:
    hint = firewall_hint.firewalld(TCP_ONLY, SOURCES)
    rule = 'rule family="ipv4" source address="10.0.0.5" port port="6162" protocol="tcp" accept'
    assert hint.allow[0] == f"firewall-cmd --add-rich-rule='{rule}'"
    assert hint.remove[0] == f"firewall-cmd --remove-rich-rule='{rule}'"
    assert len(hint.allow) == len(hint.remove) == 2
    assert firewall_hint.firewalld(TCP_ONLY, ()).allow == ("firewall-cmd --add-port=6162/tcp",)


def test_ufw() -> None:
    hint = firewall_hint.ufw(PORTS, {"10.0.0.5"})
    assert hint.allow == (
        "ufw insert 1 allow proto tcp from 10.0.0.5 to any port 2500:3300,6162",
        "ufw insert 1 allow proto udp from 10.0.0.5 to any port 123",
    )
    assert hint.remove[0] == "ufw delete allow proto tcp from 10.0.0.5 to any port 2500:3300,6162"


@pytest.mark.parametrize(
    ("family", "matches"),
    [
        ("ip", ["ip saddr { 10.0.0.5 } tcp dport { 6162 }"]),
        ("ip6", ["ip6 saddr { fd00::5 } tcp dport { 6162 }"]),
        (
            "inet",
            [
                "ip saddr { 10.0.0.5 } tcp dport { 6162 }",
                "ip6 saddr { fd00::5 } tcp dport { 6162 }",
            ],
        ),
    ],
)
def test_nftables_in_the_chain_that_filters(family: str, matches: list[str]) -> None:
    hint = firewall_hint.nftables(Chain(family, "filter", "INPUT"), TCP_ONLY, SOURCES)
    assert list(hint.allow) == [
        f"nft 'insert rule {family} filter INPUT {match} accept comment \"veeamcheck-listen\"'"
        for match in matches
    ]
    assert f"nft delete rule {family} filter INPUT handle" in hint.remove[0]


def test_only_chains_that_can_turn_something_away_count() -> None:
    def chain(name: str, **more: str) -> dict[str, object]:
        values = {"family": "inet", "table": "t", "name": name, "hook": "input", "type": "filter"}
        return {"chain": {**values, **more}}

    ruleset = [
        {"metainfo": {}},
        chain("drops", policy="drop"),
        chain("empty", policy="accept"),
        chain("rules", policy="accept"),
        chain("output", policy="drop", hook="output"),
        chain("bridge", policy="drop", family="bridge"),
        chain("nat", policy="accept", type="nat"),
        {"rule": {"family": "inet", "table": "t", "chain": "rules"}},
        {"rule": {"family": "inet", "table": "t", "chain": "nat"}},
    ]
    found = filtering_chains(json.dumps({"nftables": ruleset}))
    assert [each.name for each in found] == ["drops", "rules"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json"])
def test_what_nft_does_not_tell_is_no_firewall(text: str) -> None:
    assert filtering_chains(text) == []
