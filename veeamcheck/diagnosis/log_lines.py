"""Text of a log -> clues: what failed how, which hosts and ports are named, and where it stands.

Logs are written by others: any line may be broken, hostile, or a megabyte long. Nothing here
raises, every pattern takes linear time, and what is kept is bounded whatever the length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from veeamcheck.diagnosis.host_names import ip_of
from veeamcheck.diagnosis.messages import (
    Message,
    Subject,
    find_messages,
    find_subjects,
    most_telling,
)
from veeamcheck.model import Transport
from veeamcheck.ports import PortSet

LONGEST_LINE = 4096
"""Characters; what is beyond is not read."""
MOST_CHARACTERS = 256 * 1024 * 1024
"""So much of a stream is read."""
MOST_INCIDENTS = 2000
"""So many different incidents are kept; of others the lines are counted."""
_MOST_MENTIONED = 50
_MOST_LINES = 40
"""So many lines of one record (an exception and where it was raised) belong together."""
_MOST_PLACES = 20
_FIRST_OWN_PORT = 32768
"""From here on a port is one that a client took for itself; no product listens there."""


class Place(NamedTuple):
    """Where a line points: a host, a port, or both."""

    host: str = ""
    """As it is written, an IP address in its one spelling; empty where only ports are named."""
    ports: PortSet = PortSet()
    transport: Transport | None = None
    """None where the line does not say."""
    towards: bool = False
    """The line says that something leads there: ``to host repo1``."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What one record of the log says, and how often it was said."""

    messages: tuple[Message, ...]
    subjects: tuple[Subject, ...]
    places: tuple[Place, ...]
    excerpt: str
    """The line that tells most, as it is: not inert."""
    first: int
    """The line where its record begins, from 1."""
    last: int
    """The line where its last repetition begins."""
    count: int = 1
    borrowed: bool = False
    """The places stand in the record before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """Everything that was recognised in a text."""

    incidents: tuple[Incident, ...]
    mentioned: tuple[Place, ...]
    """In a text without any message: the places that it names."""
    lines: int
    cut_lines: int
    """Longer than `LONGEST_LINE`."""
    left_out: int
    """Records with a message that were not kept."""
    ended_early: bool
    """The text goes on beyond `MOST_CHARACTERS`."""


IsHost = Callable[[str], bool]
"""Whether a word is the name of a known host."""


class Stream(Protocol):
    def readline(self, size: int, /) -> str: ...


class Lines:
    """The lines of a stream, each cut, and no more than `MOST_CHARACTERS` of them all."""

    def __init__(self, stream: Stream, most: int = MOST_CHARACTERS) -> None:
        self._stream = stream
        self._most = most
        self.cut = 0
        self.ended_early = False

    def __iter__(self) -> Iterator[str]:
        left = self._most
        begins, counted = True, False
        while piece := self._stream.readline(LONGEST_LINE):
            left -= len(piece)
            if left < 0:
                self.ended_early = True
                return
            text = piece.rstrip("\r\n")
            if begins:
                yield text
                counted = False
            elif text and not counted:
                self.cut += 1
                counted = True
            begins = piece.endswith("\n")


def read_clues(lines: Lines, is_host: IsHost) -> Clues:
    """All clues of a log; `is_host` knows the names that an inventory has."""
    incidents: dict[object, Incident] = {}
    mentioned: dict[Place, None] = {}
    left_out = number = 0

    def keep(incident: Incident | None) -> int:
        """Keep it, and return 1 where it had to be left out."""
        if incident is None:
            return 0
        key = tuple(each.id for each in incident.messages), incident.subjects, incident.places
        known = incidents.get(key)
        if known:
            incidents[key] = replace(known, last=incident.first, count=known.count + 1)
        elif len(incidents) < MOST_INCIDENTS:
            incidents[key] = incident
        else:
            return 1
        return 0

    before: _Record | None = None
    pending: Incident | None = None
    for record in _records(lines):
        number = record.first + len(record.lines) - 1
        incident = _incident(record, before, is_host)
        if incident and incident.borrowed and pending:
            # The record before failed, too: this one only says how.
            pending = _with_more(pending, incident)
            continue
        left_out += keep(pending)
        pending = incident
        if incident is None and not incidents and len(mentioned) < _MOST_MENTIONED:
            readable = [line for line in record.lines if not _NO_TEXT.intersection(line)]
            mentioned.update(dict.fromkeys(_places(readable, is_host)))
        before = record
    left_out += keep(pending)
    return Clues(
        incidents=tuple(incidents.values()),
        mentioned=() if incidents else tuple(mentioned)[:_MOST_MENTIONED],
        lines=number,
        cut_lines=lines.cut,
        left_out=left_out,
        ended_early=lines.ended_early,
    )


# --- records ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Record:
    """A line with its time, and those without that continue it."""

    first: int
    lines: list[str]


# A time within the first characters, as in [18.11.2026 22:01:13.555] or Nov 18 22:01:13.
_TIME = re.compile(r".{0,40}?\b[0-2]?\d:[0-5]\d:[0-5]\d", re.ASCII)
# What agents put between their prefix and the text of a line that continues the one before.
_CONTINUED = re.compile(r"(?:>>|--tr:|--->|\|\s*--)")
_THREAD = re.compile(r"<\s*(\d{1,10})\s*>|\[(\d{1,10})\]", re.ASCII)
_PREFIX = 100
"""Characters in which a line has its time, thread and level."""


def _records(lines: Iterable[str]) -> Iterator[_Record]:
    record: _Record | None = None
    timed = False
    for number, line in enumerate(lines, 1):
        has_time = bool(_TIME.match(line))
        goes_on = (
            bool(_CONTINUED.search(line[:_PREFIX]))
            if has_time
            else timed or line[:1].isspace() or line.startswith(("at ", "--"))
        )
        if record and goes_on and len(record.lines) < _MOST_LINES:
            record.lines.append(line)
            continue
        if record:
            yield record
        record, timed = _Record(number, [line]), has_time
    if record:
        yield record


def _incident(record: _Record, before: _Record | None, is_host: IsHost) -> Incident | None:
    """What the record says of a failure; None where it speaks of none."""
    lower = [line.lower() for line in record.lines]
    found = [find_messages(line) for line in lower]
    messages = most_telling(tuple(message for each in found for message in each))
    if not messages:
        return None
    places = _places(record.lines, is_host)
    borrowed = False
    if not places and before and _same_thread(record, before):
        places = _places(before.lines, is_host)
        borrowed = bool(places)
    telling = max(
        (place for place, each in enumerate(found) if each),
        key=lambda place: (
            len(_places(record.lines[place : place + 1], is_host)),
            messages[0] in found[place],
            -place,
        ),
    )
    subjects = {subject.title: subject for line in lower for subject in find_subjects(line)}
    return Incident(
        messages=messages,
        subjects=tuple(subjects.values()),
        places=places,
        excerpt=record.lines[telling].strip(),
        first=record.first,
        last=record.first,
        borrowed=borrowed,
    )


def _with_more(incident: Incident, more: Incident) -> Incident:
    return replace(
        incident,
        messages=most_telling((*incident.messages, *more.messages)),
        subjects=tuple(
            {each.title: each for each in (*incident.subjects, *more.subjects)}.values()
        ),
    )


def _same_thread(one: _Record, other: _Record) -> bool:
    """Whether both name the same thread; a log that names none has only one."""
    threads = [_THREAD.search(record.lines[0][:_PREFIX]) for record in (one, other)]
    return (threads[0] and threads[0].groups()) == (threads[1] and threads[1].groups())


# --- places ----------------------------------------------------------------------------------

_WORD = re.compile(r"[\w.:\[\]%-]+", re.ASCII)
_PART = re.compile(r"\[([^\[\]]*)\](?::(\d{1,5})(?!\d))?|[^\[\]]+", re.ASCII)
_V4 = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?", re.ASCII)
_NAME = re.compile(r"([A-Za-z0-9_][\w.-]*?)\.?(?::([1-9]\d{0,4}))?", re.ASCII)
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT", re.ASCII)
_PORTS = re.compile(
    r"\b(?:(tcp|udp)[\s/:-]{0,3})?(?:[ds]?ports?|dpt)\b[\s:=#\[('\"]{0,4}"
    r"(\d{1,5})(?:\s?(?:-|to)\s?(\d{1,5}))?(?![\d.])"
    r"|\b(tcp|udp)[\s/:]{1,2}(\d{1,5})(?:-(\d{1,5}))?(?![\d.])"
    r"|(?<![\d.])(\d{1,5})(?:-(\d{1,5}))?/(tcp|udp)\b",
    re.ASCII | re.IGNORECASE,
)
# The name is only looked at: it may itself be such a word, as in "to host repo1".
_CALLED = re.compile(
    r"(\b(?:host|server|machine|target|node|name|resolve|to|for|proxy|computer|repository)"
    r"(?=[\s:=])|\\\\)[\s:=]{0,3}['\"\[(]{0,2}(?=([A-Za-z0-9_][\w.-]{1,252}))",
    re.ASCII | re.IGNORECASE,
)
_TOWARDS = re.compile(
    r"(?:\bto|[-=]>|→)\s?(?:the\s)?(?:[A-Za-z]{1,12}\s){0,2}['\"\[(\\]{0,2}$", re.ASCII
)
_PREPOSITION = 40
"""Characters before a host in which a line says that something leads there."""

_NO_TEXT = frozenset("\0\ufffd")
"""What files have in them that are no text at all."""

_NO_HOSTS = frozenset(
    (
        *("error", "errors", "err", "code", "status", "errno", "line", "port", "ports", "pid"),
        *("tid", "thread", "id", "job", "session", "task", "count", "size", "level", "time"),
        *("timeout", "version", "build", "tcp", "udp", "http", "https", "ssl", "tls", "win32"),
        *("hresult", "exit", "result", "exception", "attempt", "retry", "step", "disk", "total"),
        *("at", "tr"),
    )
)
"""Words before a colon and a number that are no hosts."""
_PLAIN_WORDS = frozenset(
    (
        *("backup", "server", "worker", "proxy", "repository", "gateway", "host", "agent", "guest"),
        *("time", "ntp", "veeam", "client", "source", "target", "error", "warning", "info"),
        *("debug", "failed", "connect", "connection", "job", "session", "network", "service", "vm"),
        *("database", "db", "log", "logs", "test", "node", "storage", "to", "from", "the", "port"),
        *("local", "localhost"),
    )
)
"""Words that lines are full of: a host of this name is meant only where a port follows."""
_FILES = (
    *(".cs", ".cpp", ".c", ".h", ".hpp", ".cc", ".go", ".py", ".java", ".js", ".ts", ".rs"),
    *(".ps1", ".psm1", ".dll", ".exe", ".log", ".txt", ".xml", ".json", ".toml", ".so", ".sys"),
    *(".vbk", ".vib", ".vbm", ".vrb", ".vmdk", ".qcow2", ".sql", ".conf", ".service"),
)
_VERSION = ("version", "build", "release")


def _places(lines: Iterable[str], is_host: IsHost) -> tuple[Place, ...]:
    """What the lines point at, each place once; a host that has a port is not named without."""
    found: dict[Place, None] = {}
    for line in lines:
        if len(found) > _MOST_PLACES:
            break
        found.update(dict.fromkeys(_places_of(line, is_host)))
    with_port = {place.host for place in found if place.ports}
    towards = {place.host for place in found if place.towards}
    ports = {place.ports for place in found if place.host and place.ports}
    kept: dict[Place, None] = {}
    for place in found:
        if place.ports and (place.host or place.ports not in ports):
            kept[place._replace(towards=False)] = None
        elif place.host and place.host not in with_port:
            kept[place._replace(towards=place.host in towards)] = None
    return tuple(kept)[:_MOST_PLACES]


def _places_of(line: str, is_host: IsHost) -> Iterator[Place]:
    line = line[:LONGEST_LINE]
    for match in _WORD.finditer(line):
        if match[0].isdigit():
            continue
        for part in _PART.finditer(match[0]):
            start = match.start() + part.start()
            place = _place_of(part[1] if part[1] is not None else part[0], part[2], is_host)
            if place and not _is_version(line, start, place):
                before = line[max(0, start - _PREPOSITION) : start]
                yield place._replace(towards=bool(_TOWARDS.search(before)))
    for match in _PORTS.finditer(line):
        named, first, last, before, one, end, other, until, after = match.groups()
        ports = _ports(first or one or other, last or end or until)
        transport = named or before or after
        if ports:
            yield Place("", ports, Transport(transport.lower()) if transport else None)
    for match in _CALLED.finditer(line):
        name = match[2].rstrip(".-")
        vague = match[1].lower() == "for" and "." not in name
        if not vague and _looks_like_a_host(name) and not is_host(name):
            yield Place(name)


def _place_of(text: str, port: str | None, is_host: IsHost) -> Place | None:
    """The host that `text` is, with the port behind it; `port` stood behind its brackets."""
    text = text.strip("-.")
    text = text if text.startswith("::") or text.endswith("::") else text.strip(":")
    v4 = _V4.fullmatch(text)
    if v4 or text.count(":") > 1:
        host = ip_of(v4[1] if v4 else text)
        if not host or not _is_one_host(host):
            return None
        return Place(host, _ports(port or (v4[2] if v4 else None)))
    name = _NAME.fullmatch(text)
    if not name or name[1].isdigit() or _V4.fullmatch(name[1]):
        return None
    ports = _ports(port or name[2])
    word = name[1].lower()
    if is_host(name[1]):
        return Place(name[1], ports) if ports or word not in _PLAIN_WORDS else None
    if not ports or word in _NO_HOSTS or word.endswith(_FILES) or _ISO_TIME.match(name[1]):
        return None
    # Without brackets around its port a name must have letters, as times and ratios have none.
    return Place(name[1], ports) if any(map(str.isalpha, word)) else None


def _is_one_host(ip: str) -> bool:
    """An address of a host: not all zeros, and, as C++ is full of ``a::b``, with a digit in it."""
    return ip not in ("0.0.0.0", "::", "255.255.255.255") and any(map(str.isdigit, ip))


def _is_version(line: str, start: int, place: Place) -> bool:
    """Whether four numbers with dots between them are a version, as in ``build 13.0.1.180``."""
    before = line[max(0, start - 16) : start].lower().rstrip(" :=[(-")
    return not place.ports and "." in place.host and before.endswith(_VERSION)


def _looks_like_a_host(name: str) -> bool:
    """A word after ``host``, ``to`` and the like that is no ordinary word, file or address."""
    if ip_of(name) or name.lower().endswith(_FILES) or name.count(".") > 5:
        return False
    labels = name.lower().split(".")
    if any(map(str.isdigit, labels)) or not all(labels):
        return False
    if len(labels) > 1:
        # Names of classes have dots too, and capitals: Veeam.Backup.Core.
        return name == name.lower() or name == name.upper()
    return any(map(str.isdigit, name)) and any(map(str.isalpha, name)) and "_" not in name


def _ports(first: str | None, last: str | None = None) -> PortSet:
    """The run of ports, empty where it is none or a client's own."""
    if not first:
        return PortSet()
    run = int(first), int(last or first)
    return PortSet((run,)) if 0 < run[0] <= run[1] < _FIRST_OWN_PORT else PortSet()
