"""Files that make a platform's own scheduler run an audit: systemd, cron, Windows.

Each function gives the text, ready to install; where it goes is told by docs/schedule.md.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from xml.sax.saxutils import escape

SERVICE = "veeamcheck"
"""What the unit, the task and its files are called."""


class Every(StrEnum):
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    """On Mondays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run, and when."""

    command: Sequence[str]
    """The program, by its whole path, and its arguments."""
    every: Every = Every.DAILY
    at: time = time(6)
    """Local time; of an hourly job the minute counts."""
    user: str | None = None
    """Whose job it is; None: nobody's who can do anything else."""


# --- systemd ---------------------------------------------------------------------------------


def systemd(job: Job) -> dict[str, str]:
    """The service and its timer, by file name."""
    user = f"User={job.user}" if job.user else "DynamicUser=yes"
    calendar = {
        Every.HOURLY: f"*-*-* *:{job.at:%M}:00",
        Every.DAILY: f"*-*-* {job.at:%H:%M}:00",
        Every.WEEKLY: f"Mon *-*-* {job.at:%H:%M}:00",
    }[job.every]
    return {
        f"{SERVICE}.service": _SERVICE.format(command=_systemd_line(job.command), user=user),
        f"{SERVICE}.timer": _TIMER.format(every=job.every, calendar=calendar),
    }


_SERVICE = """\
# The unit fails (systemctl --failed, OnFailure=) where something documented is blocked.
[Unit]
Description=veeamcheck: are the connections of Veeam Backup & Replication open?
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={command}
{user}
StateDirectory=veeamcheck
Environment=VEEAMCHECK_HISTORY=%S/veeamcheck/history.db
TimeoutStartSec=1h
# What it leaves unproven (3) is no failure of the service.
SuccessExitStatus=3
LimitNOFILE=8192
# It opens connections and keeps its history; nothing else is left to it.
CapabilityBoundingSet=
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077
"""

_TIMER = """\
[Unit]
Description=veeamcheck, {every}

[Timer]
OnCalendar={calendar}
# Many hosts with the same timer shall not probe at the same moment.
RandomizedDelaySec=5min
Persistent=yes

[Install]
WantedBy=timers.target
"""


def _systemd_line(words: Sequence[str]) -> str:
    """A command line as systemd reads it: quoted, and nothing in it expanded."""
    return " ".join(map(_systemd_word, words))


def _systemd_word(word: str) -> str:
    plain = word.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[\w./:=,@%+$*>-]+", plain):
        return plain
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{quoted}"'


# --- cron ------------------------------------------------------------------------------------


def cron(job: Job) -> str:
    """A line for ``crontab -e`` of the user whose job it is."""
    when = {
        Every.HOURLY: f"{job.at.minute} * * * *",
        Every.DAILY: f"{job.at.minute} {job.at.hour} * * *",
        Every.WEEKLY: f"{job.at.minute} {job.at.hour} * * 1",
    }[job.every]
    # cron makes a line break of each % that has no backslash.
    return f"{when} {shlex.join(job.command).replace('%', chr(92) + '%')}\n"


# --- Windows ---------------------------------------------------------------------------------


def windows(job: Job) -> str:
    """A task for ``schtasks /Create /XML`` or ``Register-ScheduledTask -Xml``."""
    program, *arguments = job.command
    account = (
        f"<UserId>{escape(job.user)}</UserId>\n      <LogonType>S4U</LogonType>"
        if job.user
        else "<UserId>S-1-5-19</UserId>"  # LOCAL SERVICE
    )
    return _TASK.format(
        repetition=_REPETITION if job.every is Every.HOURLY else "",
        at=f"{job.at:%H:%M}",
        schedule=_WEEKLY if job.every is Every.WEEKLY else _DAILY,
        account=account,
        program=escape(program),
        arguments=escape(_windows_line(arguments)),
    )


# The encoding is not declared, so that the file is right as UTF-8 and as the UTF-16 that
# PowerShell 5 makes of it.
_TASK = """\
<?xml version="1.0"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Audits the connections that Veeam Backup &amp; Replication needs.</Description>
    <URI>\\veeamcheck</URI>
  </RegistrationInfo>
  <Triggers>
    <CalendarTrigger>
      <StartBoundary>2024-01-01T{at}:00</StartBoundary>
{repetition}      <RandomDelay>PT5M</RandomDelay>
{schedule}    </CalendarTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      {account}
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT1H</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""

_REPETITION = """\
      <Repetition>
        <Interval>PT1H</Interval>
        <Duration>P1D</Duration>
      </Repetition>
"""

_DAILY = """\
      <ScheduleByDay>
        <DaysInterval>1</DaysInterval>
      </ScheduleByDay>
"""

_WEEKLY = """\
      <ScheduleByWeek>
        <WeeksInterval>1</WeeksInterval>
        <DaysOfWeek>
          <Monday />
        </DaysOfWeek>
      </ScheduleByWeek>
"""


def _windows_line(words: Sequence[str]) -> str:
    """A command line as Windows programs take it apart."""
    from subprocess import list2cmdline

    return list2cmdline(words)
