"""Reports to test with, built by hand: short to write, and shaped like real ones."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from veeamcheck.model import (
    Affected,
    Detail,
    End,
    Evidence,
    Flow,
    InstalledBy,
    Listener,
    Mode,
    NotCoveredNote,
    Outcome,
    Phase,
    Plan,
    ReasonCode,
    Report,
    RuleNote,
    RuleSetNote,
    RunNote,
    Signal,
    Skipped,
    Transport,
    Verdict,
    Waived,
)
from veeamcheck.ports import PortSet

START = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
DOCUMENT = "https://helpcenter.veeam.com/docs/vbr/userguide/pve_used_ports.html"
ADDRESSES = {
    "vbr1": "10.0.10.5",
    "pve1": "10.0.10.20",
    "pve2": "10.0.10.21",
    "repo1": "10.0.30.5",
    "repo2": "10.0.30.6",
    "worker1": "10.0.20.11",
    "ntp1": "10.0.10.2",
    "sql1": "10.0.40.7",
}


def _affected(activity: str, title: str, weight: int, words: str) -> Affected:
    return Affected(activity=activity, title=title, weight=weight, host=End.TARGET, words=words)


_BACKUP = _affected("backup", "Image backup", 1, "of VMs on")
_RESTORE = _affected("restore", "Restore", 2, "of VMs to")
AFFECTS = {
    "backup-server-pve-api": (_BACKUP, _RESTORE),
    "backup-server-pve-ssh": (_BACKUP, _RESTORE),
    "hyper-v-log-shipping-data": (_affected("log-backup", "Database log backup", 6, "to"),),
    "guest-proxy-guest-data": (_affected("guest-processing", "Guest processing", 8, "of guest"),),
    "guest-proxy-guest-runtime": (
        _affected("guest-processing", "Guest processing", 8, "of guest"),
    ),
    "backup-server-worker-api": (_affected("backup", "Image backup", 1, "by"),),
    "backup-server-ntp": (_affected("time", "Time synchronisation", 11, "from"),),
}
"""What some rules are needed for; other rules are of a rule set that does not say."""


def seen(
    ports: str,
    signal: Signal,
    *,
    address: str = "",
    by: str | None = None,
    meaning: str | None = None,
    attributed: bool = True,
    probed: int | None = None,
    rtt_ms: float | None = None,
    local: str | None = "10.0.10.5",
    detail: Detail | None = None,
    name: str | None = None,
) -> Evidence:
    """Evidence; without an address it takes its flow's."""
    numbers = PortSet.parse(ports)
    return Evidence(
        address=address,
        local_address=local,
        ports=numbers,
        signal=signal,
        attributed=attributed,
        probed=len(numbers) if probed is None else probed,
        rtt_ms=rtt_ms,
        by=by,
        detail={**(detail or {}), "meaning": meaning} if meaning else detail,
        name=name,
    )


def flow(
    rule: str,
    source: str,
    target: str,
    ports: str,
    verdict: Verdict,
    code: ReasonCode,
    evidence: Sequence[Evidence] = (),
    *,
    reason: str = "",
    **more: Any,
) -> Outcome:
    """A flow with its verdict; `more` replaces any field of it."""
    numbers = PortSet.parse(ports)
    values: dict[str, Any] = {
        "id": f"{rule}@{source}>{target}",
        "rule_set": "veeam-pve",
        "rule": rule,
        "section": "Backup Server",
        "row": 1,
        "source": source,
        "target": target,
        "address": (ADDRESSES.get(target, "192.0.2.9"),),
        "transport": Transport.TCP,
        "mode": Mode.RANGE if len(numbers) > 9 else Mode.ALL,
        "ports": numbers,
        "listener": Listener.ALWAYS,
        "installed_by": InstalledBy.PRODUCT,
        "service": "tcp",
        "runs_from": source,
        "verdict": verdict,
        "reason_code": code,
        "reason": reason or f"{ports}: {code}",
        **more,
    }
    values["evidence"] = tuple(
        row if row.address else replace(row, address=values["address"][0]) for row in evidence
    )
    values.setdefault("contacted", sum(row.probed for row in evidence))
    values.setdefault("total", len(numbers) * len(values["address"]))
    return Outcome(**values)


def report(flows: Iterable[Outcome], *, run: RunNote | None = None, **more: Any) -> Report:
    """A report of these flows, with a note for each of their rules and a true summary."""
    outcomes = tuple(flows)
    counts = {str(verdict): 0 for verdict in Verdict}
    for each in outcomes:
        counts[each.verdict] += 1
    exit_status = 1 if counts["fail"] else 3 if counts["unproven"] else 0
    notes = {
        each.rule: RuleNote(
            id=each.rule,
            rule_set=each.rule_set,
            section=each.section,
            row=each.row,
            purpose=f"{each.source} talks to {each.target} for {each.rule}.",
            breaks=f"Jobs that need {each.rule} fail.",
            document=DOCUMENT,
            affects=AFFECTS.get(each.rule, ()),
        )
        for each in outcomes
    }
    values: dict[str, Any] = {
        "run": run or run_note(),
        "summary": {**counts, "exit_status": exit_status},
        "warnings": (),
        "rules": tuple(notes.values()),
        "flows": outcomes,
        **more,
    }
    return Report(**values)


