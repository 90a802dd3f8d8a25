"""What prober and listener say to each other: understood by both, and by nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veeamcheck.farside import token
from veeamcheck.farside.token import Sight
from veeamcheck.ports import PortSet

KEY, OTHER = b"k" * 32, b"o" * 32
SIGHT = Sight(
    6162,
    "10.0.0.5",
    40000,
    "fd00::1",
    PortSet.parse("2500-3300,6162"),
    PortSet.parse("123"),
)


@given(st.binary(min_size=32, max_size=32), st.integers(token.SMALL, token.MOST))
def test_a_conversation_is_understood_and_every_line_has_its_size(key: bytes, size: int) -> None:
    nonce = token.parse_greeting(token.greeting("abc"))
    assert nonce == "abc"
    request = token.request(key, nonce, "challenge", size)
    assert len(request) == size
    assert token.parse_request(key, nonce, request) == "challenge"
    answer = token.answer(key, nonce, "challenge", SIGHT, len(request))
    assert len(answer) == size
    assert token.parse_answer(key, nonce, "challenge", answer) == SIGHT


def test_the_longest_answer_fits_into_the_smallest_request() -> None:
    address = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"
    crowded = PortSet.of(range(1, 65535, 2))
    sight = Sight(65535, address, 65535, address, crowded, crowded)
    answer = token.answer(KEY, "n" * 32, "c" * 32, sight, token.SMALL)
    assert len(answer) == token.SMALL
    seen = token.parse_answer(KEY, "n" * 32, "c" * 32, answer)
    assert seen == sight._replace(tcp=PortSet(), udp=PortSet())


@pytest.mark.parametrize(
    ("key", "nonce", "challenge"),
    [(OTHER, "nonce", "challenge"), (KEY, "other", "challenge"), (KEY, "nonce", "other")],
)
def test_an_answer_for_somebody_else_is_none(key: bytes, nonce: str, challenge: str) -> None:
    answer = token.answer(KEY, "nonce", "challenge", SIGHT, token.FULL_SIZE)
    assert token.parse_answer(key, nonce, challenge, answer) is None


@given(st.data())
def test_no_changed_word_of_an_answer_is_believed(data: st.DataObject) -> None:
    answer = token.answer(KEY, "nonce", "challenge", SIGHT, token.SMALL)
    said = len(answer.rstrip(b"x\n"))
    place = data.draw(st.integers(0, said - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != answer[place]))
    changed = answer[:place] + bytes([byte]) + answer[place + 1 :]
    assert token.parse_answer(KEY, "nonce", "challenge", changed) is None


def test_without_the_key_there_is_no_request() -> None:
    request = token.request(OTHER, "nonce", "challenge", token.FULL_SIZE)
    assert token.parse_request(KEY, "nonce", request) is None
    assert token.parse_request(OTHER, "another nonce", request) is None


@given(st.binary(max_size=200))
def test_garbage_is_nothing(garbage: bytes) -> None:
    assert token.parse_greeting(garbage) is None
    assert token.parse_request(KEY, "nonce", garbage) is None
    assert token.parse_answer(KEY, "nonce", "challenge", garbage) is None
    for kind in (b"veeamcheck-prober 1 ", b"veeamcheck-answer 1 "):
        assert token.parse_request(KEY, "nonce", kind + garbage + b"\n") is None
        assert token.parse_answer(KEY, "nonce", "challenge", kind + garbage + b"\n") is None


@pytest.mark.parametrize(
    ("begun", "can"),
    [(b"", True), (b"veeam", True), (b"veeamcheck-listener 1 ab", True), (b"SSH-2.0", False)],
)
def test_a_greeting_is_told_from_other_words_early(begun: bytes, can: bool) -> None:
    assert token.could_be_greeting(begun) is can


def test_addresses_are_compared_as_such() -> None:
    assert token.same_address("fe80::1%eth0", "FE80:0::1%4")
    assert not token.same_address("10.0.0.1", "10.0.0.2")
