import subprocess
import sys

import pytest

from tests.samples import all_pass
from veeamcheck import reports


def test_formats_are_found_by_file_name() -> None:
    assert reports.formats() == ["json", "terminal"]


def test_finding_formats_imports_none_of_them() -> None:
    code = (
        "import sys; from veeamcheck import reports; reports.formats();"
        "print(sorted(m for m in sys.modules if m.startswith(('rich', 'pydantic', 'asyncio'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", reports.formats())
def test_every_format_renders_a_report(name: str) -> None:
    assert "backup-server-pve-api" in reports.render(name, all_pass())


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(KeyError):
        reports.render("__init__", all_pass())
