"""Ctrl-C and SIGTERM."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from veeamcheck.cli._interrupt import run_interruptibly

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_asks_the_work_to_stop(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(stop: asyncio.Event) -> str:
        signal.raise_signal(number)
        await stop.wait()
        return "what was done"

    before = signal.getsignal(number)
    assert run_interruptibly(work) == "what was done"
    assert "stopping" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_uninterrupted_work_is_not_asked_to_stop() -> None:
    async def work(stop: asyncio.Event) -> bool:
        return stop.is_set()

    assert run_interruptibly(work) is False


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_ends_at_once(number: signal.Signals) -> None:
    code = f"""\
import asyncio, signal, time
from veeamcheck.cli._interrupt import run_interruptibly

async def work(stop):
    signal.raise_signal({int(number)})
    await stop.wait()
    signal.raise_signal({int(number)})
    time.sleep(600)

run_interruptibly(work)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 130


def test_an_interrupt_while_classes_are_made_ends_with_the_status_too(tmp_path: Path) -> None:
    """As a program that `python -m` runs: there the interpreter has a say in how it ends."""
    (tmp_path / "interrupted.py").write_text("""\
from veeamcheck.cli import _frame, main

_frame.run_command_line = lambda args: exec("raise KeyboardInterrupt")
main()
""")
    command = [sys.executable, "-m", "interrupted"]
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    env = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, capture_output=True, env=env, timeout=60)
    assert (done.returncode, done.stderr) == (130, b"")
