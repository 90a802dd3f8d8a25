"""Where a platform keeps what programs are told and what they remember."""

import sys
from pathlib import Path

import pytest

from veeamcheck import places
from veeamcheck.farside.keyfile import default_key_file
from veeamcheck.history import default_path
from veeamcheck.places import config_directory, data_directory, expanded, home

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="writes paths as POSIX does")
MAC = "/u/Library/Application Support/veeamcheck"


@pytest.mark.parametrize(
    ("platform", "variables", "config", "data"),
    [
        (
            "linux",
            {"XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"},
            "/config/veeamcheck",
            "/data/veeamcheck",
        ),
        ("linux", {}, "/u/.config/veeamcheck", "/u/.local/share/veeamcheck"),
        (
            "linux",
            {"XDG_CONFIG_HOME": "relative", "XDG_DATA_HOME": ""},
            "/u/.config/veeamcheck",
            "/u/.local/share/veeamcheck",
        ),
        ("darwin", {"XDG_DATA_HOME": "/data"}, MAC, MAC),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/veeamcheck", "/local/veeamcheck"),
        ("win32", {}, "/u/AppData/Local/veeamcheck", "/u/AppData/Local/veeamcheck"),
    ],
)
def test_each_platform_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    variables: dict[str, str],
    config: str,
    data: str,
) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/u", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(places.sys, "platform", platform)
    assert (config_directory(), data_directory()) == (Path(config), Path(data))
    assert default_key_file() == Path(config, "listener.key")
    assert default_path() == Path(data, "history.db")


def test_a_user_whom_the_system_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """In containers, say: there is no home, and that is no defect of ours."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(places.Path, "home", homeless)
    assert data_directory() == Path("/.local/share/veeamcheck")


def test_a_path_of_a_user_without_a_home_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/u")
    assert (home(), expanded("~/.ssh/key")) == (Path("/u"), Path("/u/.ssh/key"))
    # As where neither the environment nor the system's users name one.
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert (home(), expanded("~/.ssh/key")) == (Path("/"), Path("~/.ssh/key"))
