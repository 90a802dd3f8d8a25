"""Every service beside every impostor, on real connections: only the service itself is `open`."""

import pytest

from tests.impostors import SERVICES
from tests.probes.conversation import Impatient
from veeamcheck.model import Signal
from veeamcheck.probes import services
from veeamcheck.probes.interface import UNHEARD

ITSELF = {
    "ssh": {"ssh"},
    "tls": {"tls", "https", "block-page", "gateway", "http2", "noise"},
    "https": {"https", "http2"},
    "smb": {"smb", "smb1"},
    "rpc": {"rpc"},
    "smb-rpc": {"smb", "smb1", "rpc"},
}
"""What may stand on a port and be the service."""


def test_every_service_over_tcp_is_told_from_impostors() -> None:
    assert set(services()) == {*ITSELF, "ntp"}


@pytest.mark.parametrize("stands_there", SERVICES)
@pytest.mark.parametrize("service", ITSELF)
async def test_nothing_but_the_service_is_open(
    asking: Impatient, service: str, stands_there: str
) -> None:
    seen = await asking.meet(service, stands_there)

    right = stands_there in ITSELF[service]
    assert seen.proven is right
    assert seen.signal is (Signal.OPEN if right else Signal.INVALID)
    assert seen.detail
    assert str(seen.detail["meaning"]).isprintable()


@pytest.mark.parametrize(
    ("service", "stands_there", "says"),
    [
        ("https", "ssh", "an SSH server (SSH-2.0-Demo_1.0)"),
        ("https", "http", "an HTTP server (400 Bad Request, x)"),
        ("https", "ftp", "a mail or FTP server (220 ready)"),
        ("https", "mute", "accepts the connection and then stays silent"),
        ("https", "hang-up", "accepts the connection and hangs up without a word"),
        ("https", "reset", "accepts the connection and then resets it"),
        ("https", "block-page", "a proxy answers in its place (server: squid/5.7; HTTP 403"),
        ("https", "gateway", "HTTP 502 Bad Gateway: what answers does not reach the service"),
        ("https", "noise", "TLS, but no HTTP: something unknown answers"),
        ("ssh", "http", "an HTTP server (400 Bad Request, x)"),
        ("ssh", "smb", "an SMB server"),
        ("ssh", "echo", "sends back whatever it is sent"),
        ("smb", "rpc", "an RPC server"),
        ("smb", "echo", "sends back whatever it is sent"),
        ("rpc", "smb", "an SMB server"),
    ],
)
async def test_what_is_there_instead_is_named(
    asking: Impatient, service: str, stands_there: str, says: str
) -> None:
    detail = (await asking.meet(service, stands_there)).detail
    assert detail
    assert str(detail["meaning"]).startswith(says)


@pytest.mark.parametrize("stands_there", ["mute", "hang-up", "reset"])
async def test_it_is_tried_again_before_it_counts(asking: Impatient, stands_there: str) -> None:
    seen = await asking.meet("ssh", stands_there)
    assert asking.turns == (2 if stands_there == "mute" else 3)
    assert (seen.detail or {})["cause"] in UNHEARD


async def test_what_answers_is_asked_once(asking: Impatient) -> None:
    await asking.meet("ssh", "ssh")
    assert asking.turns == 1
