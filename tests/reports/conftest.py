"""A browser for all tests of pages."""

import os
from collections.abc import Iterator

import pytest

from tests.browser import Browser, unavailable


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests: starting one takes seconds."""
    if reason := unavailable():
        if os.environ.get("VEEAMCHECK_LAB") == "required":
            pytest.fail(f"a browser is required, but: {reason}", pytrace=False)
        pytest.skip(f"no browser: {reason}")
    browser = Browser(tmp_path_factory.mktemp("page"))
    yield browser
    browser.stop()


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """The browser; nothing that the test made it do may have been an error of the page."""
    yield window
    assert window.errors() == []
