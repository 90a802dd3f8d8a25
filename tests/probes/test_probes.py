"""Probes are found by the name of their service."""

import pytest

from veeamcheck.probes import find_probe
from veeamcheck.probes.ntp import probe as ntp


def test_found_by_name() -> None:
    assert find_probe("ntp") is ntp


@pytest.mark.parametrize(
    "service", ["tcp", "no-such-service", "interface", "", "..ntp", "os", "__init__", "Ntp"]
)
def test_nothing_else_is_found(service: str) -> None:
    assert find_probe(service) is None
