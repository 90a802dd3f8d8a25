"""Recording runs, and `veeamcheck history` and `diff` on what is recorded."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import samples
from tests.cli.conftest import Veeamcheck, one_flow
from tests.impostors import serve
from veeamcheck.cli import _auditor
from veeamcheck.cli import _history as history_module
from veeamcheck.demo.services import HttpsServer, tls_context
from veeamcheck.history import History, default_path
from veeamcheck.model import ReasonCode, Report, Verdict
from veeamcheck.notify import NotifyError
from veeamcheck.reports.json import render

MINE = "backup-server-self-database@vbr1>vbr1"


class Port:
    """A port on which an HTTPS server can listen and can stop to."""

    def __init__(self) -> None:
        self.held = socket.socket()
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.held.bind(("127.0.0.1", 0))
        self.number = self.held.getsockname()[1]
        self.services = ExitStack()

    def open(self) -> None:
        self.services.enter_context(serve(HttpsServer, port=self.number, tls=tls_context()))

    def close(self) -> None:
        self.services.close()


@pytest.fixture
def port() -> Iterator[Port]:
    made = Port()
    with closing(made.held), made.services:
        yield made


@pytest.fixture
def inventory(tmp_path: Path, port: Port) -> Path:
    file = tmp_path / "inventory.toml"
    file.write_text(one_flow(port.number))
    return file


@pytest.fixture
def three_runs(veeamcheck: Veeamcheck, inventory: Path, port: Port) -> Path:
    """Failed, passed, failed."""
    assert veeamcheck("run", "--record").status == 1
    port.open()
    assert veeamcheck("run", "--record").status == 0
    port.close()
    assert veeamcheck("run", "--record").status == 1
    return inventory


# --- recording -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "arguments", "records"),
    [
        ("", [], False),
        ("", ["--record"], True),
        ("[audit]\nrecord = true", [], True),
        ("[audit]\nrecord = true", ["--no-record"], False),
        ("[audit]\nrecord = false", ["--record"], True),
    ],
)
def test_what_is_recorded(
    veeamcheck: Veeamcheck, inventory: Path, port: Port,
    written: str, arguments: list[str], records: bool,
) -> None:  # fmt: skip
    inventory.write_text(one_flow(port.number, written))
    assert veeamcheck("run", *arguments).status == 1
    assert default_path().exists() is records


@pytest.mark.usefixtures("inventory")
def test_a_history_of_ones_own(
    veeamcheck: Veeamcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert veeamcheck("run", "--record", "--history", "a/own.db").status == 1
    monkeypatch.setenv("VEEAMCHECK_HISTORY", str(tmp_path / "a" / "own.db"))
    (run,) = veeamcheck("history", "--runs", "-o", "json").json["runs"]
    assert run["number"] == 1
    assert not default_path().exists()


@pytest.mark.usefixtures("inventory")
def test_a_history_that_cannot_be_used_is_told_before_anything_is_probed(
    veeamcheck: Veeamcheck, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a directory")
    result = veeamcheck("run", "--record", "--history", "file/history.db")
    assert (result.status, result.out) == (2, "")
    assert "file/history.db" in result.err


@pytest.mark.usefixtures("inventory")
def test_a_run_that_could_not_be_recorded(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise history_module.HistoryError("the history can't be used: disk is full")

    monkeypatch.setattr(History, "record", full)
    result = veeamcheck("run", "--record", "-o", "json")
    assert result.status == 4
    assert result.json["summary"]["fail"] == 1
    assert "disk is full; this run is not recorded" in result.err


@pytest.mark.usefixtures("inventory")
def test_an_interrupted_run_is_not_recorded(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = _auditor.audit

    async def interrupted(*arguments: Any, stop: Any, **more: Any) -> Any:
        stop.set()
        return await audit(*arguments, stop=stop, **more)

    monkeypatch.setattr(_auditor, "audit", interrupted)
    result = veeamcheck("run", "--record")
    assert result.status == 130
    assert "not recorded" in result.err
    with History(default_path()) as history:
        assert history.runs(None) == []


@pytest.mark.usefixtures("inventory")
def test_old_runs_are_dropped(veeamcheck: Veeamcheck) -> None:
    with History(default_path(), create=True) as history:
        history.record(samples.all_pass(), inventory="elsewhere")
        history.record(
            samples.report([], run=samples.run_note(start=samples.START - timedelta(days=90000))),
            inventory="elsewhere",
            keep=timedelta(days=99999),
        )
        assert len(history.runs("elsewhere")) == 2
    veeamcheck("run", "--record", "--keep", "36500")
    with History(default_path()) as history:
        assert len(history.runs("elsewhere")) == 1


# --- notifying -------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What targets are told."""
    told: list[str] = []

    def notify(targets: object, title: str, body: str) -> None:
        assert targets == ("json://localhost/",)
        assert title == "veeamcheck: inventory.toml"
        told.append(body)

    monkeypatch.setattr(history_module, "notify", notify)
    (tmp_path / "targets").write_text("json://localhost/\n")
    (tmp_path / "targets").chmod(0o600)
    return told


