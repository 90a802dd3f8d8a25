"""Where output goes, and that a file is replaced as a whole or not at all."""

import os
import stat
from pathlib import Path

import pytest
import typer

from veeamcheck.cli._output import Output, parse_outputs, write_file

FORMATS = ["html", "json", "terminal"]


@pytest.mark.parametrize(
    ("texts", "outputs"),
    [
        ([], [Output("terminal", None)]),
        (["json"], [Output("json", None)]),
        (["json=a.json"], [Output("terminal", None), Output("json", Path("a.json"))]),
        (
            ["json=a.json", "html=b=c.html"],
            [
                Output("terminal", None),
                Output("json", Path("a.json")),
                Output("html", Path("b=c.html")),
            ],
        ),
        (["json", "html=b.html"], [Output("json", None), Output("html", Path("b.html"))]),
        (
            ["json=a", "json=b"],
            [Output("terminal", None)] + [Output("json", Path(n)) for n in "ab"],
        ),
    ],
)
def test_outputs(texts: list[str], outputs: list[Output]) -> None:
    assert parse_outputs(texts, FORMATS, "terminal") == outputs


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["jsn"], "'jsn' is no format; there are: html, json, terminal; did you mean 'json'?"),
        (["=a.json"], "'' is no format"),
        (["json="], "'json=' names no file after the ="),
        (["json", "html"], "only one format can go to stdout"),
        (["json=a", "html=a"], "a is named twice"),
    ],
)
def test_wrong_outputs(texts: list[str], message: str) -> None:
    with pytest.raises(typer.BadParameter) as error:
        parse_outputs(texts, FORMATS, "terminal")
    assert message in error.value.message


def test_a_file_is_written_as_utf_8_with_plain_newlines(tmp_path: Path) -> None:
    write_file(tmp_path / "a", "ä\n✓\n")
    assert (tmp_path / "a").read_bytes() == "ä\n✓\n".encode()


def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.json"
    file.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_directory_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"directory|denied"):
        write_file(tmp_path, "new")
    assert tmp_path.is_dir()


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
def test_permissions_and_links_stay(tmp_path: Path) -> None:
    file, link = tmp_path / "report.json", tmp_path / "latest.json"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_file(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="POSIX devices")
def test_a_device_is_written_to_and_not_replaced() -> None:
    write_file(Path(os.devnull), "gone")
    assert Path(os.devnull).is_char_device()


def test_nothing_is_left_beside_a_file_that_cannot_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows it cannot while another program reads it."""

    def held(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    target = tmp_path / "report.json"
    target.write_text("old")
    monkeypatch.setattr(Path, "replace", held)
    with pytest.raises(PermissionError):
        write_file(target, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    assert target.read_text() == "old"


def test_what_a_killed_program_left_is_not_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every program has the same number in a container."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    (tmp_path / ".report.json.1.tmp").write_text("half")
    write_file(tmp_path / "report.json", "whole")
    assert (tmp_path / "report.json").read_text() == "whole"
