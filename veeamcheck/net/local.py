"""Which addresses are this machine's own."""

from __future__ import annotations

import socket

from veeamcheck.model import Inventory
from veeamcheck.net.names import is_literal
from veeamcheck.net.sockets import family_of, socket_address


def own_hosts(inventory: Inventory) -> list[str]:
    """Names of the inventory's hosts that own one of this machine's addresses, in its order.

    Literal addresses are asked first; names are resolved only where no literal is ours, because
    a resolver may take its time.
    """
    literal = [
        host.name
        for host in inventory.hosts.values()
        if any(is_own(address) for address in host.address if is_literal(address))
    ]
    if literal:
        return literal
    here = {socket.gethostname().lower(), socket.getfqdn().lower()}
    here |= {name.partition(".")[0] for name in here}
    return [
        host.name
        for host in inventory.hosts.values()
        if any(address.lower() in here for address in host.address)
    ]


def is_own(address: str) -> bool:
    """Whether this machine has this IP address: a socket can be bound to it. Sends nothing."""
    try:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
            sock.bind(socket_address(address, 0))
    except OSError:
        return False
    return True
