"""Where a port is blocked behind three routers, for random blocks that nobody knows beforehand.

VEEAMCHECK_TRACE_SEEDS=50 tries so many blocks, and `pytest -s` prints what was found of each.
"""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import pytest

from tests.lab import Action, Host, Lab, Policy, Router, Rule
from tests.lab.firewall import Protocol
from tests.oracle import Json

pytestmark = pytest.mark.lab

SEEDS = int(os.environ.get("VEEAMCHECK_TRACE_SEEDS", "8"))
SIDE_BY_SIDE = 8
"""Each trace has a source host of its own: routers limit their ICMP errors by receiver."""
OPEN = 22
LAST = 4
"""The hop that is the target."""


class Chain(NamedTuple):
    """A source network, three routers in a row, and the target behind them."""

    lab: Lab
    routers: Sequence[Router]
    target: Host
    sources: Sequence[Host]


@dataclass(frozen=True)
class Block:
    """One rule of one firewall."""

    number: int
    hop: int
    action: Action
    protocol: Protocol
    arriving: bool
    """Before the router looks at what hops are left; else as it forwards."""
    six: bool
    mute: int
    """A router that tells nobody whose hops are used up; 0: none."""
    compared: bool

    @classmethod
    def random(cls, number: int) -> "Block":
        random = Random(number)
        protocol: Protocol = random.choice(["tcp", "tcp", "udp"])
        actions = [Action.DROP, Action.DROP, Action.PROHIBITED, Action.PORT_UNREACHABLE]
        actions += [Action.RESET, Action.RESET] if protocol == "tcp" else []
        action = random.choice(actions)
        return cls(
            number=number,
            hop=random.randint(1, LAST),
            action=action,
            protocol=protocol,
            arriving=action is Action.DROP and random.random() < 0.5,
            six=random.random() < 0.3,
            mute=random.choice([0, 0, 0, 1, 2, 3]),
            compared=random.random() < 0.9,
        )

    @property
    def port(self) -> int:
        """UDP: 123, where a time server answers."""
        return 6000 + self.number % 3000 if self.protocol == "tcp" else 123

    def source(self, chain: Chain) -> Host:
        return chain.sources[self.number % len(chain.sources)]

    def address(self, host: Host) -> str:
        return host.address6 if self.six else host.address

    def rule(self, chain: Chain) -> Rule:
        return Rule(
            action=self.action,
            protocol=self.protocol,
            ports=self.port,
            source=self.address(self.source(chain)),
        )


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with Lab() as lab:
        networks = [lab.network(f"10.77.{number}.0/24") for number in range(1, 5)]
        routers = [
            lab.router(f"router{number}", *networks[number - 1 : number + 1])
            for number in range(1, LAST)
        ]
        sources = [
            lab.host(f"source{number}", f"10.77.1.{10 + number}", networks[0])
            for number in range(SIDE_BY_SIDE)
        ]
        target = lab.host("repo1", "10.77.4.10", networks[-1])
        target.listen_tcp(f"{OPEN},6000-{min(6000 + SEEDS, 8999)}")
        target.chronyd()
        yield Chain(lab, routers, target, sources)


def load(chain: Chain, blocks: Sequence[Block]) -> None:
    """All these blocks at once, each for its own source."""
    for hop, host in enumerate((*chain.routers, chain.target), 1):
        own = [block for block in blocks if block.hop == hop]
        rules = [block.rule(chain) for block in own if not block.arriving]
        host.nft(Policy(tuple(rules)).text("input" if hop == LAST else "forward"))
        early = [block.rule(chain).text for block in own if block.arriving]
        mute = [
            f"ip{'6' * block.six} daddr {block.address(block.source(chain))} "
            f"icmp{'v6' * block.six} type time-exceeded drop"
            for block in blocks
            if block.mute == hop
        ]
        host.nft(
            "table inet lab_trace { }\ndelete table inet lab_trace\ntable inet lab_trace {\n"
            "chain early { type filter hook prerouting priority -300\n"
            + "\n".join(early)
            + "\n}\nchain mute { type filter hook output priority filter\n"
            + "\n".join(mute)
            + "\n}\n}\n"
        )


def trace(chain: Chain, block: Block) -> Json:
    ran = block.source(chain).veeamcheck(
        "trace", block.address(chain.target), block.port, "-o", "json",
        *(["--udp"] if block.protocol == "udp" else []),
        *(["--compare", str(OPEN)] if block.compared else []),
    )  # fmt: skip
    assert "Traceback" not in ran.stderr
    (found,) = json.loads(ran.stdout)["traces"]
    assert ran.returncode == (3 if found["place"] == "undecided" else 1), ran.stderr
    return found  # type: ignore[no-any-return]


