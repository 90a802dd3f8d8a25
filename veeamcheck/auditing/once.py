"""A one-off check of some ports of one host, without an inventory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random

from veeamcheck.auditing.services import Expected, Services
from veeamcheck.engine.dispatch import Dispatcher
from veeamcheck.engine.fold import fold, unresolved
from veeamcheck.engine.pace import PACES
from veeamcheck.engine.sweep import Sweep
from veeamcheck.farside.recognise import Recogniser
from veeamcheck.model import Evidence, Observation
from veeamcheck.net.interface import Network, UnresolvedError
from veeamcheck.net.names import is_literal
from veeamcheck.ports import PortSet
from veeamcheck.probes import find_probe

_CONVERSATIONS = 64
"""Open ports of one address that are asked at once what answers there."""


async def probe_ports(
    address: str,
    ports: PortSet,
    *,
    transport: str = "tcp",
    service: str = "tcp",
    pace: str = "normal",
    progress: Callable[[int], None] | None = None,
    network: Network | None = None,
    key: bytes | None = None,
) -> list[Evidence]:
    """Contact each of these ports at every address of a host, and fold what they showed.

    An open TCP port is asked whether it is `service`, unless that is ``tcp``: any that accepts.
    `progress` is called with the number of attempts made so far. A name that has no address
    gives one row, `unresolved`. With `key`, our listener is recognised on TCP ports.
    """
    if network is None:
        from veeamcheck.net.system import SystemNetwork

        network = SystemNetwork()
    try:
        try:
            addresses = await network.resolve(address)
        except UnresolvedError as error:
            return [unresolved(address, ports, str(error))]
        count = 0

        def on_contact() -> None:
            nonlocal count
            count += 1
            if progress:
                progress(count)

        name = None if is_literal(address) else address
        dispatcher = Dispatcher(network.connect, PACES[pace], on_contact=on_contact)
        found = await asyncio.gather(
            *(
                _probe_datagrams(network, dispatcher, each, ports, service)
                if transport == "udp"
                else _probe_streams(
                    network, dispatcher, each, ports, Expected(service, name), key=key
                )
                for each in addresses
            )
        )
        return [
            row
            for each, seen in zip(addresses, found, strict=True)
            for row in fold(
                ports,
                seen,
                address=each,
                local_address=network.local_address(each),
                name=name,
                means=network.means,
            )
        ]
    finally:
        network.close()


async def _probe_streams(
    network: Network,
    dispatcher: Dispatcher,
    address: str,
    ports: PortSet,
    expected: Expected,
    *,
    key: bytes | None,
) -> Mapping[int, Observation]:
    def turn() -> Awaitable[None]:
        return dispatcher.turn(address)

    free = asyncio.Semaphore(_CONVERSATIONS)
    recogniser = Recogniser(network, address, key, turn, free) if key else None
    sweep = Sweep(
        dispatcher,
        address,
        random=Random(),
        least_timeout=network.least_timeout,
        attributes=network.attributes,
        examine=recogniser.examine if recogniser else None,
    )
    await sweep.settle(ports)
    services = Services(network, address, turn, free)
    await services.ask([(expected, ports)], sweep.seen)
    return services.overlaid(sweep.seen, expected)


async def _probe_datagrams(
    network: Network, dispatcher: Dispatcher, address: str, ports: PortSet, service: str
) -> Mapping[int, Observation]:
    probe = find_probe(service)
    if probe is None:
        raise ValueError(f"there is no probe for the UDP service {service!r}")
    observations = await asyncio.gather(
        *(probe(network, address, port, lambda: dispatcher.turn(address)) for port in ports)
    )
    return dict(zip(ports, observations, strict=True))
