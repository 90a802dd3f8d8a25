"""`-o nagios` on stdout: whatever happens, monitoring gets a line and a status that it knows."""

from pathlib import Path

import pytest

from tests.cli.conftest import Veeamcheck, one_flow
from veeamcheck.cli import run as run_module
from veeamcheck.cli._output import asks_for_plugin


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("run -o nagios", True),
        ("run -onagios", True),
        ("run -qo nagios --nonsense", True),
        ("run --output nagios", True),
        ("run --output=nagios -i x", True),
        ("run -o json=a -o nagios", True),
        ("run -o nagios=file", False),
        ("run --host nagios", False),
        ("run -o json", False),
        ("", False),
    ],
)
def test_asked_for(line: str, asked: bool) -> None:
    assert asks_for_plugin(line.split()) is asked


def test_a_pass(veeamcheck: Veeamcheck, tmp_path: Path, listening: int) -> None:
    (tmp_path / "inventory.toml").write_text(one_flow(listening))
    result = veeamcheck("run", "-o", "nagios")
    assert result.status == 0
    assert result.out.startswith("VEEAMCHECK OK: The one tested flow works. | ")


def test_a_failure(veeamcheck: Veeamcheck, tmp_path: Path, closed: int) -> None:
    (tmp_path / "inventory.toml").write_text(one_flow(closed))
    result = veeamcheck("run", "-o", "nagios", "-o", "json=report.json")
    assert result.status == 2
    assert result.out.startswith("VEEAMCHECK CRITICAL: ")
    assert Path("report.json").exists()
    # Without it on stdout the exit statuses are ours.
    assert veeamcheck("run", "-o", "nagios=plugin.txt").status == 1


@pytest.mark.parametrize(
    ("inventory", "arguments", "message"),
    [
        (None, [], "there is no inventory.toml here"),
        ("hosts = 3", [], "inventory.toml:1"),
        ("", ["--nonsense"], "No such option: --nonsense"),
        (one_flow(6172), ["--host", "nobody"], "no flow of 1 matches"),
        (one_flow(6172), ["-o", "json"], "only one format can go to stdout"),
    ],
    ids=["missing", "mistake", "option", "filter", "outputs"],
)
def test_bad_input_is_unknown(
    veeamcheck: Veeamcheck,
    tmp_path: Path,
    inventory: str | None,
    arguments: list[str],
    message: str,
) -> None:
    if inventory is not None:
        (tmp_path / "inventory.toml").write_text(inventory)
    result = veeamcheck("run", "-o", "nagios", *arguments)
    assert result.status == 3
    assert result.out.startswith("VEEAMCHECK UNKNOWN: ")
    assert message in result.out
    assert message in result.err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (RuntimeError("x"), "a defect of veeamcheck itself: RuntimeError: x"),
    ],
)
def test_whatever_else_ends_it_is_unknown(
    veeamcheck: Veeamcheck,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    message: str,
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(run_module, "read_inventory", fail)
    result = veeamcheck("run", "-o", "nagios")
    assert result.status == 3
    assert result.out.startswith(f"VEEAMCHECK UNKNOWN: veeamcheck: {message}")


def test_another_report_that_cannot_be_written_is_unknown(
    veeamcheck: Veeamcheck, tmp_path: Path, listening: int
) -> None:
    (tmp_path / "inventory.toml").write_text(one_flow(listening))
    result = veeamcheck("run", "-o", "nagios", "-o", "json=none/report.json")
    assert result.status == 3
    assert "cannot write" in result.err


def test_help_is_help(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("run", "-o", "nagios", "--help")
    assert result.status == 0
    assert "Usage:" in result.out