def run_note(**more: Any) -> RunNote:
    values: dict[str, Any] = {
        "start": START,
        "end": START + timedelta(seconds=4.2),
        "version": "0.1.0",
        "phase": Phase.LIVE,
        "vantages": ("vbr1",),
        "options": {"smb1": False},
        "pace": "normal",
        "checks": "service",
        "full_range": False,
        "check_failover": False,
        "inventory": "inventory.toml",
        "rule_sets": (
            RuleSetNote(
                id="veeam-pve", product_version="13.0.1", revision="2026-04", document=DOCUMENT
            ),
        ),
        "not_covered": (
            NotCoveredNote(
                what="backup server to backup repositories",
                where="https://helpcenter.veeam.com/docs/vbr/userguide/used_ports.html",
            ),
        ),
        **more,
    }
    return RunNote(**values)


def plan_of(source: Report, vantage: str | None = "vbr1") -> Plan:
    """The plan that a report carries out."""
    names = [each.name for each in fields(Flow)]
    flows = tuple(
        Flow(**{name: getattr(outcome, name) for name in names}) for outcome in source.flows
    )
    return Plan(vantage=vantage, flows=flows, skipped=source.skipped)


def all_pass() -> Report:
    return report(
        [
            flow(
                "backup-server-pve-api", "vbr1", "pve1", "8006", Verdict.PASS, ReasonCode.OPEN,
                [seen("8006", Signal.OPEN, rtt_ms=0.41)], service="https",
            ),
            flow(
                "backup-server-pve-ssh", "vbr1", "pve1", "22", Verdict.PASS, ReasonCode.OPEN,
                [seen("22", Signal.OPEN, rtt_ms=0.38)], service="ssh",
            ),
        ]
    )  # fmt: skip


