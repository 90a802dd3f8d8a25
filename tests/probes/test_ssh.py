"""SSH: what a server's first words say."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.impostors import Says, serve
from tests.probes.conversation import Impatient
from veeamcheck.demo.services import key_exchange
from veeamcheck.model import Signal
from veeamcheck.probes.ssh import judge, kinds_of, parse_greeting, parse_host_keys

NO_KEYS = struct.pack(">IBB", 12, 0, 20) + bytes(10)
"""A first packet that lists nothing."""


@pytest.mark.parametrize(
    ("said", "version", "rest"),
    [
        (b"SSH-2.0-x\r\n", b"SSH-2.0-x", b""),
        (b"SSH-2.0-x\nmore", b"SSH-2.0-x", b"more"),
        (b"welcome\r\nto us\r\nSSH-2.0-x\r\n\0\n\1", b"SSH-2.0-x", b"\0\n\1"),
        (b"SSH-2.0-x", None, b"SSH-2.0-x"),
        (b"line\n" * 40 + b"SSH-2.0-x\n", None, b"line\n" * 40 + b"SSH-2.0-x\n"),
        (b"", None, b""),
    ],
)
def test_the_version_line(said: bytes, version: bytes | None, rest: bytes) -> None:
    assert parse_greeting(said) == (version, rest)


def test_the_host_keys_of_the_first_packet() -> None:
    packet = key_exchange()
    assert parse_host_keys(packet) == ["ssh-ed25519", "rsa-sha2-512"]
    assert parse_host_keys(packet + b"more") == ["ssh-ed25519", "rsa-sha2-512"]
    assert all(parse_host_keys(packet[:size]) is None for size in range(len(packet)))


@pytest.mark.parametrize(
    ("algorithms", "kinds"),
    [
        (["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "ssh-ed25519"], "rsa, ed25519"),
        (["ecdsa-sha2-nistp256", "sk-ecdsa-sha2-nistp256@openssh.com"], "ecdsa"),
        (["ssh-dss", "unheard-of"], "dsa"),
        ([], ""),
    ],
)
def test_kinds_of_keys(algorithms: list[str], kinds: str) -> None:
    assert kinds_of(algorithms) == kinds


@pytest.mark.parametrize(
    ("said", "signal", "meaning"),
    [
        (b"SSH-2.0-a\r\n" + key_exchange(), "open", "SSH-2.0-a, host keys ed25519, rsa"),
        (b"SSH-1.99-a b\r\n" + NO_KEYS, "open", "SSH-1.99-a b"),
        (b"SSH-2.0-\x1b[2J\r\n" + NO_KEYS, "open", "SSH-2.0- [2J"),
        (
            b"SSH-2.0-a\r\n",
            "invalid",
            "says SSH-2.0-a and does not answer: what it is sent is lost",
        ),
        (b"SSH-1.5-old\r\n", "invalid", "an SSH server without version 2 (SSH-1.5-old)"),
        (
            b"Exceeded MaxStartups\r\n",
            "open",
            "OpenSSH, which turns callers away for now: “Exceeded MaxStartups”",
        ),
        (
            b"Not allowed at this time\r\n",
            "open",
            "OpenSSH, which turns callers away for now: “Not allowed at this time”",
        ),
        (b"220 mail\r\n", "invalid", "a mail or FTP server (220 mail)"),
    ],
)
def test_what_the_first_words_show(said: bytes, signal: str, meaning: str) -> None:
    seen = judge(said)
    assert (seen.signal, (seen.detail or {})["meaning"]) == (signal, meaning)
    assert seen.proven is (signal == "open")


@given(st.binary(max_size=400))
def test_any_bytes_are_judged(said: bytes) -> None:
    for each in (said, b"SSH-2.0-x\r\n" + said):
        assert judge(each).signal in (Signal.OPEN, Signal.INVALID)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.sampled_from([20, 1]),
    st.binary(max_size=200),
)
def test_a_packet_may_lie_about_its_size(
    length: int, padding: int, message: int, rest: bytes
) -> None:
    packet = struct.pack(">IBB", length, padding, message) + rest
    assert parse_host_keys(packet) is None or isinstance(parse_host_keys(packet), list)


async def test_a_server_that_speaks_late_and_in_pieces(asking: Impatient) -> None:
    """It waits for our version, and its packet comes after that."""
    with serve(lambda: Says(answer=b"SSH-2.0-late\r\n" + key_exchange(), hold=True)) as port:
        seen = await asking.ask("ssh", port)
    assert seen.detail == {
        "meaning": "SSH-2.0-late, host keys ed25519, rsa",
        "banner": "SSH-2.0-late",
        "host_keys": "ed25519, rsa",
    }