def judge(chain: Chain, block: Block, found: Json) -> str:
    """``right``, ``undecided``, or what the trace claims although it is not so."""
    place, last, following, by = (found[key] for key in ("place", "last", "next", "by"))
    if place == "undecided":
        return "undecided"
    on_the_way = chain.routers[block.hop - 1] if block.hop < LAST else chain.target
    answering = [hop for hop in range(1, LAST + 1) if hop != block.mute]
    # As it forwards, a router has answered before its firewall looks; before that, it has not.
    reached = block.hop if not block.arriving and block.hop < LAST else block.hop - 1
    expected_last = max([hop for hop in answering if hop <= reached], default=0)
    if (last["number"] if last else 0) != expected_last:
        return f"last is not hop {expected_last}"
    match block.action:
        case Action.DROP:
            expected_next = min(hop for hop in answering if hop > reached)
            if place != "swallowed" or following["number"] != expected_next:
                return f"not swallowed before hop {expected_next}"
        case Action.RESET if block.hop < LAST - 1:
            if place != "forged":
                return "not told to be forged"
        case Action.RESET:
            if place != "refused":  # the last router's and the target's look the same
                return "not told to be as far away as the target"
        case _ if block.protocol == "udp" and block.hop == LAST:
            own = block.action is Action.PORT_UNREACHABLE  # what an idle port would say, too
            if place != ("refused" if own else "rejected"):
                return "not told to be the target's"
        case _:
            if place != "rejected" or by["address"] != block.address(on_the_way):
                return "not rejected by the right one"
            if by["number"] not in (0, block.hop):
                return "rejected at another hop"
            if by["number"] == 0 and block.mute != block.hop and block.hop < LAST:
                return "the hop of who rejects could have been told"
    return "right"


def test_the_place_of_random_blocks(chain: Chain) -> None:
    results: dict[int, tuple[str, Block, Json]] = {}
    for first in range(0, SEEDS, SIDE_BY_SIDE):
        blocks = [Block.random(number) for number in range(first, min(first + SIDE_BY_SIDE, SEEDS))]
        load(chain, blocks)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            for block, found in zip(
                blocks, pool.map(lambda block: trace(chain, block), blocks), strict=True
            ):
                results[block.number] = judge(chain, block, found), block, found
    for verdict, block, found in results.values():
        print(f"{verdict}: {block} {found['place']}: {found['reason']}")
    said = [verdict for verdict, _, _ in results.values()]
    print(f"right {said.count('right')}, undecided {said.count('undecided')}, of {len(said)}")
    assert not set(said) - {"right", "undecided"}
    for verdict, block, found in results.values():
        # A router's reject names its sender; all else is only known by comparison.
        if block.compared or (block.hop < LAST and block.action not in (Action.DROP, Action.RESET)):
            assert verdict == "right", (block, found)


INVENTORY = """
[audit]
rule_sets = ["veeam-pve"]
phase = "predeploy"

[hosts.vbr1]
address = "10.77.1.10"
roles = ["backup-server", "log-shipping-server"]
os = "windows"

[hosts.repo1]
address = "10.77.4.10"
roles = ["repository", "proxmox-ve"]
os = "linux"
"""


def test_a_forged_reset_does_not_pass_where_paths_are_traced(chain: Chain) -> None:
    reset = Rule(action=Action.RESET, protocol="tcp", ports=6162)
    reject = Rule(action=Action.PROHIBITED, protocol="tcp", ports=8006)
    chain.routers[0].nft(Policy((reject,)).text("forward"))
    chain.routers[1].nft(Policy((reset,)).text("forward"))
    logs, api = "log-shipping-repository-logs", "backup-server-pve-api"
    chosen = [part for rule in (logs, api, "backup-server-pve-ssh") for part in ("--rule", rule)]
    chosen += ["--checks", "connect"]
    source = chain.sources[0]

    before = {flow["rule"]: flow for flow in source.report(INVENTORY, *chosen)["flows"]}
    report = source.report(INVENTORY, *chosen, "--trace")
    after = {flow["rule"]: flow for flow in report["flows"]}

    assert [flow["traces"] for flow in before.values()] == [[], [], []]
    assert (before[logs]["verdict"], after[logs]["verdict"]) == ("pass", "degraded")
    (forged, *others) = after[logs]["traces"]
    assert (forged["port"], forged["place"], forged["last"]["number"]) == (6162, "forged", 2)
    assert {each["place"] for each in others} == {"refused"}  # the target's own failover ports
    assert "trace of 2500,3300: no router before" in after[logs]["reason"]
    (rejected,) = after[api]["traces"]
    assert rejected["by"] == {"number": 1, "address": "10.77.1.1"}
    assert rejected["reason"] in after[api]["reason"]
    assert after["backup-server-pve-ssh"]["traces"] == []
