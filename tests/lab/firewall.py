"""Firewalls as data: the nftables text for them, and what they really do to a packet.

A `Policy` is both the rules for `Host.nft` and the ground truth that a test asks afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network
from random import Random
from typing import Literal

from veeamcheck.ports import PortSet

Protocol = Literal["tcp", "udp"]
Hook = Literal["input", "forward", "output"]


class Action(StrEnum):
    """What a firewall does to a new connection."""

    ACCEPT = "accept"
    DROP = "drop"
    RESET = "reset"
    PROHIBITED = "prohibited"
    PORT_UNREACHABLE = "port-unreachable"
    HOST_UNREACHABLE = "host-unreachable"

    @property
    def statement(self) -> str:
        """In nftables; the ICMP types are right for both address families."""
        return {
            Action.ACCEPT: "accept",
            Action.DROP: "drop",
            Action.RESET: "reject with tcp reset",
            Action.PROHIBITED: "reject with icmpx type admin-prohibited",
            Action.PORT_UNREACHABLE: "reject with icmpx type port-unreachable",
            Action.HOST_UNREACHABLE: "reject with icmpx type host-unreachable",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What happens to one kind of traffic; whatever is left out matches everything."""

    action: Action
    protocol: Protocol
    ports: PortSet | str | int = "1-65535"
    """Destination ports."""
    source: str | None = None
    """An address or network, like `target`."""
    target: str | None = None

    def __post_init__(self) -> None:
        if self.action is Action.RESET and self.protocol != "tcp":
            raise ValueError("only TCP can be reset")

    def matches(self, source: str, target: str, protocol: str, port: int) -> bool:
        return (
            protocol == self.protocol
            and port in port_set(self.ports)
            and _within(source, self.source)
            and _within(target, self.target)
        )

    @property
    def text(self) -> str:
        """As nftables writes it."""
        match = [
            *(
                _address(end, value)
                for end, value in (("saddr", self.source), ("daddr", self.target))
            ),
            f"{self.protocol} dport {{ {port_set(self.ports)} }}",
        ]
        return " ".join((*filter(None, match), "counter", self.action.statement))


@dataclass(frozen=True, slots=True)
class Policy:
    """A stateful firewall: the first rule that matches a new connection decides.

    ICMP passes, as it must for path discovery and IPv6 neighbours.
    """

    rules: tuple[Rule, ...]
    default: Action = Action.ACCEPT
    """For TCP and UDP that no rule matches; not `Action.RESET`."""

    def __post_init__(self) -> None:
        if self.default is Action.RESET:
            raise ValueError("a default is for UDP too, which cannot be reset")

    def action(self, source: str, target: str, protocol: Protocol, port: int) -> Action:
        """What this firewall does to a new connection from address `source` to `target`."""
        for rule in self.rules:
            if rule.matches(source, target, protocol, port):
                return rule.action
        return self.default

    def text(self, hook: Hook) -> str:
        """The nftables table for a router (`forward`) or a host itself (`input`).

        It replaces the policy that was there before.
        """
        rules = "\n".join(rule.text for rule in self.rules)
        return _table(
            "policy",
            f"""chain {hook} {{
                type filter hook {hook} priority filter
                ct state established,related accept
                {rules}
                meta l4proto {{ tcp, udp }} counter {self.default.statement}
            }}""",
        )

    @classmethod
    def random(
        cls,
        random: Random,
        targets: Sequence[str],
        ports: PortSet | str,
        *,
        rules: int = 6,
        protocols: Sequence[Protocol] = ("tcp",),
        actions: Sequence[Action] = tuple(Action),
        default: Action = Action.ACCEPT,
    ) -> Policy:
        """Rules over random runs within `ports`, as administrators write them.

        The same `random` state gives the same policy.
        """
        numbers = list(port_set(ports))

        def rule() -> Rule:
            protocol = random.choice(protocols)
            allowed = [a for a in actions if protocol == "tcp" or a is not Action.RESET]
            first, last = sorted(random.choices(range(len(numbers)), k=2))
            return Rule(
                action=random.choice(allowed),
                protocol=protocol,
                ports=PortSet.of(numbers[first : last + 1]),
                target=random.choice(targets),
            )

        return cls(tuple(rule() for _ in range(rules)), default)


def loss(percent: int, hook: Hook = "forward") -> str:
    """Lose this share of all packets, each direction on its own."""
    return _table(
        "loss",
        f"""chain {hook} {{
            type filter hook {hook} priority -300
            numgen random mod 100 < {percent} counter drop
        }}""",
    )


def reset_limit(per_second: int, burst: int = 5) -> str:
    """For a host: like BSD and Windows, send at most so many TCP resets a second."""
    return _table(
        "resets",
        f"""chain output {{
            type filter hook output priority filter
            tcp flags & rst == rst limit rate over {per_second}/second burst {burst} packets drop
        }}""",
    )


def count(name: str, match: str, hook: Hook = "forward") -> str:
    """Count the packets that `match`, in nftables' words; `Host.counted(name)` reads it."""
    return _table(
        f"count_{name}",
        f"""counter {name} {{ }}
        chain {hook} {{
            type filter hook {hook} priority -400
            {match} counter name {name}
        }}""",
    )


def port_set(ports: PortSet | str | int) -> PortSet:
    """However a test finds it shortest to write: ``22``, ``"22,2500-3300"`` or a PortSet."""
    return ports if isinstance(ports, PortSet) else PortSet.parse(str(ports))


def _table(name: str, body: str) -> str:
    """A table that replaces the one of the same name in one step."""
    table = f"table inet lab_{name}"  # a bare name could be a word of nftables
    return f"{table} {{ }}\ndelete {table}\n{table} {{\n{body}\n}}\n"


def _address(end: str, value: str | None) -> str:
    if value is None:
        return ""
    return f"{'ip' if ip_network(value).version == 4 else 'ip6'} {end} {value}"


def _within(address: str, network: str | None) -> bool:
    return network is None or ip_address(address) in ip_network(network)
