"""Running a command line in this process, in an empty directory."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.impostors import serve
from tests.published import assert_published
from veeamcheck.cli._frame import run_command_line
from veeamcheck.demo.services import HttpsServer, tls_context


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed; a report must be as published."""
        document = json.loads(self.out)
        if document.get("kind") == "report":
            assert_published(document)
        return document


Veeamcheck = Callable[..., Result]


@pytest.fixture
def veeamcheck(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Veeamcheck:
    """Runs veeamcheck with these arguments in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("XDG_CONFIG_HOME", "LOCALAPPDATA", "HOME"):  # no listener's key of a real user
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in (
        "VEEAMCHECK_INVENTORY",
        "VEEAMCHECK_HISTORY",
        "VEEAMCHECK_TARGETS",
        "VEEAMCHECK_DEBUG",
    ):
        monkeypatch.delenv(name, raising=False)
    # No test leaves a run in the history of whoever starts it.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        return Result(run_command_line(list(map(str, arguments))), *capsys.readouterr())

    return run


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of loopback on which an HTTPS server listens."""
    with serve(HttpsServer, tls=tls_context()) as port:
        yield port


@pytest.fixture
def closed() -> Iterator[int]:
    """A port of loopback that nobody else takes and on which nothing listens."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def one_flow(port: int, more: str = "") -> str:
    """An inventory with one flow: the backup server to itself, on this port."""
    return f"""\
{more}
[hosts.vbr1]
address = "127.0.0.1"
roles = ["backup-server"]
ports = {{ "6172" = "{port}" }}
"""
