import subprocess
import sys
from pathlib import Path

import pytest

from tests.samples import SAMPLES, all_pass
from veeamcheck import reports
from veeamcheck.reports.json import read_report

LISTING = sorted(set(reports.formats()) - {"nagios"})
"""Those that name every flow; monitoring is told the causes."""


def test_formats_are_found_by_file_name() -> None:
    assert reports.formats() == [
        "csv", "html", "json", "junit", "markdown", "nagios", "prometheus", "terminal"
    ]  # fmt: skip


def test_finding_formats_imports_none_of_them() -> None:
    code = (
        "import sys; from veeamcheck import reports; reports.formats();"
        "print(sorted(m for m in sys.modules if m.startswith("
        "('rich', 'pydantic', 'asyncio', 'jinja2', 'junitparser', 'prometheus_client'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", LISTING)
def test_every_format_names_the_flows(name: str) -> None:
    assert "backup-server-pve-api" in reports.render(name, all_pass())


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("name", reports.formats())
def test_every_format_renders_every_report_as_text_that_can_be_stored(
    name: str, sample: str
) -> None:
    stored = reports.render(name, SAMPLES[sample]()).encode()
    assert stored
    # No report makes a terminal obey, whichever format is printed to it.
    assert b"\x1b" not in stored


@pytest.mark.parametrize("name", ["__init__", "_words", "html5"])
def test_an_unknown_format_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        reports.render(name, all_pass())


@pytest.mark.parametrize("name", reports.formats())
def test_a_report_with_nothing_but_what_the_contract_has_is_enough(name: str) -> None:
    """As another program may write it; see contract.json."""
    text = Path(__file__).with_name("contract.json").read_text(encoding="utf-8")
    assert "repo1" in reports.render(name, read_report(text))
