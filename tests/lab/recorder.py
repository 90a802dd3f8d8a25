"""What reaches a host, seen at the host: the only place where a pace can be measured."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.anchor import STATE
from tests.lab.inside import record_syns
from tests.lab.topology import Host


@dataclass
class Contacts:
    """New TCP connections in the order in which they came; filled when the recording ends."""

    times: list[float] = field(default_factory=list)
    """In seconds."""
    targets: list[tuple[str, int]] = field(default_factory=list)

    def most_within(self, seconds: float, address: str | None = None) -> int:
        """The most contacts in any window of this length (to one address)."""
        times = [
            time
            for time, target in zip(self.times, self.targets, strict=True)
            if address in (None, target[0])
        ]
        most = first = 0
        for last, time in enumerate(times):
            while time - times[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


@contextmanager
def recording(host: Host) -> Iterator[Contacts]:
    """Record every new TCP connection that reaches `host` while the context is open."""
    contacts = Contacts()
    name = f"contacts{next(host.lab.numbers)}"
    process = host.popen(
        [sys.executable, record_syns.__file__, f"{STATE}/{name}"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield contacts
    finally:
        process.terminate()
        process.close()
    lines = Path(host.lab.anchor.state, name).read_text(encoding="ascii").splitlines()
    for line in sorted(lines):
        time, address, port = line.split()
        contacts.times.append(float(time))
        contacts.targets.append((address, int(port)))
