"""`veeamcheck watch`: a loop that tells only changes, once, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Veeamcheck, one_flow
from tests.cli.test_run import MINE
from veeamcheck.cli import _auditor
from veeamcheck.cli import _history as history_module
from veeamcheck.history import History, HistoryError, default_path
from veeamcheck.notify import NotifyError

ROOT = Path(__file__).parent.parent.parent
SOON = ("--every", "0.01s")


@pytest.fixture
def failing(tmp_path: Path, closed: int) -> Path:
    file = tmp_path / "inventory.toml"
    file.write_text(one_flow(closed))
    return file


@pytest.fixture
def passing(tmp_path: Path, listening: int) -> Path:
    file = tmp_path / "inventory.toml"
    file.write_text(one_flow(listening))
    return file


def words(out: str) -> list[str]:
    """Of each line, what happened."""
    return [line.split()[1] for line in out.splitlines()]


@pytest.fixture
def before_run(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """What to do before which run: number -> function."""
    actions: dict[int, Any] = {}
    audit = _auditor.audit
    number = 0

    async def counted(*arguments: Any, **more: Any) -> Any:
        nonlocal number
        number += 1
        actions.get(number, lambda: None)()
        return await audit(*arguments, **more)

    monkeypatch.setattr(_auditor, "audit", counted)
    return actions


@pytest.mark.usefixtures("passing")
def test_nothing_happens(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("watch", *SOON, "--runs", "3")
    assert (result.status, result.out) == (0, "")
    assert result.err.splitlines()[1:] == ["1 flow: 1 pass; a run about every 0.01 s"]
    with History(default_path()) as history:
        assert len(history.runs(None)) == 3


@pytest.mark.usefixtures("failing")
def test_what_fails_is_told_once_and_not_again_after_a_restart(veeamcheck: Veeamcheck) -> None:
    first = veeamcheck("watch", *SOON, "--runs", "3")
    assert words(first.out) == ["appeared"]
    assert MINE in first.out
    assert veeamcheck("watch", *SOON, "--runs", "2", "-q").out == ""


@pytest.mark.usefixtures("failing")
def test_confirm(veeamcheck: Veeamcheck) -> None:
    assert veeamcheck("watch", *SOON, "--runs", "2", "--confirm", "3").out == ""
    assert words(veeamcheck("watch", *SOON, "--runs", "1", "--confirm", "3").out) == ["appeared"]


def test_the_inventory_is_read_again(
    veeamcheck: Veeamcheck, failing: Path, before_run: dict[int, Any]
) -> None:
    """A mistake in it is told once and ends nothing; a waiver counts from the next run."""
    text = failing.read_text()
    waiver = f'[[waive]]\nflow = "{MINE}"\nreason = "known"\n'
    before_run[1] = lambda: failing.write_text("[hosts")
    before_run[3] = lambda: failing.write_text(f"{text}\n{waiver}")
    result = veeamcheck("watch", *SOON, "--runs", "4")
    assert words(result.out) == ["appeared", "changed"]
    assert result.err.count("going on with the inventory as it was") == 1


@pytest.mark.usefixtures("failing")
def test_reports_are_replaced(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    veeamcheck("watch", *SOON, "--runs", "2", "-o", "json=now.json")
    assert json.loads((tmp_path / "now.json").read_text())["summary"]["fail"] == 1


@pytest.mark.usefixtures("failing")
def test_what_cannot_be_written_ends_nothing(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise HistoryError("disk is full")

    monkeypatch.setattr(History, "record", full)
    result = veeamcheck("watch", *SOON, "--runs", "2", "-o", "json=not/there.json")
    assert (result.status, words(result.out)) == (0, ["appeared"])
    assert result.err.count("disk is full; this run is not recorded") == 2
    assert result.err.count("cannot write not/there.json") == 2


@pytest.mark.usefixtures("failing")
def test_what_could_not_be_sent_goes_with_the_next(
    veeamcheck: Veeamcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    attempts = 0

    def notify(_targets: object, _title: str, body: str) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise NotifyError("not everybody could be told")
        sent.append(body)

    monkeypatch.setattr(history_module, "notify", notify)
    (tmp_path / "targets").write_text("json://localhost/\n")
    (tmp_path / "targets").chmod(0o600)
    veeamcheck("watch", *SOON, "--runs", "5", "--notify", "changes", "--targets", "targets")
    assert attempts == 3
    (body,) = sent
    assert body.startswith("appeared") and body.count("\n") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--every", "0s"], "is no interval"),
        (["--every", "soon"], "is no interval; write 30s, 15m, 6h or 1d"),
        (["-o", "json"], "names no file"),
        (["-o", "nothing=file"], "is no format"),
        (["--notify", "changes"], "--targets"),
        (["--rule", "nothing"], "no flow of 1 matches the filters"),
        (["--history", "inventory.toml"], "is no history"),
        (["--history", "inventory.toml/h.db"], "inventory.toml/h.db.watch-"),
    ],
)
@pytest.mark.usefixtures("passing")
def test_mistakes(veeamcheck: Veeamcheck, arguments: list[str], message: str) -> None:
    result = veeamcheck("watch", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_there_can_be_only_one_and_it_ends_cleanly(
    veeamcheck: Veeamcheck, failing: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "veeamcheck", "watch", "--every", "1h"],
        cwd=failing.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watch:
        assert watch.stdout
        assert watch.stderr
        assert "appeared" in watch.stdout.readline()
        other = veeamcheck("watch", "--runs", "1")
        watch.send_signal(number)
        assert watch.wait() == 0
        assert "Traceback" not in watch.stderr.read()
    assert other.status == 2
    assert "another veeamcheck watch of inventory.toml is running" in other.err
    assert veeamcheck("watch", "--runs", "1").status == 0
