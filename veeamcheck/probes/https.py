"""HTTPS: TLS, then one GET of ``/`` without credentials, of whose answer the head is read.

GET and not HEAD, for the Proxmox VE API does not know HEAD. Which status a service gives to
strangers does not matter (the APIs of Proxmox VE and ESXi, the update repository and the product's
services all differ); that it is HTTP over TLS does, and that no proxy answers in its place.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from email.parser import BytesHeaderParser
from functools import partial
from typing import NamedTuple

from veeamcheck import __version__
from veeamcheck.model import Observation
from veeamcheck.net.interface import Network
from veeamcheck.probes._certificate import Facts
from veeamcheck.probes._strangers import name_of
from veeamcheck.probes._talk import HungUpError, ask, invalid, recognised, shown
from veeamcheck.probes._tls import Session, ask_over_tls, is_demand_for_certificate, words_of
from veeamcheck.probes.interface import Turn

_MOST = 16_384
"""Bytes of an answer's head."""
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})(?: ([^\r\n]*))?\r?\n")
_HTTP2 = re.compile(rb"\x00..[\x04\x07]", re.DOTALL)
"""A first frame of HTTP/2 (SETTINGS or GOAWAY): a server that speaks nothing older."""

_PROXY_STATUS = {407: "wants a login of its own", 511: "wants a network login"}
_NO_BACKEND = (502, 503, 504)
"""What a server in front says when the one behind does not answer it."""
_PROXIES = {
    "server": ("squid", "zscaler", "bluecoat", "fortigate", "ironport", "mcafee web gateway"),
    "proxy-agent": ("",),
    "proxy-authenticate": ("",),
    "x-squid-error": ("",),
    "x-bluecoat-via": ("",),
}
"""Header -> what in it only a filtering proxy says; empty: that it is there at all.

``Via`` is no sign: the network that delivers the vendor's updates sends it, too.
"""


class Head(NamedTuple):
    """The head of an HTTP answer."""

    status: int
    words: str
    headers: Mapping[str, str]
    """By name in lower case; of several, the first."""


def parse_head(said: bytes) -> Head | None:
    """The head, or as much of it as there is; None if this is no HTTP answer."""
    first = _STATUS.match(said)
    if first is None:
        return None
    block = said[first.end() :].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    headers: dict[str, str] = {}
    for name, value in BytesHeaderParser().parsebytes(block).items():
        headers.setdefault(name.lower(), shown(str(value)))
    return Head(int(first[1]), shown(first[2] or b""), headers)


def judge(said: bytes, facts: Facts) -> Observation:
    """What the answer shows, beside what the handshake did."""
    head = parse_head(said)
    if head is None:
        if _HTTP2.match(said):
            return recognised(f"HTTP/2 over {words_of(facts)}", **facts)
        return _wrong(f"TLS, but no HTTP: {name_of(said)} answers", facts)
    status = f"{head.status} {head.words}".strip()
    told = {"status": head.status, "server": head.headers.get("server"), **facts}
    if proxy := _proxy(head):
        return _wrong(f"a proxy answers in its place ({proxy}; HTTP {status})", told)
    if head.status in _NO_BACKEND:
        return _wrong(f"HTTP {status}: what answers does not reach the service behind it", told)
    by = f" from {told['server']}" if told["server"] else ""
    return recognised(f"HTTP {head.status}{by} over {words_of(facts)}", **told)


def _proxy(head: Head) -> str:
    """The sign that a proxy and not the service answers; empty if there is none."""
    if head.status in _PROXY_STATUS:
        return _PROXY_STATUS[head.status]
    for name, signs in _PROXIES.items():
        value = head.headers.get(name)
        if value is not None and any(sign in value.lower() for sign in signs):
            return shown(f"{name}: {value}")
    return ""


def _wrong(meaning: str, facts: Facts) -> Observation:
    return invalid(meaning, cause="answer", **facts)


async def probe(
    network: Network, address: str, port: int, turn: Turn, *, name: str | None = None
) -> Observation:
    """Who shows which certificate, and what is answered to a stranger."""
    host = name or (f"[{address.partition('%')[0]}]" if ":" in address else address)
    return await ask_over_tls(
        partial(ask, network, address, port, turn), name, partial(_get, f"{host}:{port}")
    )


async def _get(host: str, session: Session, facts: Facts) -> Observation:
    request = (
        f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: veeamcheck/{__version__}\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    )
    said = b""
    try:
        await session.write(request.encode())
        while len(said) < _MOST and b"\n\r\n" not in said and not _HTTP2.match(said):
            more = await session.read(_MOST - len(said))
            if not more:
                break
            said += more
    except ssl.SSLError as error:
        if is_demand_for_certificate(error):
            return recognised(f"{words_of(facts)}; it demands a certificate of the client", **facts)
    except ConnectionError:
        pass  # what was said until then counts
    if not said:
        raise HungUpError
    return judge(said, facts)
