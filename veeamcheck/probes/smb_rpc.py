"""SMB on 445 and the RPC endpoint mapper on 135, which the vendor documents as one.

Where a site uses other ports for them, either counts: the port no longer says which.
"""

from __future__ import annotations

from veeamcheck.model import Observation
from veeamcheck.net.interface import Network
from veeamcheck.probes import rpc, smb
from veeamcheck.probes.interface import Turn

_PROBES = {445: (smb.probe,), 135: (rpc.probe,)}


async def probe(
    network: Network, address: str, port: int, turn: Turn, *, name: str | None = None
) -> Observation:
    """What the service of this port shows."""
    first, *others = _PROBES.get(port, (smb.probe, rpc.probe))
    seen = await first(network, address, port, turn, name=name)
    for other in others:
        if not seen.proven:
            seen = await other(network, address, port, turn, name=name)
    return seen
