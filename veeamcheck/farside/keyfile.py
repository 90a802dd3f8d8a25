"""The key that a listener and its probers share, in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path

from veeamcheck.places import config_directory

_BYTES = 32
_LONGEST = 1024
"""Bytes: a file that is longer holds something else."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyFileError(Exception):
    """The key cannot be had; the text says why, and what to do."""


def default_key_file() -> Path:
    """Where the key is kept: this user's configuration directory on this platform."""
    return config_directory() / "listener.key"


def read_key(path: Path) -> bytes:
    """The key in this file; KeyFileError where it cannot be read, or others could read it too."""
    try:
        if not path.is_file():
            what = "it is no file" if path.exists() else "there is no such file"
            raise KeyFileError(f"{path}: {what}; `veeamcheck listen` makes a key")
        with path.open("rb") as file:
            # Windows has no such bits: there a file in the profile is its owner's alone.
            mode = os.fstat(file.fileno()).st_mode
            if sys.platform != "win32" and mode & _OTHERS:
                raise KeyFileError(f"{path}: others can read this key; run: chmod 600 {path}")
            text = file.read(_LONGEST + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from None
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise KeyFileError(f"{path}: this is no key of veeamcheck: {_BYTES} bytes as hex digits")
    return key


def make_key(path: Path) -> bytes:
    """A new key, written to a file that must not be there yet; KeyFileError where it cannot be."""
    key = secrets.token_bytes(_BYTES)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{key.hex()}\n")
        except OSError:  # a full disk: what is no key would stand in the way of the next one
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise KeyFileError(f"{path}: cannot make a key: {error.strerror or error}") from None
    return key
