"""What users install: the wheel, in an empty environment, far from the checkout."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from veeamcheck import __version__
from veeamcheck.rulesets import shipped

ROOT = Path(__file__).parent.parent
SITE = """\
[hosts.vbr1]
address = "198.51.100.1"
roles = ["backup-server"]

[hosts.pve1]
address = "198.51.100.2"
roles = ["proxmox-ve"]
"""


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run without anything of the checkout in the environment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by way of the source distribution as for a release."""
    folder = tmp_path_factory.mktemp("dist")
    built = run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs are of an environment with nothing but the wheel."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    installed = run(programs / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return programs


def test_it_holds_the_program_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names}
    assert folders == {"veeamcheck", f"veeamcheck-{__version__}.dist-info"}
    assert {f"veeamcheck/rules/{name}.toml" for name in shipped()} <= set(names)
    assert {"veeamcheck/demo/demo.pem", "veeamcheck/demo/demo.toml", "veeamcheck/py.typed"} <= set(
        names
    )
    page = "veeamcheck/reports/html"
    assert {f"{page}/page.html", f"{page}/style.css", f"{page}/script/main.js"} <= set(names)
    assert f"veeamcheck-{__version__}.dist-info/licenses/LICENSE" in names


def test_a_plan(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text(SITE)
    done = run(programs / "veeamcheck", "plan", "-o", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "backup-server-pve-api@vbr1>pve1" in {
        flow["id"] for flow in json.loads(done.stdout)["flows"]
    }


def test_its_rules(programs: Path, tmp_path: Path) -> None:
    done = run(programs / "python", "-m", "veeamcheck", "rules", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "worker-repository-data" in done.stdout


def test_the_demo(programs: Path, tmp_path: Path) -> None:
    done = run(programs / "veeamcheck", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "What to do first" in done.stdout
    assert (tmp_path / "veeamcheck-demo.toml").exists()