@pytest.mark.usefixtures("inventory")
def test_changes_are_sent_and_nothing_else(
    veeamcheck: Veeamcheck, port: Port, sent: list[str]
) -> None:
    arguments = ["run", "--notify", "changes", "--targets", "targets"]
    assert [veeamcheck(*arguments).status for _ in range(2)] == [1, 1]
    port.open()
    assert [veeamcheck(*arguments).status for _ in range(2)] == [0, 0]
    assert [line.split()[0] for line in sent] == ["appeared", "fixed"]
    assert f"{MINE}: {port.number} open (HTTP 401 from demo" in sent[1]
    assert sent[1].endswith("(was fail, no-listener)")


@pytest.mark.usefixtures("inventory", "sent")
def test_somebody_could_not_be_told(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise NotifyError("not everybody could be told")

    monkeypatch.setattr(history_module, "notify", fail)
    result = veeamcheck("run", "--notify", "changes", "--targets", "targets")
    assert result.status == 4
    assert "not everybody could be told" in result.err


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "--targets"), (["--targets", "not-there"], "cannot read not-there")],
)
def test_nobody_to_tell(veeamcheck: Veeamcheck, arguments: list[str], message: str) -> None:
    result = veeamcheck("run", "--notify", "changes", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


# --- history ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("three_runs")
def test_history(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("history")
    assert result.status == 0
    assert MINE in result.out
    assert "failed in 2 of 3 runs" in " ".join(result.out.split())
    (flow,) = veeamcheck("history", "-o", "json").json["flows"]
    assert (flow["id"], flow["verdict"], flow["failures"], flow["changes"]) == (MINE, "fail", 2, 2)
    assert [span["verdict"] for span in flow["spans"]] == ["fail", "pass", "fail"]


@pytest.mark.usefixtures("three_runs")
def test_history_of_some_flows(veeamcheck: Veeamcheck) -> None:
    assert MINE in veeamcheck("history", "BACKUP-*@*>vbr1", "-v").out
    result = veeamcheck("history", "worker-*")
    assert (result.status, result.out) == (2, "")
    assert "none of 1 recorded flow matches" in result.err


@pytest.mark.usefixtures("three_runs")
def test_runs_are_listed(veeamcheck: Veeamcheck) -> None:
    lines = veeamcheck("history", "--runs").out.splitlines()
    assert [line[:5].strip() for line in lines if line[:5].strip()] == ["3", "2", "1"]
    runs = veeamcheck("history", "--runs", "-o", "json").json["runs"]
    assert [run["summary"]["fail"] for run in runs] == [1, 0, 1]


def test_flows_that_always_passed_are_only_counted(veeamcheck: Veeamcheck) -> None:
    with History(default_path(), create=True) as history:
        history.record(samples.all_pass(), inventory="elsewhere")
    assert "2 more flows passed in every run (-v)" in veeamcheck("history").out
    assert "backup-server-pve-api@vbr1>pve1" in veeamcheck("history", "-v").out


@pytest.mark.parametrize("command", ["history", "diff"])
def test_nothing_is_recorded(veeamcheck: Veeamcheck, command: str) -> None:
    result = veeamcheck(command)
    assert (result.status, result.out) == (2, "")
    assert "veeamcheck run --record" in result.err


def test_which_inventory_is_meant(veeamcheck: Veeamcheck, three_runs: Path, tmp_path: Path) -> None:
    with History(default_path()) as history:
        history.record(samples.all_pass(), inventory="/elsewhere.toml")
    assert veeamcheck("history", "-o", "json").json["inventory"] == str(three_runs)
    other = veeamcheck("history", "-i", "/elsewhere.toml", "-o", "json").json
    assert len(other["flows"]) == 2
    (tmp_path / "inventory.toml").unlink()
    with History(default_path()) as history:
        history.record(samples.all_pass(), inventory="/third.toml")
    unknown = veeamcheck("history", "-i", "nothing.toml")
    assert unknown.status == 2
    assert "no run of nothing.toml is recorded" in unknown.err
    assert "/third.toml" in unknown.err


# --- diff ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("three_runs")
@pytest.mark.parametrize(
    ("arguments", "status", "kinds"),
    [
        ([], 1, ["failed"]),
        (["previous", "latest"], 1, ["failed"]),
        (["2"], 1, ["failed"]),
        (["1"], 0, []),
        (["1", "2"], 0, ["fixed"]),
        (["latest", "2"], 0, ["fixed"]),
    ],
)
def test_diff_of_recorded_runs(
    veeamcheck: Veeamcheck, arguments: list[str], status: int, kinds: list[str]
) -> None:
    result = veeamcheck("diff", *arguments, "-o", "json")
    assert result.status == status
    assert [change["kind"] for change in result.json["changes"]] == kinds
    assert veeamcheck("diff", *arguments).status == status


@pytest.mark.usefixtures("inventory")
def test_only_one_run(veeamcheck: Veeamcheck) -> None:
    veeamcheck("run", "--record")
    result = veeamcheck("diff")
    assert (result.status, result.out) == (2, "")
    assert "only one run is recorded yet" in result.err
    assert veeamcheck("diff", "9").status == 2


def write(path: Path, report: Report) -> None:
    path.write_text(render(report), encoding="utf-8")


def test_diff_of_report_files(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    def flow(name: str, verdict: Verdict, code: ReasonCode) -> Any:
        return samples.flow(name, "vbr1", "pve1", "22", verdict, code)

    write(
        tmp_path / "old.json",
        samples.report(
            [
                flow("steady", Verdict.PASS, ReasonCode.OPEN),
                flow("breaks", Verdict.PASS, ReasonCode.OPEN),
                flow("leaves", Verdict.PASS, ReasonCode.OPEN),
                flow("mends", Verdict.FAIL, ReasonCode.BLOCKED_SILENT),
            ]
        ),
    )
    write(
        tmp_path / "new.json",
        samples.report(
            [
                flow("steady", Verdict.PASS, ReasonCode.OPEN),
                flow("breaks", Verdict.FAIL, ReasonCode.BLOCKED_SILENT),
                flow("mends", Verdict.PASS, ReasonCode.OPEN),
                flow("comes", Verdict.PASS, ReasonCode.OPEN),
            ]
        ),
    )
    result = veeamcheck("diff", "old.json", "new.json")
    assert (result.status, result.err) == (1, "")
    headings = [line for line in result.out.splitlines() if line.endswith("(1)")]
    assert headings == ["New failures (1)", "Fixed (1)", "Appeared (1)", "Gone (1)"]
    assert veeamcheck("diff", "new.json", "old.json").status == 1
    same = veeamcheck("diff", "old.json", "old.json")
    assert (same.status, same.out.splitlines()[-1]) == (0, "Nothing changed in 4 flows.")


def test_hostile_reports_are_shown_inert(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    hostile = samples.hostile()
    write(tmp_path / "old.json", samples.report([]))
    write(tmp_path / "new.json", hostile)
    result = veeamcheck("diff", "old.json", "new.json")
    assert result.status == 1
    assert "\x1b" not in result.out
    assert "[red]" in result.out


@pytest.mark.parametrize("text", ["", "{}", "[]", json.dumps({"kind": "plan"})])
def test_no_report(veeamcheck: Veeamcheck, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    result = veeamcheck("diff", "a.json", "a.json")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("a.json:1:")
