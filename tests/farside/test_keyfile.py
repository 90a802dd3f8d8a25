"""The key file: its owner's alone."""

import stat
import sys
from pathlib import Path

import pytest

from veeamcheck.farside.keyfile import KeyFileError, default_key_file, make_key, read_key

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")


def test_a_key_that_was_made_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "new directory" / "key"
    key = make_key(file)
    assert read_key(file) == key
    assert len(key) == 32
    assert make_key(tmp_path / "another") != key


@posix
def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "key"
    make_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_can_reach_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    make_key(file)
    file.chmod(mode)
    with pytest.raises(KeyFileError, match=f"others can read this key; run: chmod 600 {file}"):
        read_key(file)


@posix
def test_a_key_that_could_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    import resource

    file = tmp_path / "key"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(KeyFileError, match="cannot make a key"):
            make_key(file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not file.exists()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = make_key(file)
    with pytest.raises(KeyFileError, match="cannot make a key"):
        make_key(file)
    assert read_key(file) == key


@pytest.mark.parametrize("text", [b"", b"zz" * 32, b"ab" * 31, b"ab" * 33, b"\xff" * 64])
def test_what_is_no_key_is_refused(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(text)
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match="this is no key"):
        read_key(file)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="it is no file"):
        read_key(tmp_path)
    with pytest.raises(KeyFileError, match="there is no such file"):
        read_key(tmp_path / "missing")


@pytest.mark.parametrize(
    ("platform", "variable"), [("linux", "XDG_CONFIG_HOME"), ("win32", "LOCALAPPDATA")]
)
def test_it_lies_where_the_platform_keeps_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variable: str
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert default_key_file() == tmp_path / "veeamcheck" / "listener.key"
