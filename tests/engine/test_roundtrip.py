"""What answers teach about waiting."""

from __future__ import annotations

import pytest

from veeamcheck.engine.roundtrip import RoundTrip


def after(*samples: float, least: float = 0.0) -> RoundTrip:
    roundtrip = RoundTrip(least)
    for sample in samples:
        roundtrip.answer(sample, 0)
    return roundtrip


@pytest.mark.parametrize(
    ("samples", "timeout"),
    [
        ((), 0.95),
        ((0.001,), 0.25),
        ((0.2, 0.2), 0.5),
        ((2.0,), 0.95),
        ((2.0, 2.0), 0.95),
        ((2.0, 2.0, 2.0), 3.0),
        ((0.4, 0.4, 0.4), 0.85),
    ],
)
def test_timeout(samples: tuple[float, ...], timeout: float) -> None:
    assert after(*samples).timeout == pytest.approx(timeout, abs=0.06)


def test_a_system_that_tells_refusals_late_is_waited_for() -> None:
    assert after(0.001, least=3.5).timeout == 3.5


def test_more_loss_takes_more_tries() -> None:
    clean, lossy = RoundTrip(), RoundTrip()
    for _ in range(500):
        clean.answer(0.01, 0)
        lossy.answer(0.01, 1)
    assert clean.tries(1) == 3
    assert lossy.tries(1) == 12
    assert RoundTrip().tries(1) == 12
    assert clean.tries(0) == 0
