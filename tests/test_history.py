"""Recorded runs: whole or not at all, whatever happens."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests import samples
from veeamcheck import history as history_module
from veeamcheck.diff import snapshot
from veeamcheck.history import History, HistoryError
from veeamcheck.model import ReasonCode, Report, Verdict

SITE = "/etc/veeamcheck/site.toml"
ROOT = Path(__file__).parent.parent


def report(letters: str, *, hours: float = 0) -> Report:
    """A run of the flows r0@vbr1>pve1, r1@…: p passes, f fails, r is refused, t is not tested."""
    standing = {
        "p": (Verdict.PASS, ReasonCode.OPEN),
        "f": (Verdict.FAIL, ReasonCode.BLOCKED_SILENT),
        "r": (Verdict.FAIL, ReasonCode.NO_LISTENER),
        "t": (Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE),
    }
    flows = [
        samples.flow(f"r{number}", "vbr1", "pve1", "22", *standing[letter])
        for number, letter in enumerate(letters)
    ]
    start = samples.START + timedelta(hours=hours)
    run = samples.run_note(start=start, end=start + timedelta(seconds=4))
    return samples.report(flows, run=run)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest.fixture
def history(file: Path) -> Iterator[History]:
    with History(file, create=True) as opened:
        yield opened


def test_a_recorded_run_reads_back_as_it_was(history: History) -> None:
    made = samples.everything()
    number = history.record(made, inventory=SITE)
    read = history.snapshot(number)
    assert read.flows == snapshot(made, "").flows
    assert list(read.flows) == [flow.id for flow in made.flows]
    assert read.start == made.run.start
    run = history.run(number)
    assert (run.inventory, run.vantages) == (SITE, ("vbr1",))
    assert {str(verdict): count for verdict, count in run.counts.items()} == {
        verdict: count
        for verdict, count in made.summary.items()
        if count and verdict != "exit_status"
    }


def test_runs_belong_to_their_inventory(history: History) -> None:
    one = history.record(report("p"), inventory="one")
    two = history.record(report("p"), inventory="two")
    three = history.record(report("f", hours=1), inventory="one")
    assert [run.number for run in history.runs("one")] == [three, one]
    assert [run.number for run in history.runs(None)] == [three, two, one]
    assert [run.number for run in history.runs("one", 1)] == [three]
    assert history.inventories() == ["one", "two"]
    assert [flow.runs for flow in history.flows("two")] == [1]


def test_what_is_known_of_a_flow(history: History) -> None:
    for hour, letters in enumerate(["p", "f", "t", "r", "r"]):
        history.record(report(letters, hours=hour), inventory=SITE)
    (flow,) = history.flows(SITE)
    assert [(span.standing.reason_code, span.runs) for span in flow.spans] == [
        (ReasonCode.OPEN, 1),
        (ReasonCode.BLOCKED_SILENT, 1),
        (ReasonCode.NO_LISTENER, 2),
    ]
    assert flow.standing.verdict is Verdict.FAIL
    assert flow.since == samples.START + timedelta(hours=1)
    assert flow.last == samples.START + timedelta(hours=4)
    assert (flow.runs, flow.failures, flow.changes, flow.flapping) == (4, 3, 1, False)


def test_flapping(history: History) -> None:
    for hour, letter in enumerate("pfpfpf"):
        history.record(report(letter, hours=hour), inventory=SITE)
    (flow,) = history.flows(SITE)
    assert flow.flapping


def test_old_runs_go_and_leave_nothing(history: History, file: Path) -> None:
    keep = timedelta(days=1)
    history.record(report("pp"), inventory=SITE, keep=keep)
    second = history.record(report("f", hours=23), inventory=SITE, keep=keep)
    third = history.record(report("f", hours=25), inventory=SITE, keep=keep)
    assert [run.number for run in history.runs(None)] == [third, second]
    with closing(sqlite3.connect(file)) as look:
        assert look.execute("SELECT name FROM flows").fetchall() == [("r0@vbr1>pve1",)]
        assert look.execute("SELECT verdict FROM standings").fetchall() == [("fail",)]
        assert look.execute("SELECT count(*) FROM outcomes").fetchall() == [(2,)]
    assert history.record(report("p", hours=99), inventory=SITE, keep=keep) == third + 1


def test_hostile_text_and_broken_names(history: History) -> None:
    history.record(samples.hostile(), inventory="in\udc80ven'; DROP TABLE runs; --")
    assert history.inventories() == ["in?ven'; DROP TABLE runs; --"]
    (flow,) = history.flows(history.inventories()[0])
    assert flow.flow == "rule[red]@vbr[/]1>evil\x1b[31m"


# --- what can go wrong -----------------------------------------------------------------------


def test_there_is_no_history(file: Path) -> None:
    with pytest.raises(HistoryError, match="veeamcheck run --record"):
        History(file)
    assert not file.exists()


def test_there_is_no_such_run(history: History) -> None:
    with pytest.raises(HistoryError, match="there is no run 7 "):
        history.snapshot(7)


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 40, b"x"])
def test_no_database(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(HistoryError, match="is no history"):
        History(file, create=True)
    assert file.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "cookies.db"
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("CREATE TABLE cookies (name TEXT)")
    before = file.read_bytes()
    with pytest.raises(HistoryError, match="another program's"):
        History(file, create=True)
    assert file.read_bytes() == before


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="can't be used"):
        History(tmp_path, create=True)


def test_a_newer_file_is_left_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        history_module, "MIGRATIONS", (*history_module.MIGRATIONS, ("CREATE TABLE later (x)",))
    )
    History(file, create=True).__exit__(None, None, None)
    monkeypatch.undo()
    with pytest.raises(HistoryError, match="newer veeamcheck"):
        History(file)


def test_a_word_of_a_later_version(history: History, file: Path) -> None:
    number = history.record(report("p"), inventory=SITE)
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("UPDATE standings SET reason_code = 'from-the-future'")
    for read in (lambda: history.snapshot(number), lambda: history.flows(SITE)):
        with pytest.raises(HistoryError, match="from-the-future"):
            read()


def test_an_older_file_is_brought_up_to_date(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with History(file, create=True) as old:
        number = old.record(report("pf"), inventory=SITE)
    more = ("ALTER TABLE runs ADD COLUMN site TEXT", "UPDATE runs SET site = 'here'")
    monkeypatch.setattr(history_module, "MIGRATIONS", (*history_module.MIGRATIONS, more))
    with History(file) as new:
        assert list(new.snapshot(number).flows) == ["r0@vbr1>pve1", "r1@vbr1>pve1"]
    with closing(sqlite3.connect(file)) as look:
        assert look.execute("SELECT site FROM runs").fetchall() == [("here",)]


def test_a_migration_that_fails_changes_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with History(file, create=True) as old:
        old.record(report("p"), inventory=SITE)
    broken = ("ALTER TABLE runs ADD COLUMN site TEXT", "UPDATE missing SET site = 'here'")
    monkeypatch.setattr(history_module, "MIGRATIONS", (*history_module.MIGRATIONS, broken))
    with pytest.raises(HistoryError, match="no such table"):
        History(file)
    monkeypatch.undo()
    with History(file) as old:
        assert len(old.runs(None)) == 1
    with closing(sqlite3.connect(file)) as look:
        assert "site" not in str(look.execute("SELECT sql FROM sqlite_master").fetchall())


def test_a_full_disk_loses_only_the_run_in_flight(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = history.record(report("p"), inventory=SITE)
    pages = history._db.execute("PRAGMA page_count").fetchone()[0]
    history._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(HistoryError, match="full"):
        history.record(report("f" * 5000, hours=1), inventory=SITE)
    assert [run.number for run in history.runs(None)] == [first]
    assert len(history.flows(SITE)) == 1
    history._db.execute("PRAGMA max_page_count = 1000000")
    history.record(report("f" * 5000, hours=1), inventory=SITE)
    assert len(history.flows(SITE)) == 5000


def test_many_at_once(file: Path) -> None:
    """Threads with connections of their own lock each other out as processes do."""
    problems: list[BaseException] = []

    def record(thread: int) -> None:
        try:
            for hour in range(5):
                with History(file, create=True) as mine:
                    mine.record(report("pf" * 20, hours=hour), inventory=f"site {thread}")
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=record, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with History(file) as opened:
        assert len(opened.runs(None)) == 30
        assert {len(opened.flows(name)) for name in opened.inventories()} == {40}


RECORD_FOR_EVER = """
import sys
from pathlib import Path
from tests.test_history import SITE, report
from veeamcheck.history import History

made = report("pf" * 200)
with History(Path(sys.argv[1]), create=True) as history:
    while True:
        print(history.record(made, inventory=SITE), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_a_kill_loses_only_the_run_in_flight(file: Path) -> None:
    """As often as VEEAMCHECK_KILLS says; each at another moment of the writing."""
    acknowledged: set[int] = set()
    for _ in range(int(os.environ.get("VEEAMCHECK_KILLS", "5"))):
        with subprocess.Popen(
            [sys.executable, "-c", RECORD_FOR_EVER, str(file)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout
            acknowledged.add(int(writer.stdout.readline()))
            writer.send_signal(signal.SIGKILL)
            acknowledged.update(map(int, writer.stdout.read().split()))
        with History(file) as opened:
            there = {run.number: run for run in opened.runs(None)}
            assert acknowledged <= there.keys()
            # One may have been written whole before it could say so.
            assert len(there) <= len(acknowledged) + 1
            acknowledged = set(there)
            for run in there.values():
                assert run.counts == {Verdict.PASS: 200, Verdict.FAIL: 200}
            assert opened._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert opened._db.execute("PRAGMA foreign_key_check").fetchall() == []
