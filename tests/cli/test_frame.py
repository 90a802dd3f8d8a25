"""Finding commands, and every way out of one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Veeamcheck
from veeamcheck import __version__
from veeamcheck.cli import _frame
from veeamcheck.cli._frame import command_names

COMMANDS = [
    *("bundle", "demo", "diff", "explain", "firewall", "history", "init", "listen"),
    *("merge", "plan", "probe", "report", "rules", "run", "schedule", "schema", "script"),
    *("trace", "validate", "watch"),
]


def in_process_of_its_own(
    *arguments: str, stdout: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "veeamcheck", *arguments],
        env={**os.environ, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        timeout=60,
    )


def test_commands_are_the_files() -> None:
    assert command_names() == COMMANDS


def test_help_lists_every_command_with_its_whole_first_line(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("--help")
    assert result.status == 0
    for name in COMMANDS:
        module = __import__(f"veeamcheck.cli.{name}", fromlist=["app"])
        first_line = module.__doc__.splitlines()[0]
        assert f"  {name:<8}  {first_line}\n" in result.out


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help_with_an_example(
    veeamcheck: Veeamcheck, name: str, option: str
) -> None:
    result = veeamcheck(name, option)
    assert result.status == 0
    assert f"\n      veeamcheck {name}" in result.out


def test_without_a_command_help_goes_to_stderr(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck()
    assert (result.status, result.out) == (2, "")
    assert "Commands:" in result.err


def test_version(veeamcheck: Veeamcheck) -> None:
    assert veeamcheck("--version") == (0, f"veeamcheck {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "veeamcheck: No such command 'rnu'. Did you mean 'run'?"),
        (["run", "--pase", "fast"], "veeamcheck run: No such option: --pase"),
        (["run", "--pace", "faster"], "veeamcheck run: Invalid value for '--pace'"),
        (["probe", "127.0.0.1"], "veeamcheck probe: Missing argument 'port'"),
        (["probe", "127.0.0.1", "70000"], "port 70000 is not between 1 and 65535"),
        (["schema", "inventories"], "veeamcheck schema: Invalid value for 'what'"),
        (["-i"], "veeamcheck: No such option: -i"),
    ],
)
def test_usage_errors(veeamcheck: Veeamcheck, arguments: list[str], message: str) -> None:
    result = veeamcheck(*arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert "--help'." in result.err


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ZeroDivisionError("division by zero"), 70, "a defect of veeamcheck itself"),
        (RecursionError("too deep"), 70, "a defect of veeamcheck itself"),
        (SystemExit("unexpected"), 70, ""),
        (KeyboardInterrupt(), 130, "interrupted"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_exceptions_become_statuses(
    veeamcheck: Veeamcheck,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    message: str,
) -> None:
    def fail(_name: str) -> None:
        raise error

    monkeypatch.setattr(_frame, "load_command", fail)
    result = veeamcheck("run")
    assert (result.status, result.out) == (status, "")
    assert message in result.err
    assert "Traceback" not in result.err


def test_a_defect_shows_where_it_is_when_asked(
    veeamcheck: Veeamcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_name: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(_frame, "load_command", fail)
    monkeypatch.setenv("VEEAMCHECK_DEBUG", "1")
    result = veeamcheck("run")
    assert result.status == 70
    assert "Traceback" in result.err


def test_a_reader_that_leaves_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for arguments in (["--help"], ["rules"], ["run", "--help"]):
        result = in_process_of_its_own(*arguments, stdout=writer)
        assert (result.returncode, result.stderr) == (0, "")
    os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["rules"]])
def test_a_full_disk_is_said(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        result = in_process_of_its_own(*arguments, stdout=full.fileno())
    assert result.returncode == 4
    assert result.stderr.endswith("No space left on device\n")


def imported_by(*arguments: str) -> set[str]:
    """The modules in memory after a command."""
    code = (
        "import sys\n"
        "from veeamcheck.cli._frame import run_command_line\n"
        f"run_command_line({list(arguments)!r})\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.splitlines())


def test_help_imports_no_command_and_nothing_slow() -> None:
    imported = imported_by("--help")
    assert not imported & {f"veeamcheck.cli.{name}" for name in COMMANDS}
    assert not imported & {"asyncio", "pydantic", "rich", "tomllib"}


def test_a_plan_imports_no_network(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.toml"
    inventory.write_text('[hosts.a]\naddress = "192.0.2.1"\nroles = ["backup-server"]\n')
    imported = imported_by("plan", "-i", str(inventory), "--from", "a")
    assert "veeamcheck.cli.plan" in imported
    assert not imported & {"asyncio", "veeamcheck.auditing.audit", "veeamcheck.cli.run"}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("veeamcheck ru", {"rules", "run"}),
        ("veeamcheck run --pac", {"--pace"}),
        ("veeamcheck run -o js", {"json"}),
        ("veeamcheck run --pace p", {"polite"}),
        ("veeamcheck rules show worker-ntp", {"worker-ntp-server-time"}),
    ],
)
def test_the_shell_completes(line: str, offered: set[str]) -> None:
    result = in_process_of_its_own(
        _VEEAMCHECK_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(line.count(" ")),
    )
    assert result.returncode == 0
    assert set(result.stdout.split()) == offered
