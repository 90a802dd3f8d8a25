"""What earlier runs found: a SQLite file that every recorded run is added to, whole or not at all.

Several processes may use the file at once. A run is one transaction: whatever happens in the
middle of it (an error, a full disk, a kill), the file is as it was before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from veeamcheck.diff import Snapshot, Standing, is_flapping, verdict_changes
from veeamcheck.model import ReasonCode, Report, Verdict
from veeamcheck.places import data_directory

KEEP = timedelta(days=400)
"""How long runs are kept unless somebody says otherwise: a year, and time to look back on it."""

_APPLICATION = 0x56434B48
"""Marks the file as ours among SQLite's."""
_SQLITE = b"SQLite format 3\0"
"""What every database of SQLite's begins with."""
_WAIT = 30.0
"""Seconds to wait for another process that is writing."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE runs (
            number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, also after pruning
            inventory TEXT NOT NULL,
            started TEXT NOT NULL,  -- 2026-11-22T10:00:00+00:00
            ended TEXT NOT NULL,
            vantages TEXT NOT NULL,
            version TEXT NOT NULL
        )
        """,
        "CREATE INDEX runs_of_inventory ON runs (inventory, number)",
        "CREATE TABLE flows (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        """
        CREATE TABLE standings (  -- few, for flows mostly stand where they stood
            id INTEGER PRIMARY KEY,
            verdict TEXT NOT NULL,
            reason_code TEXT NOT NULL,
            reason TEXT NOT NULL,
            UNIQUE (verdict, reason_code, reason)
        )
        """,
        """
        CREATE TABLE outcomes (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            flow INTEGER NOT NULL REFERENCES flows,
            standing INTEGER NOT NULL REFERENCES standings,
            PRIMARY KEY (run, flow)
        ) WITHOUT ROWID
        """,
    ),
)
"""The steps from each version of the schema to the next, the first from an empty file. Only ever
add to them: every file out there has gone through some of them."""


class HistoryError(Exception):
    """Why the history can't be read or written, and what to do."""


class Run(NamedTuple):
    """A recorded run."""

    number: int
    inventory: str
    start: datetime
    end: datetime
    vantages: tuple[str, ...]
    counts: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True)
class Span:
    """Runs in a row that gave a flow the same verdict for the same reason."""

    standing: Standing
    """With the reason of the last of them."""
    first: datetime
    last: datetime
    runs: int


@dataclass(frozen=True, slots=True)
class FlowHistory:
    """All that the recorded runs say of one flow; runs that did not test it say nothing."""

    flow: str
    spans: tuple[Span, ...]
    """The earliest first; never empty."""

    @property
    def standing(self) -> Standing:
        return self.spans[-1].standing

    @property
    def last(self) -> datetime:
        """When it was last judged."""
        return self.spans[-1].last

    @property
    def since(self) -> datetime:
        """Since when it has had this verdict, whatever the reason; at least since then where no
        recorded run says otherwise.
        """
        verdict = self.standing.verdict
        first = self.spans[-1].first
        for span in reversed(self.spans):
            if span.standing.verdict is not verdict:
                break
            first = span.first
        return first

    @property
    def runs(self) -> int:
        return sum(span.runs for span in self.spans)

    @property
    def failures(self) -> int:
        """How many of its runs failed."""
        return sum(span.runs for span in self.spans if span.standing.verdict is Verdict.FAIL)

    @property
    def changes(self) -> int:
        """How often its verdict changed."""
        return verdict_changes([span.standing.verdict for span in self.spans])

    @property
    def flapping(self) -> bool:
        return is_flapping([span.standing.verdict for span in self.spans for _ in range(span.runs)])


def default_path() -> Path:
    """Where this user's history is."""
    return data_directory() / "history.db"


