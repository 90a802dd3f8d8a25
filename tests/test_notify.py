"""Who is notified, and by whom that can be decided."""

from __future__ import annotations

import builtins
import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from veeamcheck.notify import NotifyError, notify, read_targets


class Listener:
    """A web hook on loopback."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.heard.append(json.loads(body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.target = f"json://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("no_proxy", "*")
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, args=[0.01])
    thread.start()
    yield listener
    listener.server.shutdown()
    thread.join()
    listener.server.server_close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "targets"
    file.write_text("# who is on duty\n\njson://127.0.0.1:9/\n  json://localhost/hook  \n")
    file.chmod(0o600)
    return file


def test_a_file_as_windows_editors_write_it(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf# on duty\r\njson://localhost/\r\n")
    assert read_targets(file) == ("json://localhost/",)


def test_one_target_a_line(file: Path) -> None:
    assert read_targets(file) == ("json://127.0.0.1:9/", "json://localhost/hook")


def test_everybody_hears_it(hook: Listener) -> None:
    notify([hook.target, hook.target], "veeamcheck", "failed <b>flow</b>: *no* answer\nsecond")
    assert [heard["title"] for heard in hook.heard] == ["veeamcheck"] * 2
    assert hook.heard[0]["message"] == "failed <b>flow</b>: *no* answer\nsecond"


def test_somebody_could_not_be_told(hook: Listener) -> None:
    hook.status = 500
    with pytest.raises(NotifyError, match="not everybody could be told") as error:
        notify([hook.target], "veeamcheck", "failed")
    assert hook.target not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names no target; write one target a line"),
        (b"# nobody\n", "names no target"),
        (b"json://localhost/\nno such thing\n", "target 2 is none that apprise knows"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_no_targets(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(NotifyError, match=message):
        read_targets(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotifyError, match="cannot read"):
        read_targets(tmp_path / "not-there")
    with pytest.raises(NotifyError, match="cannot read"):
        read_targets(tmp_path)


def test_a_secret_is_never_shown(file: Path) -> None:
    file.write_text("bogus://user:hunter2@host/\n")
    with pytest.raises(NotifyError) as error:
        read_targets(file)
    assert "hunter2" not in str(error.value)


posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_others_can_write_the_file(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(NotifyError, match=f"others can write {file}.*chmod go-w"):
        read_targets(file)


@posix
def test_others_can_write_a_directory_on_the_way(file: Path) -> None:
    open_to_all = file.parent / "open"
    inner = open_to_all / "inner"
    inner.mkdir(parents=True)
    moved = file.rename(inner / "targets")
    open_to_all.chmod(0o777)
    with pytest.raises(NotifyError, match=f"others can write {open_to_all}, "):
        read_targets(moved)
    open_to_all.chmod(0o1777)  # as /tmp: nobody can replace what is another's
    assert read_targets(moved)


@posix
def test_a_link_counts_as_where_it_leads(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert read_targets(link)
    file.chmod(0o622)
    with pytest.raises(NotifyError, match="others can write"):
        read_targets(link)


@posix
def test_somebody_elses_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    if file.stat().st_uid == 0:
        os.chown(file, 4712, -1)
    with pytest.raises(NotifyError, match="belongs to somebody else"):
        read_targets(file)


def test_apprise_is_not_installed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "apprise":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotifyError, match=r"pip install 'veeamcheck\[notify\]'"):
        read_targets(file)
