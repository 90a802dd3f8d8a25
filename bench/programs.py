"""The programs that are compared, and what each told about ports."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from xml.etree import ElementTree

from tests.lab import Host, LabError
from tests.lab.anchor import STATE
from tests.lab.topology import CHECKOUT
from veeamcheck.ports import PortSet

Port = tuple[str, int]
"""Address and port."""

_TIMED = Path(__file__).with_name("timed.py")
_CLEAR = {"open", "refused", "closed"}
"""Words of either program for: a packet gets through, and its answer back."""
_COMPILED = tempfile.TemporaryDirectory(prefix="veeamcheck-bench-")
"""Where Python keeps compiled modules, as an installation has them beside the source."""
_LIMIT = 1800
"""Seconds that a run may take."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program."""

    seconds: float
    peak_kib: int
    told: Mapping[Port, bool]
    """Whether the port is clear, of every port that was told of."""
    contacted: int
    """Ports contacted; of nmap: told of."""
    report: dict[str, Any] = field(default_factory=dict)
    """Of veeamcheck."""

    def wrong(self, truth: Mapping[Port, bool]) -> int:
        """Ports told other than they are, or not at all."""
        return sum(self.told.get(port) is not clear for port, clear in truth.items())


def veeamcheck(
    host: Host, inventory: str, *options: str, program: Iterable[str] = ("-m", "veeamcheck")
) -> Run:
    """`veeamcheck run -o json` on a host; `program`: what Python is to run as veeamcheck."""
    name = f"inventory{next(host.lab.numbers)}.toml"
    (host.lab.anchor.state / name).write_text(inventory, encoding="utf-8")
    arguments = ["run", "-i", f"{STATE}/{name}", "-o", "json", *options]
    ran = _timed(host, [sys.executable, *program, *arguments])
    report = json.loads(ran["output"])
    told = {}
    contacted = 0
    for flow in report["flows"]:
        contacted += flow["contacted"] or 0
        for row in flow["evidence"]:
            clear = row["signal"] in _CLEAR
            told.update(dict.fromkeys(_ports(row["address"], row["ports"]), clear))
    return Run(ran["seconds"], ran["peak_kib"], told, contacted, report)


def nmap(host: Host, targets: Iterable[str], ports: str, *options: str) -> Run:
    """`nmap -sT -Pn -n` on a host."""
    arguments = ["nmap", "-sT", "-Pn", "-n", *options, "-p", ports, "-oX", "-", *targets]
    ran = _timed(host, arguments)
    told = {}
    for target in ElementTree.fromstring(ran["output"]).iter("host"):
        address = target.find("address")
        assert address is not None
        where = address.attrib["addr"]
        for alike in target.iter("extraports"):
            clear = alike.attrib["state"] in _CLEAR
            for reason in alike.iter("extrareasons"):
                told.update(dict.fromkeys(_ports(where, reason.attrib["ports"]), clear))
        for port in target.iter("port"):
            state = port.find("state")
            assert state is not None
            told[where, int(port.attrib["portid"])] = state.attrib["state"] in _CLEAR
    return Run(ran["seconds"], ran["peak_kib"], told, len(told))


def alternate(times: int, *programs: Callable[[], Run]) -> list[list[Run]]:
    """Run the programs in turn, so that what else the machine does meets all of them."""
    runs: list[list[Run]] = [[] for _ in programs]
    for _ in range(times):
        for own, program in zip(runs, programs, strict=True):
            own.append(program())
    return runs


def typical(runs: Iterable[Run]) -> float:
    """Seconds that a run takes."""
    return median(run.seconds for run in runs)


def _timed(host: Host, argv: list[str]) -> dict[str, Any]:
    path = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
    environment = {
        "PYTHONPATH": path,
        "PYTHONPYCACHEPREFIX": _COMPILED.name,
        "PYTHONDONTWRITEBYTECODE": "",
    }
    ran = host.run([sys.executable, str(_TIMED), *argv], env=environment, timeout=_LIMIT)
    result: dict[str, Any] = json.loads(ran.stdout)
    if not result["output"]:
        raise LabError(f"{argv} on {host.name}: {result['status']}\n{result['errors']}")
    return result


def _ports(address: str, ports: str) -> list[Port]:
    return [(address, port) for port in PortSet.parse(ports)]
