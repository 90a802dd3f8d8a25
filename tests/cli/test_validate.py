"""`veeamcheck validate`."""

from pathlib import Path

from tests.cli.conftest import Veeamcheck, one_flow

EXPIRED = """
[[waive]]
flow = "backup-server-self-database@vbr1>vbr1"
reason = "change 4711"
until = 2001-01-31
"""


def test_what_a_valid_inventory_amounts_to(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(one_flow(6172))
    result = veeamcheck("validate", "-i", "site.toml")
    assert result == (0, "site.toml is valid: 1 host, 1 flow, 0 warnings\n", "")


def test_warnings_do_not_fail(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text(one_flow(6172) + EXPIRED)
    result = veeamcheck("validate")
    assert result.status == 0
    assert result.out.endswith("1 warning\n")
    assert result.err.startswith("warning: ")
    assert veeamcheck("validate", "--quiet").out == ""


def test_mistakes_are_one_a_line_on_stderr(veeamcheck: Veeamcheck, tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text('[hosts.a]\naddres = "10.0.0.1"\nroles = "worker"\n')
    result = veeamcheck("validate")
    assert (result.status, result.out) == (2, "")
    assert len(result.err.splitlines()) > 1
    assert all(line.startswith("inventory.toml:") for line in result.err.splitlines())
