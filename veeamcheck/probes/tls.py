"""TLS: a handshake, the protocol, and the certificate that is shown."""

from __future__ import annotations

from functools import partial

from veeamcheck.model import Observation
from veeamcheck.net.interface import Network
from veeamcheck.probes._certificate import Facts
from veeamcheck.probes._talk import ask, recognised
from veeamcheck.probes._tls import Session, ask_over_tls, words_of
from veeamcheck.probes.interface import Turn


async def probe(
    network: Network, address: str, port: int, turn: Turn, *, name: str | None = None
) -> Observation:
    """Who shows which certificate."""
    return await ask_over_tls(partial(ask, network, address, port, turn), name, _tell)


async def _tell(_: Session, facts: Facts) -> Observation:
    return recognised(words_of(facts), **facts)
