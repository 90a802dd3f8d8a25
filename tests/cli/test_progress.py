"""The progress bar."""

import io
import sys

import pytest

from veeamcheck.cli._progress import progress_bar, time_left
from veeamcheck.model import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "estimating the time left"),
        (0.2, "a moment left"),
        (1, "about 1 s left"),
        (99.4, "about 99 s left"),
        (100, "about 2 min left"),
        (3600, "about 60 min left"),
    ],
)
def test_time_left(seconds: float | None, text: str) -> None:
    assert time_left(seconds) == text


@pytest.mark.parametrize(("stream", "shown"), [(io.StringIO(), True), (Terminal(), False)])
def test_there_is_none_in_a_file_and_if_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, shown: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar(shown=shown) as progress:
        assert progress is None
    assert stream.getvalue() == ""


def test_it_counts_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress_bar(shown=True) as progress:
        assert progress
        progress(
            Progress(contacts=1500, ports_done=900, ports_total=1800, flows=3, seconds_left=9.0)
        )
    assert "900 of 1,800 ports" in terminal.getvalue()
    assert "1,500 contacts, about 9 s left" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")
