"""`veeamcheck demo`: what it prints, leaves behind and exits with."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Veeamcheck
from veeamcheck.cli import demo as demo_module
from veeamcheck.demo.site import DemoError, inventory_text
from veeamcheck.inventory import load_inventory
from veeamcheck.model import Report, Verdict

KEPT = "veeamcheck-demo.toml"


@pytest.fixture(scope="module")
def report() -> Report:
    """The report of one real run of the demo."""
    import asyncio

    from veeamcheck.demo.site import audit_demo

    return asyncio.run(audit_demo(KEPT))[1]


@pytest.fixture
def shown(report: Report, monkeypatch: pytest.MonkeyPatch) -> Callable[[Report], None]:
    """Makes the command show this report instead of a new one; at first, the real one."""

    def show(report: Report) -> None:
        async def audit_demo(*_arguments: Any, **_more: Any) -> tuple[str, Report]:
            return inventory_text(), report

        monkeypatch.setattr(demo_module, "audit_demo", audit_demo)

    show(report)
    return show


def test_the_real_thing(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    result = veeamcheck("demo")
    assert result.status == 0
    for word in ("fail", "degraded", "pass", "waived", "untested"):
        assert word in result.out
    assert "as a real audit it would exit with 1" in result.err
    assert len(load_inventory(tmp_path / KEPT).hosts) == 7


@pytest.mark.usefixtures("shown")
def test_a_file_that_is_there_is_kept(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    (tmp_path / KEPT).write_text("mine")
    result = veeamcheck("demo")
    assert result.status == 0
    assert "differs" in result.err
    assert (tmp_path / KEPT).read_text() == "mine"


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(("answer", "kept"), [("y\n", inventory_text()), ("n\n", "mine")])
def test_asking_before_it_is_replaced(
    veeamcheck: Veeamcheck,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    kept: str,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    (tmp_path / KEPT).write_text("mine")
    assert veeamcheck("demo").status == 0
    assert (tmp_path / KEPT).read_text() == kept


@pytest.mark.usefixtures("shown")
def test_another_file(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    assert veeamcheck("demo", "--keep", "mine.toml", "--quiet").err == ""
    assert [file.name for file in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.usefixtures("shown")
def test_a_place_that_cannot_be_written(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("demo", "--keep", "missing/demo.toml")
    assert result.status == 4
    assert "fail" in result.out


def test_a_demo_that_shows_something_else_is_a_defect(
    veeamcheck: Veeamcheck, shown: Callable[[Report], None], report: Report
) -> None:
    from dataclasses import replace

    passing = replace(report.flows[0], verdict=Verdict.PASS)
    shown(replace(report, flows=(passing,)))
    result = veeamcheck("demo")
    assert result.status == 70
    assert "should be degraded, not missing" in result.err


def test_a_machine_that_cannot_hold_it(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def audit_demo(*_arguments: Any, **_more: Any) -> None:
        raise DemoError("no such addresses")

    monkeypatch.setattr(demo_module, "audit_demo", audit_demo)
    result = veeamcheck("demo")
    assert (result.status, result.out) == (2, "")
    assert "no such addresses" in result.err
