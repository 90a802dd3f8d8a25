"""`veeamcheck schedule`: files for the platforms' schedulers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Veeamcheck


@pytest.fixture(autouse=True)
def inventory(tmp_path: Path) -> Path:
    file = tmp_path / "inventory.toml"
    file.write_text("")
    return file


def test_cron(veeamcheck: Veeamcheck, inventory: Path) -> None:
    result = veeamcheck("schedule", "cron", "--at", "5:17", "--", "--pace", "polite")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("17 5 * * * ")
    assert result.out.endswith(f" run --quiet --record -i {inventory} --pace polite\n")


def test_windows(veeamcheck: Veeamcheck) -> None:
    task = ElementTree.fromstring(veeamcheck("schedule", "windows", "--user", "SITE\\backup").out)
    assert "SITE\\backup" in [element.text for element in task.iter()]


def test_systemd_is_two_files(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    printed = veeamcheck("schedule", "systemd", "--every", "hourly").out
    assert "# veeamcheck.service\n" in printed
    assert "\n# veeamcheck.timer\n" in printed
    (tmp_path / "units").mkdir()
    result = veeamcheck("schedule", "systemd", "--every", "hourly", "--directory", "units")
    assert (result.status, result.out) == (0, "")
    for name in ("veeamcheck.service", "veeamcheck.timer"):
        assert (tmp_path / "units" / name).read_text() in printed
    again = veeamcheck("schedule", "systemd", "--directory", "units")
    assert again.status == 2
    assert "cannot write units/veeamcheck.service" in again.err


def test_the_inventory_is_not_there_yet(veeamcheck: Veeamcheck, inventory: Path) -> None:
    inventory.unlink()
    result = veeamcheck("schedule", "cron")
    assert result.status == 0
    assert "veeamcheck init" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cron", "--at", "25:00"], "is no time of day"),
        (["cron", "--user", "root"], "a crontab has a user already"),
        (["cron", "--", "--rule", "a\nb"], "a line break"),
        (["launchd"], "launchd"),
    ],
)
def test_mistakes(veeamcheck: Veeamcheck, arguments: list[str], message: str) -> None:
    result = veeamcheck("schedule", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
