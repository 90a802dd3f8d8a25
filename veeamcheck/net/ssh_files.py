"""The files of the SSH client here, as OpenSSH reads them: this user's, and the whole machine's.

asyncssh alone looks at the user's own only, and accepts any host key where a configuration says
`UserKnownHostsFile none`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import asyncssh

from veeamcheck.places import expanded, home

_KNOWN = ("known_hosts", "known_hosts2")


def configuration() -> list[Path]:
    """The client's configuration, those files that are there; the first to say a thing counts."""
    return _readable([_of_user() / "config", _of_machine() / "ssh_config"])


def known_hosts(host: str, *, user: str | None, port: int | None) -> asyncssh.SSHKnownHosts:
    """What is known of the keys of hosts when this one is dialled; raises ValueError."""
    given: dict[str, Any] = {"username": user, "port": port}
    options = asyncssh.SSHClientConnectionOptions(
        host=host,
        config=configuration(),
        client_keys=None,
        agent_path=None,
        **{key: value for key, value in given.items() if value is not None},
    )
    files = [
        *_named(options, "UserKnownHostsFile", [_of_user() / name for name in _KNOWN]),
        *_named(options, "GlobalKnownHostsFile", [_of_machine() / f"ssh_{n}" for n in _KNOWN]),
    ]
    return asyncssh.read_known_hosts([str(file) for file in _readable(files)])


def _named(
    options: asyncssh.SSHClientConnectionOptions, option: str, default: list[Path]
) -> list[Path]:
    files: Any = options.config.get(option)
    return default if files is None else [expanded(file) for file in files]


def _readable(files: list[Path]) -> list[Path]:
    """Those that can be read; like OpenSSH, the others are passed over."""
    return [file for file in files if os.access(file, os.R_OK) and not file.is_dir()]


def _of_user() -> Path:
    return home() / ".ssh"


def _of_machine() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", "C:/ProgramData")) / "ssh"
    return Path("/etc/ssh")
