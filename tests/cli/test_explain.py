"""`veeamcheck explain`: what it reads, prints and exits with."""

import io
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Veeamcheck, one_flow

SITE = """\
[hosts.vbr1]
address = "198.51.100.1"
roles = ["backup-server"]

[hosts.pve1]
address = "198.51.100.2"
roles = ["proxmox-ve"]

[hosts.worker1]
address = "198.51.100.3"
roles = ["worker"]
stand_in = "pve1"
"""
REFUSED = "connect to 198.51.100.2:8006 failed: Connection refused\n"


@pytest.fixture
def site(tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text(SITE)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """What standard input will give."""
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(data)))  # type: ignore[type-var]
    return data


def test_a_port_without_an_inventory(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("explain", "6162")
    assert (result.status, result.err) == (0, "")
    assert "worker-repository-data" in result.out
    assert "No inventory was read" in result.out
    assert "https://helpcenter.veeam.com/" in result.out


@pytest.mark.usefixtures("site")
def test_a_log_line_with_an_inventory(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("explain", REFUSED)
    assert result.status == 0
    assert result.err == "inventory: inventory.toml\n"
    assert "vbr1 → pve1 (198.51.100.2)" in result.out
    assert "firewall's reject" in " ".join(result.out.split())
    assert "veeamcheck run -i inventory.toml --from vbr1" in " ".join(result.out.split())


@pytest.mark.usefixtures("site")
def test_words_need_no_quotes(veeamcheck: Veeamcheck) -> None:
    quoted = veeamcheck("explain", "-o", "json", REFUSED.strip())
    assert veeamcheck("explain", "-o", "json", *REFUSED.split()).out == quoted.out


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_as_it_was_written(
    veeamcheck: Veeamcheck, tmp_path: Path, encoding: str, line_end: str
) -> None:
    text = f"all is well{line_end}{REFUSED.strip()}{line_end}"
    (tmp_path / "job.log").write_bytes(text.encode(encoding))
    explained = veeamcheck("explain", "job.log", "-o", "json").json
    assert explained["log"] == {
        "name": "job.log",
        "lines": 2,
        "cut_lines": 0,
        "left_out": 0,
        "ended_early": False,
    }
    (finding,) = explained["findings"]
    assert finding["lines"] == {"first": 2, "last": 2, "count": 1, "excerpt": REFUSED.strip()}
    assert finding["flows"] == ["worker-pve-api@worker1>pve1", "backup-server-pve-api@vbr1>pve1"]


@pytest.mark.usefixtures("site")
def test_standard_input(veeamcheck: Veeamcheck, stdin: io.BytesIO) -> None:
    stdin.write(REFUSED.encode())
    stdin.seek(0)
    result = veeamcheck("explain", "-")
    assert result.status == 0
    assert "standard input · 1 line" in result.out


def test_json_has_all_that_the_page_has(veeamcheck: Veeamcheck) -> None:
    explained = veeamcheck("explain", "Connection refused 10.0.0.1:6162", "-o", "json").json
    assert (explained["schema_version"], explained["kind"]) == (1, "explanation")
    assert (explained["about"], explained["inventory"], explained["report"]) == ("log", None, None)
    assert [meaning["id"] for meaning in explained["meanings"]] == ["refused"]
    assert explained["meanings"][0]["signals"] == ["refused", "rejected"]
    (finding,) = explained["findings"]
    assert finding["named"] == [{"text": "10.0.0.1", "hosts": [], "roles": []}]
    assert {rule["id"] for rule in explained["rules"]} == set(finding["rules"])


def test_hostile_text_is_inert(veeamcheck: Veeamcheck) -> None:
    evil = "\x1b]0;owned\x07 \u202e [bold]x[/bold] [link=http://a]y[/link] connection refused"
    result = veeamcheck("explain", evil)
    assert result.status == 0
    assert not {"\x1b", "\x07", "\u202e"}.intersection(result.out)
    assert "[bold]x[/bold]" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([""], "nothing was recognised in ''"),
        (["nothing of it"], "nothing was recognised in 'nothing of it'"),
        (["blocked-silnt"], "did you mean 'blocked-silent'?"),
        (["x" * 100_000], "nothing was recognised"),
        (["70000"], "port 70000 is not between 1 and 65535"),
        (["missing.log"], "there is no file missing.log"),
        (["."], "is a directory"),
        (["6162", "--from", "vbr1"], "there is none here"),
        (["6162", "--run"], "--run needs an inventory"),
        (["6162", "--all"], "--all says where --run audits from"),
        (["a\0b"], "nothing was recognised"),
        ([], "Missing argument"),
    ],
)
def test_wrong_input(veeamcheck: Veeamcheck, arguments: list[str], said: str) -> None:
    result = veeamcheck("explain", *arguments)
    assert (result.status, result.out) == (2, "")
    assert said in result.err
    assert len(result.err) < 1000
    assert "Traceback" not in result.err


@pytest.mark.usefixtures("site")
def test_a_word_has_nothing_to_run(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("explain", "refused", "--run", "--from", "vbr1")
    assert result.status == 2
    assert "there is nothing to audit" in result.err


def test_run_audits_what_is_meant_and_nothing_else(
    veeamcheck: Veeamcheck, tmp_path: Path, closed: int
) -> None:
    (tmp_path / "inventory.toml").write_text(
        one_flow(closed) + '[hosts.pve1]\naddress = "127.0.0.2"\nroles = ["proxmox-ve"]\n'
    )
    line = "cannot connect to vbr1: connection refused"
    text = veeamcheck("explain", "--run", "--from", "vbr1", line)
    assert text.status == 1
    assert "nothing listens" in text.out
    assert "backup-server-pve-api" not in text.out
    result = veeamcheck("explain", "--run", "--from", "vbr1", "-o", "json", line)
    report = result.json["report"]
    assert result.status == report["summary"]["exit_status"] == 1
    assert [flow["id"] for flow in report["flows"]] == ["backup-server-self-database@vbr1>vbr1"]
    assert report["flows"][0]["reason_code"] == "no-listener"


def test_a_finding_lists_no_more_than_a_person_reads(
    veeamcheck: Veeamcheck, tmp_path: Path
) -> None:
    lines = (f"connect to 10.0.{n}.1:6162: connection refused\n" for n in range(20))
    (tmp_path / "job.log").write_text("".join(lines))
    assert "and 8 findings more (--verbose)" in veeamcheck("explain", "job.log").out
    assert "10.0.19.1 port 6162" in veeamcheck("explain", "job.log", "--verbose").out


def test_the_manual_shows_what_is_printed(
    veeamcheck: Veeamcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[2]
    manual = (root / "docs" / "explain.md").read_text(encoding="utf-8")
    log, printed = re.findall(r"```text\n(.*?)```", manual, re.DOTALL)[:2]
    shutil.copy(root / "inventory.example.toml", tmp_path / "inventory.toml")
    (tmp_path / "Job.log").write_text(log)
    monkeypatch.setenv("COLUMNS", "98")
    result = veeamcheck("explain", "-q", "Job.log")
    assert result.out.startswith(printed)
