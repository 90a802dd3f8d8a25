"""TLS and HTTPS: certificates, and what is answered to a stranger."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.impostors import Says, serve
from tests.probes.conversation import Impatient
from tests.programs import required
from veeamcheck.demo.services import HttpsServer, tls_context
from veeamcheck.model import Signal
from veeamcheck.probes import _tls
from veeamcheck.probes._certificate import facts_of
from veeamcheck.probes.https import judge, parse_head

FACTS: dict[str, str | int | bool | None] = {"protocol": "TLSv1.3"}
DEMO = Path(_tls.__file__).parents[1] / "demo" / "demo.pem"


def der() -> bytes:
    """The demo's certificate."""
    pem = DEMO.read_text()
    return ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE-----") :])


# --- certificates --------------------------------------------------------------------------------


def test_what_a_certificate_says() -> None:
    facts = facts_of(der())
    assert str(facts.pop("fingerprint")).startswith("sha256:")
    assert facts == {
        "subject": "veeamcheck demo",
        "names": "localhost",
        "issuer": "veeamcheck demo",
        "expires": "2126-10-29",
    }


@given(st.binary(max_size=300))
def test_any_bytes_have_a_fingerprint_and_no_error(said: bytes) -> None:
    assert "fingerprint" in facts_of(said)


@given(st.integers(0, len(der()) - 1), st.integers(0, 255))
def test_a_damaged_certificate_is_no_error(at: int, byte: int) -> None:
    damaged = bytearray(der())
    damaged[at] = byte
    facts = facts_of(bytes(damaged))
    assert all(str(value).isprintable() for value in facts.values())


async def test_an_untrusted_certificate_is_shown_and_said_to_be_untrusted(
    asking: Impatient,
) -> None:
    with serve(HttpsServer, tls=tls_context()) as port:
        detail = (await asking.ask("https", port)).detail
    assert detail
    assert (detail["trusted"], detail["untrusted_because"]) == (False, "self-signed certificate")
    assert (detail["issuer"], detail["status"]) == ("veeamcheck demo", 401)
    assert detail["meaning"] == (
        f"HTTP 401 from demo over {detail['protocol']}, "
        "certificate from veeamcheck demo until 2126-10-29"
    )


