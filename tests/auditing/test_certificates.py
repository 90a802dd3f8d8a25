"""Certificates beside the inventory's pins and beside what other vantages are shown."""

from dataclasses import replace

import pytest

from tests import samples
from veeamcheck.auditing.certificates import differences, held_to
from veeamcheck.model import Observation, Outcome, Signal, TlsPin

FINGERPRINT = "sha256:" + "ab" * 32
SHOWN = {"protocol": "TLSv1.3", "issuer": "Our CA", "fingerprint": FINGERPRINT}


@pytest.mark.parametrize(
    ("pin", "right"),
    [
        (TlsPin(issuer=("our ca",)), True),
        (TlsPin(issuer=("Another", "Our CA")), True),
        (TlsPin(fingerprint=(FINGERPRINT,)), True),
        (TlsPin(issuer=("Our CA",), fingerprint=(FINGERPRINT,)), True),
        (TlsPin(issuer=("Another",)), False),
        (TlsPin(fingerprint=("sha256:" + "cd" * 32,)), False),
        (TlsPin(issuer=("Our CA",), fingerprint=("sha256:" + "cd" * 32,)), False),
    ],
)
def test_a_pin(pin: TlsPin, right: bool) -> None:
    seen = held_to(pin, Observation(Signal.OPEN, detail=SHOWN, proven=True))
    assert (seen.signal is Signal.OPEN, seen.proven) == (right, right)
    assert {key: (seen.detail or {})[key] for key in SHOWN} == SHOWN


@pytest.mark.parametrize(
    "seen",
    [
        Observation(Signal.OPEN),
        Observation(Signal.OPEN, detail={"banner": "SSH-2.0-x"}, proven=True),
        Observation(Signal.REFUSED),
        Observation(Signal.INVALID, detail=SHOWN),
    ],
)
def test_a_pin_says_nothing_of_what_shows_no_certificate(seen: Observation) -> None:
    assert held_to(TlsPin(issuer=("Another",)), seen) == seen


def test_a_certificate_that_cannot_be_read_is_not_the_pinned_one() -> None:
    seen = Observation(Signal.OPEN, detail={"protocol": "TLSv1.3"}, proven=True)
    assert held_to(TlsPin(issuer=("Our CA",)), seen).signal is Signal.INVALID


def shown(vantage: str, issuer: str | None, *, name: str | None = None) -> Outcome:
    flow = next(each for each in samples.everything().flows if each.target == "pve1")
    row = replace(flow.evidence[0], detail={"issuer": issuer}, name=name)
    return replace(flow, runs_from=vantage, evidence=(row,))


def test_what_vantages_are_shown_is_compared() -> None:
    (warning,) = differences([shown("vbr1", "A"), shown("pve2", "A"), shown("gip1", "B")])
    assert "certificates of different issuers: “A” to vbr1 and pve2, “B” to gip1" in warning
    assert "hosts.pve1.tls" in warning


@pytest.mark.parametrize(
    "outcomes",
    [
        [],
        [shown("vbr1", "A")],
        [shown("vbr1", "A"), shown("pve2", "A")],
        [shown("vbr1", "A"), shown("pve2", None)],
        [shown("vbr1", "A", name="a.example"), shown("pve2", "B", name="b.example")],
    ],
)
def test_nothing_to_compare(outcomes: list[Outcome]) -> None:
    assert differences(outcomes) == ()
