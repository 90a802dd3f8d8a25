"""`veeamcheck bundle`: an archive for a ticket."""

import json
import stat
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import Veeamcheck
from tests.samples import everything
from veeamcheck import reports
from veeamcheck.bundle.surroundings import DEPENDENCIES

INVENTORY = """
[audit]
rule_sets = ["veeam-pve"]
[hosts.vbr1]
address = "127.0.0.1"
roles = ["backup-server"]
[hosts.pve1]
address = "127.0.0.2"
roles = ["proxmox-ve"]
tls = { issuer = "Example Site CA" }
"""
ALWAYS = ["MANIFEST.txt", "report.json", "report.txt", "resolver.json", "network.json"]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    file = tmp_path / "report.json"
    file.write_text(reports.render("json", everything()), encoding="utf-8")
    return file


def inside(file: str = "veeamcheck-bundle.zip") -> dict[str, str]:
    with zipfile.ZipFile(file) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def test_a_report_alone(veeamcheck: Veeamcheck, kept: Path) -> None:
    result = veeamcheck("bundle", kept)
    assert result.status == 0
    assert list(inside()) == [*ALWAYS, "versions.json", "timings.json"]
    assert "pve2" not in "".join(inside().values())
    for name in inside():
        assert f"  {name} " in result.out


def test_a_user_without_a_home_has_no_name_to_hide(
    veeamcheck: Veeamcheck, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert veeamcheck("bundle", kept).status == 0
    assert "report.txt" in inside()


def test_what_stands_for_what_stays_beside_it(veeamcheck: Veeamcheck, kept: Path) -> None:
    result = veeamcheck("bundle", kept, "-o", "ticket.zip")
    file = Path("ticket.map.json")
    assert "vbr1" in json.loads(file.read_text(encoding="utf-8")).values()
    assert "ticket.map.json says what stands for what" in result.err
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_older_map_that_others_could_read_becomes_private(
    veeamcheck: Veeamcheck, kept: Path
) -> None:
    file = Path("veeamcheck-bundle.map.json")
    file.write_text("old")
    file.chmod(0o644)
    assert veeamcheck("bundle", kept, "-q") == (0, "", "")
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_inventory_here_is_packed_with_its_plan(veeamcheck: Veeamcheck, kept: Path) -> None:
    Path("inventory.toml").write_text(INVENTORY)
    assert veeamcheck("bundle", kept).status == 0
    assert {"plan.json", "inventory.toml"} <= inside().keys()
    Path("again.toml").write_text(inside()["inventory.toml"])
    assert veeamcheck("validate", "-i", "again.toml").status == 0
    assert "Example Site" not in "".join(inside().values())


def test_the_redacted_report_is_read_by_the_other_commands(
    veeamcheck: Veeamcheck, kept: Path
) -> None:
    veeamcheck("bundle", kept)
    Path("redacted.json").write_text(inside()["report.json"], encoding="utf-8")
    assert "What does not work" in veeamcheck("report", "redacted.json").out
    assert veeamcheck("diff", "redacted.json", "redacted.json").status == 0
    assert veeamcheck("merge", "redacted.json").status == 1


def test_without_redaction(veeamcheck: Veeamcheck, kept: Path) -> None:
    result = veeamcheck("bundle", kept, "--no-redact")
    assert "look before you pass it on" in result.err
    assert "pve2" in inside()["report.txt"]
    assert not Path("veeamcheck-bundle.map.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name the report to pack; write one with: veeamcheck run -o json=report.json"),
        (["missing.json"], "missing.json:1: cannot be read"),
        (["report.json", "-i", "missing.toml"], "missing.toml"),
    ],
)
def test_what_is_missing_is_said(
    veeamcheck: Veeamcheck, kept: Path, arguments: list[str], message: str
) -> None:
    result = veeamcheck("bundle", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert not Path("veeamcheck-bundle.zip").exists()


def test_an_archive_that_cannot_be_written(veeamcheck: Veeamcheck, kept: Path) -> None:
    result = veeamcheck("bundle", kept, "-o", "no-such-folder/ticket.zip")
    assert (result.status, result.out) == (4, "")
    assert "cannot write" in result.err
    assert list(Path().iterdir()) == [Path("report.json")]


def test_versions_of_all_that_it_is_built_on_are_told() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    needed = [*project["dependencies"], *(each for extra in extras for each in extra)]
    assert sorted(DEPENDENCIES) == sorted(each.partition(">=")[0] for each in needed)
