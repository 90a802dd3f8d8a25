"""SMB and RPC: what is asked, and what their answers show."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.impostors import Says, bind_ack, serve, smb1, smb2
from tests.probes.conversation import Impatient
from veeamcheck.model import Signal
from veeamcheck.probes import rpc, smb


@pytest.mark.parametrize("request_", [smb.negotiate(), smb.negotiate_smb1()])
def test_a_message_says_how_long_it_is(request_: bytes) -> None:
    assert struct.unpack(">I", request_[:4]) == (len(request_) - 4,)


def test_the_bind_says_how_long_it_is() -> None:
    assert struct.unpack_from("<H", rpc.bind(), 8) == (len(rpc.bind()),)


@pytest.mark.parametrize(
    ("said", "signal", "meaning"),
    [
        (smb2(0x0202), "open", "SMB 2.0.2"),
        (smb2(0x0311), "open", "SMB 3.1.1"),
        (smb2(0x0999), "open", "SMB 2 or 3"),
        (
            smb2(status=0xC00000BB),
            "open",
            "SMB, which takes none of our dialects (status 0xc00000bb)",
        ),
        (smb2()[:30], "open", "SMB 2 or 3"),
        (smb1(), "open", "SMB 1 only, which is long out of date"),
        (smb.negotiate(), "invalid", "sends back whatever it is sent"),
        (smb.negotiate_smb1(), "invalid", "sends back whatever it is sent"),
        (b"SSH-2.0-x\r\n", "invalid", "an SSH server (SSH-2.0-x)"),
    ],
)
def test_answers_of_smb(said: bytes, signal: str, meaning: str) -> None:
    seen = smb.judge(said)
    assert (seen.signal, (seen.detail or {})["meaning"]) == (signal, meaning)


@pytest.mark.parametrize("address", [b"", b"135\0", b"\\PIPE\\epmapper\0", b"1\0"])
def test_the_mapper_may_name_any_port(address: bytes) -> None:
    assert rpc.judge(bind_ack(address=address)).proven
    assert not rpc.judge(bind_ack(2, address=address)).proven


def packet(kind: int) -> bytes:
    return struct.pack("<BBBB4sHHI", 5, 0, kind, 3, b"\x10\0\0\0", 16, 0, 1)


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (bind_ack(2), "RPC, but not the endpoint mapper: it refuses that interface"),
        (bind_ack()[:20], "RPC, but not the endpoint mapper: it refuses that interface"),
        (packet(13), "RPC, but it refuses to talk to us (bind_nak)"),
        (packet(3), "RPC, but no answer to a bind (packet type 3)"),
        (rpc.bind(), "RPC, but no answer to a bind (packet type 11)"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "an HTTP server (200 OK)"),
    ],
)
def test_answers_that_are_no_endpoint_mapper(said: bytes, meaning: str) -> None:
    seen = rpc.judge(said)
    assert seen.signal is Signal.INVALID
    assert (seen.detail or {})["meaning"] == meaning


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(said: bytes) -> None:
    for each in (said, smb2()[:8] + said, smb1()[:8] + said):
        assert smb.judge(each).detail
    for each in (said, bind_ack()[:4] + said, bind_ack()[:24] + said):
        assert rpc.judge(each).detail


async def test_a_server_that_has_no_answer_to_smb_2_is_asked_for_smb_1(asking: Impatient) -> None:
    class Old(Says):
        def data_received(self, data: bytes) -> None:
            if data[4:8] == b"\xffSMB":
                self.transport.write(smb1())
            self.transport.close()

    with serve(lambda: Old(hold=True)) as port:
        seen = await asking.ask("smb", port)
    assert seen.proven
    assert (seen.detail or {})["dialect"] == "1"
