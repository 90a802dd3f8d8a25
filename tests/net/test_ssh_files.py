"""The SSH client's files: this user's and the whole machine's, as a real server is logged in to."""

from pathlib import Path

import pytest

from tests.net.far_ends import Connect, Doors
from veeamcheck.inventory import parse_inventory
from veeamcheck.net import ssh_files
from veeamcheck.net.interface import VantageError
from veeamcheck.net.ssh import reach

INVENTORY = """\
[hosts.pve1]
address = "127.0.0.1"
roles = ["proxmox-ve"]
ssh = {}
"""


class Files:
    """The directories of SSH clients, of a user and of a machine that have nothing else."""

    def __init__(self, directory: Path, doors: Doors) -> None:
        self.user = directory / "home" / ".ssh"
        self.machine = directory / "etc"
        self.user.mkdir(parents=True)
        self.machine.mkdir()
        key = doors.host_key.export_public_key().decode()
        self.known = f"[127.0.0.1]:{doors.port} {key}"

    def config(self, directory: Path, *lines: str) -> None:
        name = "config" if directory == self.user else "ssh_config"
        (directory / name).write_text("\n".join((*lines, "")), encoding="utf-8")


@pytest.fixture
def files(tmp_path: Path, doors: Doors, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Files:
    made = Files(tmp_path, doors)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(ssh_files, "_of_machine", lambda: made.machine)
    return made


async def is_logged_in_to(doors: Doors, ssh: str = "") -> bool:
    """False where its host key is not known."""
    own = ssh or f'{{ user = "me", port = {doors.port} }}'
    try:
        async with reach(parse_inventory(INVENTORY.format(own), "site.toml"))("pve1"):
            return True
    except VantageError as error:
        if "host key" not in str(error):
            raise
        return False


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        *(("user", name) for name in ("known_hosts", "known_hosts2")),
        *(("machine", name) for name in ("ssh_known_hosts", "ssh_known_hosts2")),
    ],
)
async def test_host_keys_that_the_user_or_the_machine_knows(
    files: Files, doors: Doors, directory: str, name: str
) -> None:
    assert not await is_logged_in_to(doors)

    (getattr(files, directory) / name).write_text(files.known)

    assert await is_logged_in_to(doors)


@pytest.mark.parametrize("option", ["UserKnownHostsFile", "GlobalKnownHostsFile"])
@pytest.mark.parametrize("directory", ["user", "machine"])
async def test_host_keys_in_files_that_a_configuration_names(
    files: Files, doors: Doors, directory: str, option: str
) -> None:
    (files.user / "mine").write_text(files.known)
    files.config(getattr(files, directory), f"{option} ~/.ssh/missing ~/.ssh/mine")

    assert await is_logged_in_to(doors)


async def test_no_file_of_host_keys_is_no_leave_to_trust_everybody(
    files: Files, doors: Doors
) -> None:
    (files.user / "known_hosts").write_text(files.known)
    files.config(files.user, "UserKnownHostsFile none")

    assert not await is_logged_in_to(doors)


async def test_the_machine_s_configuration_counts_after_the_user_s(
    files: Files, doors: Doors
) -> None:
    (files.machine / "ssh_known_hosts").write_text(files.known)
    files.config(files.user, "Host server", f"Port {doors.port}")
    files.config(files.machine, "Host server", "HostName 127.0.0.1", "Port 9", "User me")

    assert await is_logged_in_to(doors, '{ host = "server" }')
