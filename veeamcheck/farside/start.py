"""Opening what is to be opened, as far as it is free and no job would starve for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from veeamcheck.engine.pace import descriptor_limit
from veeamcheck.farside.binding import Bound, Left, bind, is_held
from veeamcheck.farside.door import AT_ONCE
from veeamcheck.farside.opening import Opening
from veeamcheck.model import Transport
from veeamcheck.ports import PortSet

_SPARE = 64
"""Descriptors for everything else that a process has open."""


class Started(NamedTuple):
    """The ports that are ours, and those that are left alone."""

    bound: tuple[Bound, ...]
    left: tuple[Left, ...]
    product_at: PortSet
    """Where the product already listens, so that its data ports are left alone."""


def start(opening: Opening, *, force: bool) -> Started:
    """Bind every port of the opening that is free.

    Where a service of the product listens already, its data ports stay free for its jobs, unless
    `force`.
    """
    held = PortSet.of(
        port
        for port in opening.product
        if any(is_held(address, port) for address in opening.addresses)
    )
    wanted = opening
    product_at = PortSet()
    if held and opening.data and not force:
        product_at = held
        wanted = opening.without(opening.data)
    sockets = len(opening.addresses) * sum(map(len, wanted.ports.values()))
    descriptor_limit(sockets + AT_ONCE + _SPARE)
    results = [
        bind(address, port, transport)
        for address in wanted.addresses
        for transport, ports in wanted.ports.items()
        for port in ports
    ]
    return Started(
        tuple(each for each in results if isinstance(each, Bound)),
        (*(each for each in results if isinstance(each, Left)), *_spared(opening, wanted)),
        product_at,
    )


def _spared(opening: Opening, wanted: Opening) -> Sequence[Left]:
    spared = opening.ports[Transport.TCP] - wanted.ports[Transport.TCP]
    reason = "left to the jobs of the product, which is installed here"
    return [
        Left(address, port, Transport.TCP, reason)
        for address in opening.addresses
        for port in spared
    ]
