"""A process on a host of the lab."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from tests.lab.anchor import LabError, child_of

_LISTENING = {"tcp": "0A", "udp": "07"}
"""The kernel's states of a socket that takes what comes: TCP LISTEN, UDP bound."""


def wait_until(reached: Callable[[], bool], seconds: float = 10) -> bool:
    """Look often until `reached`, at most so many seconds; tells whether it was."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


class Process(subprocess.Popen[str]):
    """Like any Popen, though its direct child is nsenter, which ends the way the process ended.

    Signals go to the process itself.
    """

    log: Path | None = None
    """Where its output goes, if it is a server."""

    @property
    def inner_pid(self) -> int | None:
        """The process itself as the machine numbers it; None before it starts and after its end."""
        return child_of(self.pid)

    def send_signal(self, sig: int) -> None:
        # nsenter may not be there yet; it takes some milliseconds.
        if wait_until(lambda: self.poll() is not None or self.inner_pid is not None):
            pid = self.inner_pid
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, sig)

    def stop(self) -> None:
        """Kill it, and return when it is gone."""
        self.kill()
        self.close()

    def close(self) -> None:
        """Wait for its end, without its output."""
        with self:
            pass

    def listens(self, ports: Iterable[int], transport: str) -> bool:
        """Whether every one of these ports has a socket in the host (of whatever process)."""
        pid = self.inner_pid
        return pid is not None and set(ports) <= _listening(pid, transport)

    def wait_listening(
        self, ports: Iterable[int], transport: str = "tcp", seconds: float = 10
    ) -> None:
        """Return once all `ports` listen; LabError with the log if it ends or takes too long."""
        ports = frozenset(ports)
        wait_until(lambda: self.poll() is not None or self.listens(ports, transport), seconds)
        if self.poll() is not None or not self.listens(ports, transport):
            end = "runs but does not listen" if self.poll() is None else f"ended: {self.returncode}"
            raise LabError(f"{self.args!r} {end}\n{self.read_log()}")

    def read_log(self) -> str:
        """What the server has written so far."""
        return self.log.read_text(errors="replace") if self.log else ""


def _listening(pid: int, transport: str) -> set[int]:
    """The ports with a socket in the network namespace of process `pid`."""
    found = set()
    for table in (transport, f"{transport}6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:  # the process is gone; or there is no IPv6 here
            continue
        for line in lines:
            _, local, _, state, *_ = line.split()
            if state == _LISTENING[transport]:
                found.add(int(local.rpartition(":")[2], 16))
    return found