async def test_a_certificate_of_a_known_authority_is_trusted(
    asking: Impatient, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(cadata=der())
    context.check_hostname = False
    monkeypatch.setattr(_tls, "_trusting_known", lambda: context)
    with serve(HttpsServer, tls=tls_context()) as port:
        detail = (await asking.ask("https", port)).detail
    assert detail
    assert detail["trusted"] is True
    assert "untrusted_because" not in detail
    assert asking.turns == 1


async def test_the_name_is_asked_for(asking: Impatient) -> None:
    """A server with several certificates must know which."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DEMO)
    context.sni_callback = lambda _tls, name, _context: asked.append(name)
    with serve(HttpsServer, tls=context) as port:
        await asking.ask("tls", port, "pve1.example.com.")
        await asking.ask("tls", port)
    assert set(asked) == {"pve1.example.com", None}


@asynccontextmanager
async def openssl(*options: str) -> AsyncIterator[int]:
    """The port of OpenSSL's own server: Python's neither demands certificates nor speaks old TLS
    as servers in the field do.
    """
    with serve(Says) as free:
        port = free
    server = await asyncio.create_subprocess_exec(
        *(required("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-www"),
        *("-cert", str(DEMO), "-key", str(DEMO), *options),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        for _ in range(500):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            await asyncio.sleep(0.02)
        yield port
    finally:
        server.terminate()
        await server.wait()


@pytest.mark.parametrize(
    ("version", "signal", "says"),
    [
        ("-tls1_3", "open", "it demands a certificate of the client"),
        # Before TLS 1.3 the alert does not say what is missing: it is one like any other.
        ("-tls1_2", "invalid", "TLS fails: sslv3 alert handshake failure"),
    ],
)
async def test_a_server_that_demands_a_certificate(
    asking: Impatient, version: str, signal: str, says: str
) -> None:
    async with openssl(version, "-Verify", "1") as port:
        seen = await asking.ask("https", port)
    assert seen.signal == signal
    assert says in str((seen.detail or {})["meaning"])


async def test_an_old_protocol_is_a_fact(asking: Impatient) -> None:
    async with openssl("-tls1", "-cipher", "ALL:@SECLEVEL=0") as port:
        seen = await asking.ask("tls", port)
    assert (seen.detail or {})["protocol"] == "TLSv1"


async def test_endless_records_are_left() -> None:
    """A handshake that goes on for ever is bounded in bytes."""
    endless = Endless(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00")  # hello requests, to be ignored
    session = _tls.Session(endless, _tls._trusting_all(), None)
    with pytest.raises(OSError):
        await session.shake_hands()
    assert endless.given <= 262_144


# --- answers -------------------------------------------------------------------------------------


def answer(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "body")).encode()


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (answer("200 OK", "Server: pve-api-daemon/3.0"), "HTTP 200 from pve-api-daemon/3.0 over"),
        (answer("401 No ticket"), "HTTP 401 over TLSv1.3"),
        (answer("403 Forbidden", "Server: AmazonS3", "Via: 1.1 x (CloudFront)"), "HTTP 403 from"),
        (answer("404 Not Found", "Server: Microsoft-HTTPAPI/2.0"), "HTTP 404 from Microsoft"),
        (answer("500 Oops"), "HTTP 500 over"),
        (b"HTTP/1.1 301\r\n\r\n", "HTTP 301 over"),
        (b"HTTP/1.0 200 OK\nServer: old\n\n", "HTTP 200 from old over"),
        (b"HTTP/1.1 200 OK\r\nServer: cut", "HTTP 200 from cut over"),
        (b"\0\0\x12\x04\0\0\0\0\0", "HTTP/2 over TLSv1.3"),
    ],
)
def test_services_answer_strangers_in_many_ways(said: bytes, meaning: str) -> None:
    seen = judge(said, FACTS)
    assert seen.proven
    assert str((seen.detail or {})["meaning"]).startswith(meaning)


@pytest.mark.parametrize(
    "said",
    [
        answer("407 Proxy Authentication Required"),
        answer("511 Network Authentication Required"),
        answer("403 Forbidden", "Server: squid/5.7"),
        answer("503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 111"),
        answer("200 OK", "Server: Zscaler/6.2"),
        answer("502 Bad Gateway"),
        answer("503 Service Unavailable"),
        answer("504 Gateway Timeout"),
        b"SSH-2.0-x\r\n",
        b"garbage",
    ],
)
def test_what_is_not_the_service(said: bytes) -> None:
    seen = judge(said, FACTS)
    assert (seen.signal, seen.proven) == (Signal.INVALID, False)
    assert (seen.detail or {})["protocol"] == "TLSv1.3"  # what the handshake showed is kept


@given(st.binary(max_size=300))
def test_any_answer_is_judged(said: bytes) -> None:
    for each in (said, b"HTTP/1.1 200 " + said, b"HTTP/1.1 200 OK\r\n" + said):
        head = parse_head(each)
        assert head is None or 100 <= head.status <= 999 or head.status < 100
        detail = judge(each, FACTS).detail
        assert detail
        assert all(str(value).isprintable() for value in detail.values())


@given(st.binary(min_size=1, max_size=200))
def test_bytes_instead_of_a_handshake(said: bytes) -> None:
    """Whatever comes before TLS is set up ends in a word, and no error of ours."""

    async def meet() -> None:
        session = _tls.Session(Once(said), _tls._trusting_all(), None)
        with pytest.raises(OSError):
            await session.shake_hands()

    asyncio.run(meet())


class Once:
    """A stream on which this comes, and then its end."""

    segment = 0

    def __init__(self, said: bytes) -> None:
        self.said = said

    async def read(self, most: int) -> bytes:
        head, self.said = self.said[:most], self.said[most:]
        return head

    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass


class Endless(Once):
    """A stream on which this comes again and again."""

    given = 0

    async def read(self, most: int) -> bytes:
        data = (self.said * (most // len(self.said) + 1))[:most]
        self.given += len(data)
        return data