def everything() -> Report:
    """Every verdict, and most of what can be shown."""
    flows = [
        flow(
            "backup-server-pve-api", "vbr1", "pve1", "8006", Verdict.PASS, ReasonCode.OPEN,
            [seen("8006", Signal.OPEN, rtt_ms=0.41)], service="https",
        ),
        flow(
            "backup-server-pve-ssh", "vbr1", "pve1", "22", Verdict.FAIL, ReasonCode.NO_LISTENER,
            [seen("22", Signal.REFUSED, rtt_ms=0.35)], service="ssh",
            installed_by=InstalledBy.SITE, row=5,
            reason="22 refused: path clear, but nothing listens",
        ),
        flow(
            "backup-server-pve-api", "vbr1", "pve2", "8006", Verdict.FAIL,
            ReasonCode.BLOCKED_SILENT, [seen("8006", Signal.SILENT)], service="https", row=4,
            reason="8006 no answer: dropped on the way, or the host is down",
        ),
        flow(
            "backup-server-pve-ssh", "vbr1", "pve2", "22", Verdict.FAIL,
            ReasonCode.BLOCKED_SILENT, [seen("22", Signal.SILENT)], service="ssh", row=5,
            reason="22 no answer: dropped on the way, or the host is down",
        ),
        flow(
            "hyper-v-log-shipping-data", "vbr1", "repo1", "6162", Verdict.DEGRADED,
            ReasonCode.FAILOVER_ONLY,
            [
                seen("6162", Signal.SILENT),
                seen("2500-3300", Signal.REFUSED, probed=76, rtt_ms=0.62),
            ],
            mode=Mode.FAILOVER, failover_ports=PortSet.parse("2500-3300"), total=802,
            section="Log Shipping Servers", row=4,
            reason="only the failover ports work: 6162 no answer: dropped on the way, or the "
            "host is down; 2500-3300 refused by a reset: path clear, nothing listens now",
        ),
        flow(
            "guest-proxy-guest-data", "vbr1", "sql1", "2500-3300", Verdict.FAIL,
            ReasonCode.PARTLY_BLOCKED,
            [
                seen("2500-2899", Signal.REFUSED, probed=40, rtt_ms=0.44),
                seen("2900-2950,2960-3000", Signal.REJECTED, probed=12, by="10.0.99.1",
                     meaning="administratively prohibited"),
                seen("2951-2959", Signal.SILENT, probed=4),
                seen("3001-3300", Signal.REFUSED, probed=35, rtt_ms=0.51),
            ],
            listener=Listener.SESSION, section="Protected Workloads", row=1,
            target_os="windows",
            reason="2500-2899,3001-3300 refused by a reset: path clear, nothing listens now; "
            "2900-2950,2960-3000 rejected by 10.0.99.1 (administratively prohibited); 2951-2959 "
            "no answer (likely rejected by 10.0.99.1 too: ICMP errors are rate-limited)",
        ),
        flow(
            "backup-server-worker-api", "vbr1", "worker1", "19000", Verdict.UNPROVEN,
            ReasonCode.NOT_RUNNING, [seen("19000", Signal.UNREACHABLE)], target_transient=True,
            reason="19000 no sign of life: this host exists only while a job runs",
        ),
        flow(
            "guest-proxy-guest-runtime", "vbr1", "sql1", "6173", Verdict.UNPROVEN,
            ReasonCode.IDLE_SILENT, [seen("6173", Signal.SILENT)], listener=Listener.SESSION,
            section="Protected Workloads", row=3,
            reason="6173 no answer, which proves nothing while nothing listens",
        ),
        flow(
            "backup-server-ntp", "vbr1", "ntp1", "123", Verdict.FAIL, ReasonCode.WRONG_SERVICE,
            [
                seen("123", Signal.INVALID, rtt_ms=1.2, detail={"stratum": 16},
                     meaning="answers, but is not synchronised itself"),
            ],
            transport=Transport.UDP, service="ntp", installed_by=InstalledBy.SITE, row=7,
            reason="123 something answers, but not the service (answers, but is not "
            "synchronised itself)",
        ),
        flow(
            "backup-server-log-shipping-smb", "vbr1", "repo2", "135,445", Verdict.WAIVED,
            ReasonCode.BLOCKED_SILENT, [seen("135,445", Signal.SILENT)],
            waived=Waived(verdict=Verdict.FAIL, reason="change 4711", until=date(2027, 1, 31)),
            reason="135,445 no answer: dropped on the way, or the host is down",
        ),
        flow(
            "backup-server-log-shipping-installer", "vbr1", "repo2", "6160", Verdict.PASS,
            ReasonCode.OPEN, [seen("6160", Signal.OPEN, rtt_ms=0.71)],
        ),
        flow(
            "worker-repository-data", "worker1", "repo1", "6162", Verdict.UNTESTED,
            ReasonCode.OTHER_VANTAGE, mode=Mode.FAILOVER, runs_from="pve2",
            failover_ports=PortSet.parse("2500-3300"), section="Workers", row=5,
            reason="starts at worker1, which pve2 stands in for",
        ),
        flow(
            "worker-backup-server", "worker1", "vbr1", "10006", Verdict.UNTESTED,
            ReasonCode.OTHER_VANTAGE, runs_from="pve2", section="Workers", row=3,
            reason="starts at worker1, which pve2 stands in for",
        ),
        flow(
            "sql-repository-data", "sql1", "repo1", "6162", Verdict.UNTESTED,
            ReasonCode.OTHER_VANTAGE, reason="starts at sql1",
        ),
        flow(
            "backup-server-proxy-installer", "vbr1", "pve1", "6160", Verdict.UNTESTED,
            ReasonCode.SAME_HOST, reason="vbr1 and pve1 share the address 10.0.10.5",
        ),
    ]  # fmt: skip
    made = report(
        flows,
        run=run_note(
            missing_evidence=("Without the error queue a reset cannot be told from a reject.",)
        ),
        warnings=("hosts.vbr1: probes left from 10.0.11.5, not from 10.0.10.5",),
        skipped=(
            Skipped(
                rule="worker-update-repository",
                source="worker1",
                target=None,
                reason="the inventory has no host with the role update-repository",
            ),
            Skipped(
                rule="guest-proxy-esxi",
                source=None,
                target=None,
                reason="the inventory has no host with the role esxi",
            ),
        ),
    )
    first, *rest = made.rules
    return replace(made, rules=(replace(first, allow_list=("*.cloudfront.net",)), *rest))


def hostile() -> Report:
    """Names and reasons that a terminal must not obey."""
    return report(
        [
            flow(
                "rule[red]", "vbr[/]1", "evil\x1b[31m", "22", Verdict.FAIL,
                ReasonCode.BLOCKED_REJECTED,
                [seen("22", Signal.REJECTED, by="10.0.0.1", meaning="[bold]no\r\nway\x07")],
                reason="[link=http://evil]click[/link] \x1b]0;title\x07 \u202eback\udc80",
            )
        ],
        run=run_note(inventory="in[red]ven\x1b[2Jtory.toml", vantages=("vbr[/]1",)),
        warnings=("[blink]careful[/blink]\x9b31m",),
    )  # fmt: skip


def isolated() -> Report:
    """A vantage that nothing answers, and a stand-in elsewhere that works."""
    flows = [
        flow(
            rule, "vbr1", target, ports, Verdict.FAIL, ReasonCode.BLOCKED_SILENT,
            [seen(ports, Signal.SILENT)], reason=f"{ports} no answer",
        )
        for target in ("pve1", "pve2", "repo1", "repo2")
        for rule, ports in (("backup-server-pve-api", "8006"), ("backup-server-pve-ssh", "22"))
    ]  # fmt: skip
    passes = flow(
        "worker-repository-data", "worker1", "repo1", "6162", Verdict.PASS, ReasonCode.OPEN,
        [seen("6162", Signal.OPEN, local="10.0.10.21")], runs_from="pve2",
    )  # fmt: skip
    return report([*flows, passes], run=run_note(vantages=("vbr1", "pve2")))


SAMPLES = {
    "all-pass": all_pass,
    "everything": everything,
    "hostile": hostile,
    "isolated": isolated,
    "nothing": lambda: report([]),
}
"""Reports that every format must cope with, by name."""
