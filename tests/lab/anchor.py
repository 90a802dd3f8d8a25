"""The lab's own corner of the kernel, and the one process that keeps it alive.

A lab lives in its own network, mount and process namespaces (and user namespace, where we are not
root), so that names never clash on the machine. The first process in there, the *anchor*, only
waits for its standard input to end. That input is a pipe from us: however we end, also by SIGKILL,
the kernel closes it, the anchor exits, and the kernel then kills every process of the lab and drops
its interfaces, firewalls and files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

TOOLS = ("unshare", "nsenter", "ip", "nft", "sysctl")

STATE = "/run/lab"
"""Where the lab keeps its files, as its own processes see it."""

# Names are looked up in the lab's own hosts file alone: never in the machine's, never in DNS.
_SETUP = f"""
mount -t tmpfs -o mode=755 lab /run
mkdir /run/netns /run/sshd {STATE}
echo '127.0.0.1 localhost' > {STATE}/hosts
echo '::1 localhost' >> {STATE}/hosts
printf 'passwd: files\\ngroup: files\\nhosts: files\\n' > {STATE}/nsswitch.conf
# Over SSH, neither an account locked with "!" nor one without a shell could be used.
sed 's,[^:]*$,/bin/sh,' /etc/passwd > {STATE}/passwd
echo 'root:*:1::::::' > {STATE}/shadow
for file in hosts nsswitch.conf passwd shadow; do
    if [ -e /etc/$file ]; then mount --bind {STATE}/$file /etc/$file; fi
done
nft list ruleset > /dev/null
ip link add probe type bridge
ip link del probe
echo ready
exec cat > /dev/null
"""


class LabError(Exception):
    """The lab could not do what a test asked of it; the message carries the output or log."""


class Anchor:
    """A running anchor. `stop` takes everything that lives in the lab with it."""

    def __init__(self) -> None:
        """Start the anchor; LabError says why this machine cannot."""
        if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
            raise LabError(f"not installed: {', '.join(missing)}")
        self.unprivileged = os.geteuid() != 0
        user = ["--user", "--map-root-user"] if self.unprivileged else []
        self._unshare = subprocess.Popen(
            [
                *("unshare", *user, "--net", "--mount", "--pid", "--mount-proc"),
                *("--fork", "--kill-child"),  # the anchor also dies with `unshare`, its parent
                *("sh", "-euc", _SETUP),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop the lab
        )
        assert self._unshare.stdout is not None
        if self._unshare.stdout.readline() != "ready\n":
            _, error = self._unshare.communicate(timeout=10)
            raise LabError(f"no namespaces here: {error.strip()}")
        pid = child_of(self._unshare.pid)
        assert pid is not None, "the anchor said that it is ready"
        self.pid = pid
        """The anchor as the machine numbers it; nsenter's target."""

    @property
    def state(self) -> Path:
        """The lab's files, as we on the machine see them."""
        return Path(f"/proc/{self.pid}/root{STATE}")

    def command(self, argv: Sequence[str], netns: str | None, cwd: str | None) -> list[str]:
        """What to execute on the machine to have `argv` run in the lab, in the host `netns`."""
        # A user namespace of ours has no other group to change to, so credentials stay as they are.
        user = ["--user", "--preserve-credentials"] if self.unprivileged else []
        net = f"--net=/proc/{self.pid}/root/run/netns/{netns}" if netns else "--net"
        directory = cwd or str(Path.cwd())
        return [
            *("nsenter", f"--target={self.pid}", *user, "--mount", "--pid", net, "--"),
            *("env", f"--chdir={directory}", *argv),
        ]

    def stop(self) -> None:
        """Returns once every process of the lab is gone."""
        self._unshare.communicate()


def child_of(pid: int) -> int | None:
    """The only child of process `pid`; None where it has none (any more)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(children[0]) if children else None


@cache
def unavailable() -> str | None:
    """Why no lab can be built on this machine; None if one can."""
    try:
        Anchor().stop()
    except LabError as error:
        return str(error)
    return None
