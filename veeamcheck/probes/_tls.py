"""TLS over a `Stream`, whoever carries it: a handshake and the certificate that is shown.

Two connections at most: one as this machine's store of authorities has it, and where the server
is not trusted, one that takes everything, only to see what is there.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache, partial
from typing import TypeVar

from veeamcheck.model import Observation
from veeamcheck.net.interface import Stream
from veeamcheck.probes._certificate import Facts, facts_of
from veeamcheck.probes._strangers import stranger
from veeamcheck.probes._talk import HungUpError, Talk, invalid, recognised, shown

_MOST = 262_144
"""Bytes from the far end; a long chain of certificates has 20,000."""
_AT_ONCE = 16_384
_RECORDS = (0x15, 0x16)
"""An alert, a handshake: what TLS can begin with."""
_WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE")
"""Alerts of a server that demands one from the client."""

_LEGACY_SERVERS = getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 4)  # named since Python 3.12

T = TypeVar("T")


class Session:
    """A TLS connection; its methods raise OSError (ssl.SSLError is one)."""

    def __init__(self, stream: Stream, context: ssl.SSLContext, name: str | None) -> None:
        self._stream = stream
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname=_host(name))
        self._left = _MOST
        self.first = b""
        """What the far end said first."""

    async def shake_hands(self) -> None:
        await self._do(self._tls.do_handshake)

    async def write(self, data: bytes) -> None:
        await self._do(lambda: self._tls.write(data))

    async def read(self, most: int) -> bytes:
        """What has come; empty at its end."""
        return await self._do(lambda: self._tls.read(most))

    @property
    def facts(self) -> Facts:
        """The protocol, and who shows which certificate."""
        certificate = self._tls.getpeercert(binary_form=True)
        return {"protocol": self._tls.version(), **(facts_of(certificate) if certificate else {})}

    async def _do(self, step: Callable[[], T]) -> T:
        """A step of the library, with what it needs from the far end."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._send()
                await self._receive()
            finally:
                self._send()

    def _send(self) -> None:
        if data := self._to_send.read():
            self._stream.write(data)

    async def _receive(self) -> None:
        if not self._left:
            raise ConnectionAbortedError("more than anybody says")
        data = await self._stream.read(min(_AT_ONCE, self._left))
        self._left -= len(data)
        self.first = self.first or data
        if data:
            self._received.write(data)
        elif self.first:
            self._received.write_eof()
        else:
            raise HungUpError


Then = Callable[[Session, Facts], Awaitable[Observation]]
"""What to ask over TLS; as a `Talk` but for the time, which is limited outside."""


async def ask_over_tls(
    converse: Callable[[Talk], Awaitable[Observation]], name: str | None, then: Then
) -> Observation:
    """What an open port shows over TLS; `converse` is `ask` for that port."""

    async def talk(stream: Stream, seconds: float, untrusted: str | None = None) -> Observation:
        session = Session(stream, _trusting_all() if untrusted else _trusting_known(), name)
        async with asyncio.timeout(seconds):
            try:
                await session.shake_hands()
            except ssl.SSLError as error:
                if session.first and session.first[0] not in _RECORDS:
                    return stranger(session.first)
                if untrusted is None:
                    raise _UntrustedError(_why(error)) from None
                if is_demand_for_certificate(error):
                    words = "TLS, which demands a certificate of the client"
                    return recognised(words, protocol="TLS")
                return invalid(f"TLS fails: {_why(error)}", cause="alert")
            facts = session.facts | {"trusted": not untrusted, "untrusted_because": untrusted}
            return await then(session, facts)

    try:
        return await converse(talk)
    except _UntrustedError as error:
        return await converse(partial(talk, untrusted=str(error)))


def is_demand_for_certificate(error: ssl.SSLError) -> bool:
    """Whether the server has ended it because the client shows no certificate."""
    return any(word in (error.reason or "") for word in _WANTS_CERTIFICATE)


def words_of(facts: Facts) -> str:
    """The facts in short: ``TLSv1.3, certificate from A until 2027-01-31``."""
    known = "issuer" in facts
    certificate = f", certificate from {facts['issuer']} until {facts['expires']}" if known else ""
    return f"{facts['protocol']}{certificate}"


class _UntrustedError(Exception):
    """This machine does not trust the server, or cannot speak with it; the text says why."""


def _host(name: str | None) -> str | None:
    """The name as TLS carries it; None where it cannot."""
    try:
        return (name or "").rstrip(".").encode("idna").decode() or None
    except UnicodeError:
        return None


def _why(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return shown(error.verify_message)
    return shown((error.reason or "the connection ended").replace("_", " ").lower())


@cache
def _trusting_known() -> ssl.SSLContext:
    """This machine's store decides. The name is not compared: people connect by address, too."""
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


@cache
def _trusting_all() -> ssl.SSLContext:
    """Takes whatever there is, also what is too old or weak to be used: only to see it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= _LEGACY_SERVERS
    with suppress(ssl.SSLError):  # LibreSSL has no levels
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