class History:
    """The recorded runs in one file. Every method raises HistoryError where the file fails it."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open the file, and bring it up to date where an older version wrote it.

        `create` makes it, and its directory, where it is not there yet.
        """
        self._path = path
        with self._explained():
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.exists():
                raise HistoryError(
                    f"there is no history in {path}; record runs with: veeamcheck run --record"
                )
            _require_database(path)
            self._db = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        try:
            with self._explained():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    # --- writing ---

    def record(self, report: Report, *, inventory: str, keep: timedelta = KEEP) -> int:
        """Add the run and give its number; runs older than `keep` before it are dropped.

        `inventory` says which runs belong together: those of the same inventory.
        """
        run = report.run
        rows = [
            (_storable(flow.id), flow.verdict.value, flow.reason_code.value, _storable(flow.reason))
            for flow in report.flows
        ]
        with self._explained(), self._transaction():
            number = self._db.execute(
                "INSERT INTO runs (inventory, started, ended, vantages, version)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    _storable(inventory),
                    _timestamp(run.start),
                    _timestamp(run.end),
                    ",".join(run.vantages),
                    run.version,
                ),
            ).lastrowid
            assert number is not None
            self._db.executemany(
                "INSERT INTO flows (name) VALUES (?) ON CONFLICT DO NOTHING",
                [row[:1] for row in rows],
            )
            self._db.executemany(
                "INSERT INTO standings (verdict, reason_code, reason) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                {row[1:] for row in rows},
            )
            self._db.executemany(
                f"INSERT INTO outcomes SELECT {number}, flows.id, standings.id"
                " FROM flows, standings"
                " WHERE name = ? AND verdict = ? AND reason_code = ? AND reason = ?",
                rows,
            )
            self._prune(run.start - keep)
        return number

    def _prune(self, before: datetime) -> None:
        pruned = self._db.execute("DELETE FROM runs WHERE started < ?", [_timestamp(before)])
        if pruned.rowcount:
            for table, column in (("flows", "flow"), ("standings", "standing")):
                self._db.execute(
                    f"DELETE FROM {table} WHERE id NOT IN (SELECT {column} FROM outcomes)"
                )

    # --- reading ---

    def inventories(self) -> list[str]:
        """Those that have runs, the most recently audited first."""
        return [
            name
            for (name,) in self._rows(
                "SELECT inventory FROM runs GROUP BY inventory ORDER BY max(number) DESC"
            )
        ]

    def runs(self, inventory: str | None, most: int = -1) -> list[Run]:
        """The recorded runs, of one inventory or of all, the latest first."""
        numbers = [
            number
            for (number,) in self._rows(
                "SELECT number FROM runs WHERE ?1 IS NULL OR inventory = ?1"
                " ORDER BY number DESC LIMIT ?2",
                inventory,
                most,
            )
        ]
        return list(map(self.run, numbers))

    def run(self, number: int) -> Run:
        """The run of this number."""
        found = self._rows(
            "SELECT inventory, started, ended, vantages FROM runs WHERE number = ?", number
        )
        if not found:
            raise HistoryError(
                f"there is no run {number} in {self._path}; `veeamcheck history --runs` lists them"
            )
        inventory, start, end, vantages = found[0]
        counts = self._rows(
            "SELECT verdict, count(*) FROM outcomes JOIN standings ON standings.id = standing"
            " WHERE run = ? GROUP BY verdict",
            number,
        )
        with self._explained():
            return Run(
                number=number,
                inventory=inventory,
                start=datetime.fromisoformat(start),
                end=datetime.fromisoformat(end),
                vantages=tuple(filter(None, vantages.split(","))),
                counts={Verdict(verdict): count for verdict, count in counts},
            )

    def snapshot(self, number: int) -> Snapshot:
        """The run of this number, to compare it with another."""
        run = self.run(number)
        rows = self._rows(
            "SELECT name, verdict, reason_code, reason FROM outcomes"
            " JOIN flows ON flows.id = flow JOIN standings ON standings.id = standing"
            " WHERE run = ? ORDER BY flow",
            number,
        )
        with self._explained():
            flows = {name: _standing(*standing) for name, *standing in rows}
        return Snapshot(title=f"run {number}", start=run.start, flows=flows)

    def flows(self, inventory: str) -> list[FlowHistory]:
        """What is recorded of each flow of this inventory."""
        rows = self._rows(
            "SELECT name, started, verdict, reason_code, reason FROM runs"
            " JOIN outcomes ON run = number"
            " JOIN flows ON flows.id = flow JOIN standings ON standings.id = standing"
            " WHERE inventory = ? AND verdict != ? ORDER BY flow, run",
            inventory,
            Verdict.UNTESTED.value,
        )
        with self._explained():
            return [
                FlowHistory(name, tuple(_spans(judged)))
                for name, judged in groupby(rows, key=itemgetter(0))
            ]

    # --- the file ---

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._db.execute(query, values).fetchall()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        with self._transaction("DEFERRED"):
            version = self._version()
        if version < len(MIGRATIONS):
            self._migrate()
        elif version > len(MIGRATIONS):
            raise HistoryError(
                f"{self._path} was written by a newer veeamcheck; update this one, or name "
                "another file with --history"
            )
        # So that reading and writing don't wait for each other. Another process may be setting
        # it at this moment; where it can't be set, everything works all the same.
        with suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA journal_mode = WAL")

    def _version(self) -> int:
        """The version of the file's schema; 0 is an empty file. HistoryError: it isn't ours.

        To be asked within a transaction: another process may be making the file.
        """
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION and (application or version or tables):
            raise HistoryError(
                f"{self._path} is another program's database; name another file with --history"
            )
        return int(version)

    def _migrate(self) -> None:
        with self._transaction():
            # Looked at again: another process may have been quicker.
            for step in MIGRATIONS[self._version() :]:
                for statement in step:
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """All of it or, where anything is raised, nothing. To read only, ask for DEFERRED."""
        self._db.execute(f"BEGIN {kind}")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite and the file system raise into a HistoryError that names the file.

        A ValueError is a word that this version does not know.
        """
        try:
            yield
        except ValueError as error:
            raise HistoryError(
                f"the history in {self._path} can't be read by this veeamcheck: {error}"
            ) from error
        except sqlite3.Error as error:
            raise HistoryError(f"the history in {self._path} can't be used: {error}") from error
        except OSError as error:
            reason = error.strerror or error
            raise HistoryError(f"the history in {self._path} can't be used: {reason}") from error


def _require_database(path: Path) -> None:
    """HistoryError for another kind of file: SQLite takes the smallest of them for empty ones."""
    if path.exists():
        with path.open("rb") as file:
            begin = file.read(len(_SQLITE))
        if begin not in (b"", _SQLITE):
            raise HistoryError(f"{path} is no history; name another file with --history")


def _standing(verdict: str, reason_code: str, reason: str) -> Standing:
    return Standing(Verdict(verdict), ReasonCode(reason_code), reason)


def _spans(rows: Iterable[tuple[Any, ...]]) -> Iterator[Span]:
    """Rows of one flow (name, start, verdict, reason code, reason), run-length encoded."""
    for _, same in groupby(rows, key=itemgetter(2, 3)):
        runs = list(same)
        yield Span(
            standing=_standing(*runs[-1][2:]),
            first=datetime.fromisoformat(runs[0][1]),
            last=datetime.fromisoformat(runs[-1][1]),
            runs=len(runs),
        )


def _timestamp(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _storable(text: str) -> str:
    """Text that a database takes: names of files can hold bytes that are none."""
    return text.encode(errors="replace").decode()
