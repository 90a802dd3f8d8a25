"""`veeamcheck report`: formats of a kept report."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Veeamcheck
from tests.samples import SAMPLES, everything
from veeamcheck import reports


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A report with failures."""
    file = tmp_path / "report.json"
    file.write_text(reports.render("json", everything()), encoding="utf-8")
    return file


def test_a_report_for_people_where_no_format_is_named(veeamcheck: Veeamcheck, kept: Path) -> None:
    result = veeamcheck("report", kept)
    assert (result.status, result.err) == (0, "")
    assert "What to do first" in result.out


@pytest.mark.parametrize("name", sorted(set(reports.formats()) - {"terminal"}))
def test_every_format_is_the_same_from_json(veeamcheck: Veeamcheck, kept: Path, name: str) -> None:
    veeamcheck("report", kept, "-o", f"{name}=out", "-q")
    # Kept reports have whole seconds.
    made = everything()
    same = replace(made, run=replace(made.run, end=made.run.end.replace(microsecond=0)))
    assert Path("out").read_text(encoding="utf-8") == reports.render(name, same)


def test_several_formats_at_once(veeamcheck: Veeamcheck, kept: Path) -> None:
    result = veeamcheck("report", kept, "-o", "csv", "-o", "junit=j.xml", "-o", "markdown=m.md")
    assert result.status == 0
    assert result.out.startswith("source,source address,")
    assert Path("j.xml").exists()
    assert Path("m.md").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "report.json:1:1: this is not JSON"),
        ('{"kind": "plan"}', "report.json:1: this is a plan, not a report"),
    ],
)
def test_what_is_no_report(veeamcheck: Veeamcheck, kept: Path, text: str, message: str) -> None:
    kept.write_text(text)
    result = veeamcheck("report", "report.json")
    assert (result.status, result.out) == (2, "")
    assert message in result.err


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "cannot be read: "), (b"\xff{}", "is neither UTF-8 nor UTF-16 text")],
)
def test_a_file_that_cannot_be_read(
    veeamcheck: Veeamcheck, tmp_path: Path, data: bytes | None, message: str
) -> None:
    if data is not None:
        (tmp_path / "bad.json").write_bytes(data)
    result = veeamcheck("report", "bad.json")
    assert (result.status, result.out) == (2, "")
    assert f"bad.json:1: {message}" in result.err


def test_a_report_that_powershell_redirected(veeamcheck: Veeamcheck, kept: Path) -> None:
    kept.write_text(kept.read_text(encoding="utf-8"), encoding="utf-16")
    assert veeamcheck("report", kept).status == 0


def test_a_format_that_cannot_be_written(veeamcheck: Veeamcheck, kept: Path) -> None:
    result = veeamcheck("report", kept, "-o", "csv=none/flows.csv")
    assert result.status == 4
    assert "cannot write" in result.err
    assert "What to do first" in result.out


@pytest.mark.parametrize(
    ("sample", "status"), [("all-pass", 0), ("everything", 2), ("isolated", 3)]
)
def test_for_monitoring(veeamcheck: Veeamcheck, tmp_path: Path, sample: str, status: int) -> None:
    made = SAMPLES[sample]()
    (tmp_path / "r.json").write_text(reports.render("json", made), encoding="utf-8")
    result = veeamcheck("report", "r.json", "-o", "nagios")
    assert result.status == status
    assert result.out.startswith("VEEAMCHECK ")
    # To a file it is a report as any other.
    assert veeamcheck("report", "r.json", "-o", "nagios=plugin.txt").status == 0
