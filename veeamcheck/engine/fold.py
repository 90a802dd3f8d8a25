"""Folds what was seen of many ports into evidence rows. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from veeamcheck.engine.ranges import fill, widest_gap
from veeamcheck.model import Evidence, Observation, Signal
from veeamcheck.ports import PortSet


def fold(
    ports: PortSet,
    seen: Mapping[int, Observation],
    *,
    address: str,
    local_address: str | None,
    name: str | None = None,
    means: str = "sockets",
    searched: Collection[PortSet] = (),
) -> tuple[Evidence, ...]:
    """One row for all ports of `ports` that showed the same, by lowest port.

    A port that was not contacted gets no row, unless its range was searched through by sampling.
    """
    own = {port: seen[port] for port in ports if port in seen}
    contacted = own.keys()
    if ports in searched and own:
        own = fill(ports, own)
    alike: dict[tuple[object, ...], list[int]] = {}
    for port, each in own.items():
        detail = tuple(sorted(each.detail.items())) if each.detail else ()
        key = (each.signal, each.attributed, each.by, each.proven, detail)
        alike.setdefault(key, []).append(port)
    rows = []
    for members in alike.values():
        row_ports = PortSet.of(members)
        first = own[members[0]]
        probed = [port for port in members if port in contacted]
        times = [rtt for port in probed if (rtt := seen[port].rtt) is not None]
        rows.append(
            Evidence(
                address=address,
                local_address=local_address,
                ports=row_ports,
                signal=first.signal,
                attributed=first.attributed,
                probed=len(probed),
                gap=0 if len(probed) == len(members) else _gap(row_ports, contacted),
                rtt_ms=round(min(times) * 1000, 3) if times else None,
                by=first.by,
                detail=first.detail,
                name=name,
                means=means,
                proven=first.proven,
            )
        )
    return tuple(sorted(rows, key=lambda row: row.ports.runs))


def unresolved(name: str, ports: PortSet, why: str) -> Evidence:
    """The row of a name that has no address: nothing was contacted."""
    return Evidence(
        address=name,
        local_address=None,
        ports=ports,
        signal=Signal.UNRESOLVED,
        attributed=False,
        probed=0,
        rtt_ms=None,
        by=None,
        detail={"meaning": why},
        name=name,
    )


def _gap(ports: PortSet, contacted: Collection[int]) -> int:
    return max(widest_gap(PortSet((run,)), contacted) for run in ports.runs)
