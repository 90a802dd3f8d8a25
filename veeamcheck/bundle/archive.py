"""What goes into an archive for a support ticket, and how it is made safe to pass on. Pure.

A bundle is a handful of texts by name. Secrets are never among them, redacted or not: of `ssh`
only that it is there, of options whose value is a text (a proxy's address can hold a password) only
that there is one, and no comments of the inventory.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from veeamcheck import __version__, reports
from veeamcheck.bundle.redact import FLOW_ID, Redactor
from veeamcheck.model import (
    SIGNS_OF_LIFE,
    Flow,
    InstalledBy,
    Listener,
    Mode,
    Outcome,
    Phase,
    Plan,
    ReasonCode,
    Report,
    Signal,
    Transport,
    Verdict,
)
from veeamcheck.reports.json import read_report
from veeamcheck.reports.json import render as render_json
from veeamcheck.toml.writer import toml_text

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Every file's time: the same content is the same archive."""
_SET = "(set)"
"""Stands for the value of an option that is a text."""

_ABOUT = {
    "report.json": "the report: `veeamcheck report`, `diff` and `merge` read it",
    "report.txt": "the same for people",
    "plan.json": "every flow that the inventory asks for",
    "inventory.toml": "the inventory, without comments and without how hosts are signed in to",
    "resolver.json": "what this machine's resolver answered for the names in it",
    "network.json": "addresses and routes of the machine that made this bundle",
    "versions.json": "versions of veeamcheck, Python, the system and what veeamcheck is built on",
    "timings.json": "how long the audit took, and how quickly each host answered",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """All that a bundle is made of."""

    report: Report
    inventory: Mapping[str, Any] | None
    """As TOML has it; None where there is none."""
    plan: Plan | None
    machine: Mapping[str, Any]
    """Documents about this machine, by file name without suffix."""
    names: tuple[str, ...] = ()
    """What this machine and its user are called."""
    public: frozenset[str] = frozenset()
    """Texts that anybody may read: those of the shipped rule sets."""


@dataclass(frozen=True, slots=True)
class Bundle:
    files: Mapping[str, str]
    """Name -> text; the manifest is the first."""
    mapping: Mapping[str, str]
    """Replacement -> original; empty where nothing was replaced."""


def make_bundle(sources: Sources, *, redact: bool) -> Bundle:
    """The files of the archive."""
    report = json.loads(render_json(sources.report))
    del report["impact"]  # follows from the rest, and is added again below
    documents: dict[str, Any] = {"report": report}
    if sources.plan:
        documents["plan"] = json.loads(render_json(sources.plan))
    if sources.inventory is not None:
        documents["inventory"] = sources.inventory
    documents = _without_secrets(documents) | dict(sources.machine)
    mapping: Mapping[str, str] = {}
    if redact:
        redactor = _redactor(sources, documents.get("inventory", {}))
        for document in documents.values():
            redactor.learn(document)
        documents = {name: _redacted(each, redactor) for name, each in documents.items()}
        documents["report"]["run"]["inventory"] = "inventory.toml"
        mapping = redactor.mapping
    made = read_report(json.dumps(documents["report"]), "the redacted report")
    files = {
        "report.json": render_json(made),
        "report.txt": reports.render("terminal", made),
    }
    for name, document in documents.items():
        if name == "inventory":
            files["inventory.toml"] = toml_text(document)
        elif name != "report":
            files[f"{name}.json"] = _json(document)
    files["timings.json"] = _json(_timings(made))
    return Bundle({"MANIFEST.txt": _manifest(files, redact=redact), **files}, mapping)


def archive(files: Mapping[str, str]) -> bytes:
    """A zip file; the same texts are the same bytes, whoever makes it and when."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o600 << 16
            packed.writestr(entry, text.encode(errors="replace"))
    return file.getvalue()


def contents(files: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """What is inside, for people: name, bytes, what it is."""
    for name, text in files.items():
        yield name, len(text.encode(errors="replace")), _ABOUT.get(name, "this list")


def _manifest(files: Mapping[str, str], *, redact: bool) -> str:
    state = (
        "Names, addresses, paths and private texts are replaced, each always by the same.\n"
        "Who made this bundle has the list of what stands for what."
        if redact
        else "NOT redacted: names and addresses are the real ones."
    )
    lines = [f"  {name:<16} {size:>10,} bytes  {about}" for name, size, about in contents(files)]
    absent = [name for name in _ABOUT if name not in files]
    return "\n".join(
        [
            f"Made by veeamcheck {__version__} for a support ticket.",
            state,
            "",
            *lines,
            *(["", f"Not there, as no inventory was at hand: {', '.join(absent)}"] * bool(absent)),
            "",
            "Never inside: keys, passwords, how hosts are signed in to, who is notified, and",
            "comments of the inventory.",
            "",
        ]
    )


def _json(document: Any) -> str:
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n"


# --- secrets ---------------------------------------------------------------------------------


def _without_secrets(documents: Mapping[str, Any]) -> dict[str, Any]:
    """The documents without what never leaves, redacted or not."""
    values = [
        value
        for document in documents.values()
        for place in (document, document.get("run", {}))
        for value in place.get("options", {}).values()
        if isinstance(value, str) and value
    ]
    return {name: _stripped(each, values) for name, each in documents.items()}


def _stripped(value: Any, secrets: Sequence[str], key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {
            name: bool(each) if (key, name) == ("host", "ssh") else _stripped(each, secrets, below)
            for name, each in value.items()
            for below in ["host" if key == "hosts" else "option" if key == "options" else name]
        }
    if isinstance(value, list):
        return [_stripped(each, secrets, key) for each in value]
    if isinstance(value, str):
        if key == "option" and value:
            return _SET
        if key in ("reason", "warnings"):  # a rule is skipped because of an option's value
            for secret in secrets:
                value = value.replace(secret, _SET)
    return value


# --- redacting -------------------------------------------------------------------------------

_KEPT = frozenset({"ports", "failover_ports", "start", "end", "until", "schema_version"})
"""Keys whose texts are never names, whatever hosts are called."""
_HOST_KEYS = frozenset({"source", "target", "runs_from", "vantage", "vantages", "stand_in"})
"""Keys whose texts are hosts of the inventory, even where such a name is a word elsewhere."""
_FREE_DETAILS = frozenset({"meaning", "cause", "protocol", "version", "key_type", "reference"})
"""Facts of a service that are sentences or words of a protocol. All other texts among its facts
(names, issuers) are private as a whole."""
_PRIVATE_REASONS = frozenset({"waived", "waive", "exclude"})
"""Tables whose `reason` a person wrote."""
_WORDS = {
    str(word)
    for words in (Verdict, ReasonCode, Signal, Transport, Mode, Listener, InstalledBy, Phase)
    for word in words
} | {
    *"report",
    "plan",
    "service",
    "connect",
    "polite",
    "normal",
    "fast",
    "inventory.toml",
    "(set)",
    "localhost",
}
"""What formats say of themselves."""
_NO_NAME = re.compile(r"[\d.,%-]+|.*:.*")
"""Numbers, ports and addresses."""


def _redactor(sources: Sources, inventory: Mapping[str, Any]) -> Redactor:
    report = sources.report
    flows = (*report.flows, *(sources.plan.flows if sources.plan else ()))
    hosts = dict.fromkeys(
        [
            *(name for flow in flows for name in (flow.source, flow.target, flow.runs_from)),
            *report.run.vantages,
            *inventory.get("hosts", {}),
        ]
    )
    public = sources.public | _WORDS
    named = [*sources.names, *_names(flows, report, inventory)]
    labels = [name.partition(".")[0] for name in (*hosts, *named)]
    names = [
        name for name in (*named, *labels) if name not in public and not _NO_NAME.fullmatch(name)
    ]
    known = {*hosts, *names}
    return Redactor(
        hosts=hosts,
        names=names,
        private=[
            text
            for text in _private_texts(report, inventory)
            if text not in known and text not in public and not _NO_NAME.fullmatch(text)
        ],
        public=public,
    )


def _names(flows: Iterable[Flow], report: Report, inventory: Mapping[str, Any]) -> Iterator[str]:
    """By what names hosts were asked for."""
    for flow in flows:
        yield from flow.address
    for outcome in report.flows:
        for row in outcome.evidence:
            yield row.address
            if row.name:
                yield row.name
    for host in inventory.get("hosts", {}).values():
        address = host.get("address", ())
        yield from [address] if isinstance(address, str) else address


def _private_texts(report: Report, inventory: Mapping[str, Any]) -> Iterator[str]:
    """What people wrote, and what services say of themselves: nobody knows what it holds."""
    yield report.run.inventory
    for flow in report.flows:
        if flow.waived:
            yield flow.waived.reason
        for row in flow.evidence:
            for key, value in (row.detail or {}).items():
                if isinstance(value, str) and key not in _FREE_DETAILS:
                    yield value
    for kind in _PRIVATE_REASONS:
        yield from (each["reason"] for each in inventory.get(kind, ()))


def _redacted(document: Any, redactor: Redactor, key: str = "") -> Any:
    """A document with every text replaced that is not public, by what its key says it is."""
    if isinstance(document, Mapping):
        if key == "hosts":
            return {
                redactor.host(name): _settings(host, redactor) for name, host in document.items()
            }
        return {
            name: _redacted(value, redactor, _meaning(key, name))
            for name, value in document.items()
        }
    if isinstance(document, list):
        return [_redacted(each, redactor, key) for each in document]
    if not isinstance(document, str) or key in _KEPT:
        return document
    if key in _HOST_KEYS:
        is_pattern = document.startswith("role:") or document == "*"
        return document if is_pattern else redactor.host(document)
    if key == "private" and not _NO_NAME.fullmatch(document):
        return redactor.whole(document)
    return redactor.flow(document) if FLOW_ID.fullmatch(document) else redactor.word(document)


def _meaning(table: str, key: str) -> str:
    """What the text under a key is, where the key alone does not say it."""
    if (table == "detail" and key not in _FREE_DETAILS) or (
        table in _PRIVATE_REASONS and key == "reason"
    ):
        return "private"
    return key


def _settings(value: Any, redactor: Redactor, key: str = "") -> Any:
    """What the inventory says of a host: addresses, other hosts, words of the rule sets."""
    if isinstance(value, Mapping):
        return {
            name: _settings(each, redactor, key or name)
            for name, each in value.items()
            if name != "tls"  # a pin without its issuer or fingerprint says nothing
        }
    if isinstance(value, list):
        return [_settings(each, redactor, key) for each in value]
    if not isinstance(value, str) or key in _KEPT:
        return value
    if key == "address":
        return redactor.text(value)
    if redactor.is_host(value) and key != "roles":
        return redactor.host(value)
    return value if redactor.is_public(value) else redactor.whole(value)


# --- what follows from the report ------------------------------------------------------------


def _timings(report: Report) -> dict[str, Any]:
    pairs: dict[tuple[str, str], list[Outcome]] = {}
    for flow in report.flows:
        pairs.setdefault((flow.runs_from, flow.target), []).append(flow)
    return {
        "start": report.run.start.isoformat(),
        "end": report.run.end.isoformat(),
        "seconds": (report.run.end - report.run.start).total_seconds(),
        "pairs": [
            {"vantage": vantage, "target": target, **_pair_timing(flows)}
            for (vantage, target), flows in pairs.items()
            if any(flow.evidence for flow in flows)
        ],
    }


def _pair_timing(flows: Iterable[Outcome]) -> dict[str, Any]:
    rows = [row for flow in flows for row in flow.evidence]
    rtts = [row.rtt_ms for row in rows if row.rtt_ms is not None]
    return {
        "contacted": sum(row.probed for row in rows),
        "answered": sum(row.probed for row in rows if row.signal in SIGNS_OF_LIFE),
        "rtt_ms_min": min(rtts, default=None),
        "rtt_ms_max": max(rtts, default=None),
    }
