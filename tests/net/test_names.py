"""Names: asked once, with a limit, and never for a literal."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from veeamcheck.net.interface import UnresolvedError
from veeamcheck.net.names import Resolver, is_literal

Answers = list[tuple[Any, ...]]


@pytest.mark.parametrize(
    ("text", "literal"),
    [("10.0.0.1", True), ("fd00::1", True), ("fe80::1%eth0", True), ("10.0.0", False),
     ("repo1.example.com", False), ("", False), ("10.0.0.1/8", False)],
)  # fmt: skip
def test_is_literal(text: str, literal: bool) -> None:
    assert is_literal(text) is literal


class FakeDns:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, list[str] | Exception] = {}
        self.hang = threading.Event()

    def getaddrinfo(self, name: str, *_: object, **__: object) -> Answers:
        self.asked.append(name)
        answer = self.answers.get(name)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            self.hang.wait(30)
            return []
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in answer]


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDns]:
    fake = FakeDns()
    monkeypatch.setattr("veeamcheck.net.names.socket.getaddrinfo", fake.getaddrinfo)
    yield fake
    fake.hang.set()


async def test_literals_are_not_asked(dns: FakeDns) -> None:
    resolver = Resolver()

    assert await resolver.resolve("10.0.0.1") == ("10.0.0.1",)
    assert await resolver.resolve("fd00::1") == ("fd00::1",)
    assert dns.asked == []


async def test_a_name_is_asked_once_and_its_addresses_come_once(dns: FakeDns) -> None:
    dns.answers["repo1"] = ["10.0.0.2", "10.0.0.1", "10.0.0.2"]
    resolver = Resolver()

    both = await asyncio.gather(resolver.resolve("repo1"), resolver.resolve("repo1"))

    assert both == [("10.0.0.2", "10.0.0.1")] * 2
    assert dns.asked == ["repo1"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "not known"),
        (UnicodeError("label too long"), "cannot be a DNS name"),
        (OSError("broken"), "broken"),
        ([], "knows no address"),
    ],
)
async def test_a_name_without_an_address_says_why(
    dns: FakeDns, answer: Exception | list[str], why: str
) -> None:
    dns.answers["repo1"] = answer
    resolver = Resolver()

    for _ in range(2):
        with pytest.raises(UnresolvedError, match=why):
            await resolver.resolve("repo1")
    assert dns.asked == ["repo1"]


async def test_a_resolver_that_hangs_holds_up_nothing(dns: FakeDns) -> None:
    dns.answers["good"] = ["10.0.0.1"]
    resolver = Resolver(limit=0.05)

    hanging = asyncio.ensure_future(resolver.resolve("hangs"))
    assert await resolver.resolve("good") == ("10.0.0.1",)
    with pytest.raises(UnresolvedError, match=r"no answer in 0\.05 s"):
        await hanging


async def test_a_name_that_gave_up_waiting_does_not_spoil_the_others(dns: FakeDns) -> None:
    """One who waits may be cancelled; the others still get the answer."""
    dns.answers["repo1"] = ["10.0.0.1"]
    resolver = Resolver()
    first = asyncio.ensure_future(resolver.resolve("repo1"))
    second = asyncio.ensure_future(resolver.resolve("repo1"))
    await asyncio.sleep(0)

    first.cancel()

    assert await second == ("10.0.0.1",)
