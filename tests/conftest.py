"""Fixtures for all tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.lab import Lab, unavailable

# How long an example takes says something about the machine, not about the code.
settings.register_profile("veeamcheck", deadline=None)
settings.load_profile("veeamcheck")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.lab)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: without a lab there is nothing to set up."""
    if item.get_closest_marker("lab") and (reason := unavailable()):
        if os.environ.get("VEEAMCHECK_LAB") == "required":
            pytest.fail(f"the lab is required, but: {reason}", pytrace=False)
        pytest.skip(f"no lab: {reason}")


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab of the test's own."""
    with Lab() as lab:
        yield lab
