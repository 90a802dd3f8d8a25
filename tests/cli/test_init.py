"""`veeamcheck init`."""

import io
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Veeamcheck
from veeamcheck.inventory import load_inventory

OPTIONS = ("--backup-server", "10.0.10.5", "--proxmox-ve", "10.0.10.20")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_addresses_as_options(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    result = veeamcheck(
        *("init", *OPTIONS, "--proxmox-ve", "pve2.example.com", "--worker", "10.0.20.11"),
        *("--repository", "10.0.10.5", "-o", "site.toml"),
    )
    assert (result.status, result.out) == (0, "")
    assert "wrote site.toml: 5 hosts" in result.err
    hosts = load_inventory(tmp_path / "site.toml").hosts
    assert list(hosts) == ["vbr1", "pve1", "pve2", "worker1", "updates"]
    assert hosts["vbr1"].roles == ("backup-server", "repository")
    assert hosts["worker1"].stand_in == "pve1"


def test_no_updates_no_update_repository(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    veeamcheck("init", *OPTIONS, "--worker", "10.0.20.11", "--no-online-updates")
    inventory = load_inventory(tmp_path / "inventory.toml")
    assert "updates" not in inventory.hosts
    assert inventory.options["online_updates"] is False


def test_nothing_is_overwritten(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text("mine")
    result = veeamcheck("init", *OPTIONS)
    assert result.status == 2
    assert "inventory.toml exists already" in result.err
    assert (tmp_path / "inventory.toml").read_text() == "mine"


@pytest.mark.parametrize("address", ["10.0.0.300", "https://pve1", "10.0.10.0/24", "a b", '"', ""])
def test_what_is_no_address(veeamcheck: Veeamcheck, tmp_path: Path, address: str) -> None:
    result = veeamcheck("init", "--proxmox-ve", address)
    assert result.status == 2
    assert "hosts.pve1.address" in result.err
    assert list(tmp_path.iterdir()) == []


def test_nobody_to_ask(veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    result = veeamcheck("init")
    assert result.status == 2
    assert "veeamcheck init --help" in result.err


def test_asking(veeamcheck: Veeamcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = "10.0.10.5\n10.0.10.300\n10.0.10.20, 10.0.10.21\n\n10.0.20.11\n\nn\n"
    monkeypatch.setattr(sys, "stdin", Terminal(answers))
    result = veeamcheck("init")
    assert (result.status, result.out.strip()) == (0, "")
    assert "10.0.10.300" in result.err
    inventory = load_inventory(tmp_path / "inventory.toml")
    assert list(inventory.hosts) == ["vbr1", "pve1", "pve2", "worker1"]
    assert inventory.options["online_updates"] is False


@pytest.mark.parametrize(("answers", "status"), [("\n\n\n\n\n", 2), ("10.0.10.5\n", 130)])
def test_answers_that_end_early(
    veeamcheck: Veeamcheck,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: str,
    status: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answers))
    assert veeamcheck("init").status == status
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("init", *OPTIONS, "-o", "missing/inventory.toml")
    assert result.status == 2
    assert "cannot write missing" in result.err
