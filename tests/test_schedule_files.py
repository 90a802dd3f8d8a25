"""Files for the platforms' schedulers, as those platforms read them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from datetime import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veeamcheck.schedule_files import Every, Job, cron, systemd, windows

NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
COMMAND = ("/bin/echo", "run", "-i", "/etc/veeamcheck/site.toml")
AWKWARD = ("/bin/echo", "100%", "a b", "$HOME", "it's", 'say "hi"', "back\\slash", "a&b<c>", "%h")


def job(command: tuple[str, ...] = COMMAND, every: Every = Every.DAILY, **more: object) -> Job:
    return Job(command=command, every=every, **more)  # type: ignore[arg-type]


# --- systemd ---------------------------------------------------------------------------------


@pytest.mark.parametrize("every", list(Every))
@pytest.mark.parametrize("user", [None, "root"])
@pytest.mark.parametrize("command", [COMMAND, AWKWARD])
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_them(
    tmp_path: Path, every: Every, user: str | None, command: tuple[str, ...]
) -> None:
    files = systemd(job(command, every, user=user))
    assert set(files) == {"veeamcheck.service", "veeamcheck.timer"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    verify = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / name for name in files)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verify.returncode, verify.stdout + verify.stderr) == (0, "")


@pytest.mark.parametrize(
    ("every", "calendar"),
    [
        (Every.HOURLY, "*-*-* *:17:00"),
        (Every.DAILY, "*-*-* 05:17:00"),
        (Every.WEEKLY, "Mon *-*-* 05:17:00"),
    ],
)
def test_the_timer(every: Every, calendar: str) -> None:
    timer = systemd(job(every=every, at=time(5, 17)))["veeamcheck.timer"]
    assert f"\nOnCalendar={calendar}\n" in timer


def test_the_service_is_somebody_who_can_do_nothing_else() -> None:
    assert "\nDynamicUser=yes\n" in systemd(job())["veeamcheck.service"]
    own = systemd(job(user="backup"))["veeamcheck.service"]
    assert "\nUser=backup\n" in own
    assert "DynamicUser" not in own


def test_systemd_expands_nothing() -> None:
    service = systemd(job(AWKWARD))["veeamcheck.service"]
    (line,) = [line for line in service.splitlines() if line.startswith("ExecStart=")]
    assert line == (
        'ExecStart=/bin/echo 100%% "a b" $$HOME "it\'s" "say \\"hi\\"" "back\\\\slash" "a&b<c>" %%h'
    )


# --- cron ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "when"),
    [
        (Every.HOURLY, "17 * * * *"),
        (Every.DAILY, "17 5 * * *"),
        (Every.WEEKLY, "17 5 * * 1"),
    ],
)
def test_when_cron_runs_it(every: Every, when: str) -> None:
    assert cron(job(every=every, at=time(5, 17))) == f"{when} {shlex.join(COMMAND)}\n"


def unescaped(line: str) -> str:
    """What cron hands to the shell: the text up to a bare %, and \\% as %."""
    assert "%" not in line.replace("\\%", "")
    return line.replace("\\%", "%")


def test_cron_hands_over_what_was_meant() -> None:
    command = cron(job(AWKWARD)).removesuffix("\n").split(" ", 5)[5]
    told = subprocess.run(["sh", "-c", unescaped(command)], capture_output=True, text=True)
    assert told.stdout == " ".join(AWKWARD[1:]) + "\n"


# --- Windows ---------------------------------------------------------------------------------

# The schema's sequence, from [MS-TSCH] 2.5.3: a trigger's children in the order it wants them.
# Of all other elements here it takes the children in any order.
SEQUENCES = {
    "CalendarTrigger": [
        "Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit",
        "RandomDelay", "ScheduleByDay", "ScheduleByWeek",
    ],
}  # fmt: skip


def parts(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


@pytest.mark.parametrize("every", list(Every))
@pytest.mark.parametrize("user", [None, "SITE\\backup & co"])
def test_the_task_is_well_formed_and_in_the_schemas_order(every: Every, user: str | None) -> None:
    task = parts(windows(job(AWKWARD, every, user=user)))
    assert task.tag == f"{NAMESPACE}Task"
    for element in task.iter():
        name = element.tag.removeprefix(NAMESPACE)
        assert element.tag == NAMESPACE + name
        children = [child.tag.removeprefix(NAMESPACE) for child in element]
        if name in SEQUENCES:
            assert children == sorted(children, key=SEQUENCES[name].index)
    assert (task.find(f".//{NAMESPACE}Repetition") is not None) == (every is Every.HOURLY)
    assert (task.find(f".//{NAMESPACE}Monday") is not None) == (every is Every.WEEKLY)
    expected = user or "S-1-5-19"
    assert task.findtext(f".//{NAMESPACE}UserId") == expected


@given(st.lists(st.text(st.characters(min_codepoint=32, codec="utf-8", exclude_characters="\x7f"))))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_windows_hands_over_what_was_meant(arguments: list[str]) -> None:
    arguments = [word for word in arguments if word.isprintable()]
    task = parts(windows(job(("C:\\veeamcheck.exe", *arguments))))
    assert task.findtext(f".//{NAMESPACE}Command") == "C:\\veeamcheck.exe"
    line = task.findtext(f".//{NAMESPACE}Arguments") or ""
    assert taken_apart(line) == arguments


def taken_apart(line: str) -> list[str]:
    """A command line as the C runtime of Windows takes it apart."""
    words: list[str] = []
    word, quoted, began, index = "", False, False, 0
    while index < len(line):
        char = line[index]
        if char == "\\":
            run = len(line[index:]) - len(line[index:].lstrip("\\"))
            index += run
            if line[index : index + 1] == '"':
                word += "\\" * (run // 2)
                if run % 2:
                    word += '"'
                    index += 1
            else:
                word += "\\" * run
            began = True
            continue
        if char == '"':
            quoted, began = not quoted, True
        elif char in " \t" and not quoted:
            if began:
                words.append(word)
            word, began = "", False
        else:
            word, began = word + char, True
        index += 1
    return [*words, word] if began else words
