"""Firewalls as data: what a policy says; that it does so is test_lab's."""

from random import Random

import pytest

from tests.lab import Action, Policy, Rule
from tests.lab.firewall import port_set


def test_the_first_rule_that_matches_decides() -> None:
    policy = Policy(
        (
            Rule(action=Action.RESET, protocol="tcp", ports="10-20", source="10.0.0.0/8"),
            Rule(action=Action.ACCEPT, protocol="tcp", ports="10-30", target="10.0.0.2"),
        ),
        default=Action.DROP,
    )

    assert policy.action("10.0.0.1", "10.0.0.2", "tcp", 20) is Action.RESET
    assert policy.action("192.0.2.1", "10.0.0.2", "tcp", 20) is Action.ACCEPT
    assert policy.action("10.0.0.1", "10.0.0.2", "tcp", 21) is Action.ACCEPT
    assert policy.action("10.0.0.1", "10.0.0.3", "tcp", 21) is Action.DROP
    assert policy.action("10.0.0.1", "10.0.0.2", "udp", 20) is Action.DROP
    assert policy.action("fd00::1", "fd00::2", "tcp", 20) is Action.DROP


def test_udp_cannot_be_reset() -> None:
    with pytest.raises(ValueError, match="only TCP"):
        Rule(action=Action.RESET, protocol="udp")
    with pytest.raises(ValueError, match="UDP too"):
        Policy((), default=Action.RESET)


def test_the_same_seed_gives_the_same_policy() -> None:
    one, same, other = (
        Policy.random(
            Random(seed), ["10.0.0.1", "10.0.0.2"], "22,2500-3300", protocols=["tcp", "udp"]
        )
        for seed in (1, 1, 2)
    )

    assert one == same
    assert one != other


def test_random_rules_stay_within_what_was_asked_for() -> None:
    random = Random(7)
    for _ in range(50):
        policy = Policy.random(random, ["10.0.0.1"], "22,2500-3300", protocols=["tcp", "udp"])
        for rule in policy.rules:
            assert set(port_set(rule.ports)) <= {22, *range(2500, 3301)}
            assert rule.target == "10.0.0.1"
