"""What an audit must report, from what stands in the lab: firewalls, listeners, addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import groupby
from typing import Any, NamedTuple

from tests import oracle
from tests.lab.firewall import Action, Policy
from tests.oracle import Json, ports_of

CLEAR = {"open", "refused"}


class Answer(NamedTuple):
    """What one port answers, and who rejects it."""

    signal: str
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """What stands between a vantage and its targets."""

    source: Mapping[int, str]
    """The vantage's address, by IP version."""
    forward: Policy
    """At the router, which is `router` seen from the vantage."""
    router: Mapping[int, str]
    inputs: Mapping[str, Policy]
    """By target address."""
    listening: Mapping[str, Collection[int]]
    """By target address."""

    def answer(self, address: str, port: int) -> Answer:
        """What a TCP connection to this port gives."""
        version = ip_address(address).version
        for policy, by in (
            (self.forward, self.router[version]),
            (self.inputs[address], address),
        ):
            match policy.action(self.source[version], address, "tcp", port):
                case Action.ACCEPT:
                    continue
                case Action.DROP:
                    return Answer("silent")
                case Action.RESET:
                    return Answer("refused")
                case Action.HOST_UNREACHABLE:
                    return Answer("unreachable", by)
                case Action.PROHIBITED | Action.PORT_UNREACHABLE:
                    return Answer("rejected", by)
        return Answer("open" if port in self.listening[address] else "refused")

    def answers(self, address: str, ports: str) -> dict[int, Answer]:
        return {port: self.answer(address, port) for port in ports_of(ports)}

    def judged(self, report: Json, *, icmp_limited: bool = False) -> dict[str, oracle.Judged]:
        """Each flow's verdict, were its evidence the truth.

        `icmp_limited`: an ICMP error that was held back cannot count.
        """
        known = [
            {**flow, "evidence": list(self._rows(flow, icmp_limited))} for flow in report["flows"]
        ]
        whole = {**report, "flows": known}
        return {flow["id"]: oracle.judge(flow, whole) for flow in known}

    def _rows(self, flow: Json, icmp_limited: bool) -> Iterator[Json]:
        for address in flow["address"]:
            seen = shown(flow, address)
            for ports in filter(None, (flow["ports"], flow["failover_ports"])):
                for port, answer in self.answers(address, ports).items():
                    held_back = icmp_limited and answer.by and seen.get(port) == Answer("silent")
                    yield {
                        "address": address, "name": None, "ports": str(port),
                        "signal": "silent" if held_back else answer.signal,
                        "attributed": True, "proven": False,
                    }  # fmt: skip


def shown(flow: Json, address: str) -> dict[int, Answer]:
    """What a report says of each port of one address of a flow."""
    return {
        port: Answer(row["signal"], row["by"])
        for row in flow["evidence"]
        if row["address"] == address
        for port in ports_of(row["ports"])
    }


def runs(ports: Iterable[int], kind: Mapping[int, Any]) -> list[tuple[Any, int, int]]:
    """Neighbouring ports of the same kind, as (kind, first, last)."""
    grouped = []
    for key, members in groupby(sorted(ports), key=kind.__getitem__):
        own = list(members)
        grouped.append((key, own[0], own[-1]))
    return grouped


def clear_runs(answers: Mapping[int, Answer]) -> list[tuple[bool, int, int]]:
    return runs(answers, {port: answer.signal in CLEAR for port, answer in answers.items()})


def smallest_run(answers: Mapping[int, Answer]) -> float:
    """The share of the ports that the shortest run of one answer has."""
    lengths = [last - first + 1 for _, first, last in runs(answers, answers)]
    return min(lengths) / len(answers)


def wrong_signals(
    flow: Json, truth: Truth, *, full: bool, icmp_limited: bool = False
) -> Sequence[str]:
    """Ports of the flow that are told other than they are, up to what the contract allows."""
    found = []
    for address in flow["address"]:
        seen = shown(flow, address)
        real = {port: truth.answer(address, port) for port in seen}
        if full:
            for port, answer in real.items():
                allowed = {answer}
                if icmp_limited and answer.by:
                    allowed.add(Answer("silent"))
                if seen[port] not in allowed:
                    found.append(f"{flow['id']} {address} {port}: {seen[port]}, not {answer}")
        for ports in filter(None, (flow["ports"], flow["failover_ports"])):
            of_range = {port: real[port] for port in ports_of(ports) if port in real}
            told = {port: seen[port] for port in of_range}
            if len(of_range) < 80 or not of_range or smallest_run(of_range) < 0.05:
                continue  # a sample may miss so little
            if clear_runs(told) != clear_runs(of_range):
                found.append(
                    f"{flow['id']} {address}: {clear_runs(told)}, not {clear_runs(of_range)}"
                )
    return found
