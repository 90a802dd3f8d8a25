"""The truth table: what was seen of a flow, and what that proves. Pure and total.

Two steps. `standing` says what one port's signal proves; `judge` puts the ports of a flow
together by its mode, and its addresses together by how they were declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum, auto
from typing import NamedTuple

from veeamcheck.model import (
    SIGNS_OF_LIFE,
    Evidence,
    Flow,
    InstalledBy,
    Listener,
    Mode,
    Outcome,
    PairFacts,
    Phase,
    Policy,
    ReasonCode,
    Signal,
    Transport,
    Verdict,
    Waived,
    Waiver,
)
from veeamcheck.ports import PortSet
from veeamcheck.wording import counted

RESET_TRACED = "trace"
"""In a refusal's detail: what a trace has excluded of the reset being forged, in words."""


class Standing(Enum):
    """What one port's signal proves for a flow."""

    PROVEN = auto()
    BLOCKED = auto()
    FAILED = auto()
    UNKNOWN = auto()


class Judgement(NamedTuple):
    verdict: Verdict
    code: ReasonCode
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A run of ports of one address that means the same for the flow."""

    ports: PortSet
    standing: Standing
    code: ReasonCode
    evidence: Evidence | None
    """None: never contacted."""


_PRECEDENCE = {code: place for place, code in enumerate(ReasonCode)}
_WORST_FIRST = (Verdict.FAIL, Verdict.UNPROVEN, Verdict.DEGRADED, Verdict.PASS)
_NOT_RUNNING = frozenset({Signal.SILENT, Signal.UNREACHABLE, Signal.UNRESOLVED})
_BLOCKED = {
    Signal.REJECTED: ReasonCode.BLOCKED_REJECTED,
    Signal.UNREACHABLE: ReasonCode.UNREACHABLE,
    Signal.UNRESOLVED: ReasonCode.UNRESOLVED,
}


def is_lenient(listener: Listener, installed_by: InstalledBy, phase: Phase) -> bool:
    """Whether nothing need listen on the port now."""
    return listener is Listener.SESSION or (
        phase is Phase.PREDEPLOY and installed_by is InstalledBy.PRODUCT
    )


def standing(
    signal: Signal,
    *,
    attributed: bool = True,
    lenient: bool,
    flanked: bool = False,
    not_running: bool = False,
    accepts_all: bool = False,
    scan_protected: bool = False,
) -> tuple[Standing, ReasonCode]:
    """What one port's signal proves.

    `flanked`: refusals in the same range, or our listener, show that a silence here is a block.
    `not_running`: the target is transient and gave no sign of life. `accepts_all`: `open` proves
    nothing at this address. `scan_protected`: the address went silent as a whole during the run.
    """
    if not_running and signal in _NOT_RUNNING:
        return Standing.UNKNOWN, ReasonCode.NOT_RUNNING
    match signal:
        case Signal.OPEN if accepts_all:
            return Standing.UNKNOWN, ReasonCode.ACCEPTS_ALL
        case Signal.OPEN:
            return Standing.PROVEN, ReasonCode.OPEN
        case Signal.REFUSED if not lenient:
            return Standing.FAILED, ReasonCode.NO_LISTENER
        case Signal.REFUSED if not attributed:
            return Standing.UNKNOWN, ReasonCode.REFUSAL_UNATTRIBUTED
        case Signal.REFUSED:
            return Standing.PROVEN, ReasonCode.PATH_CLEAR
        case Signal.SILENT if scan_protected:
            return Standing.UNKNOWN, ReasonCode.SCAN_PROTECTION
        case Signal.SILENT if lenient and not flanked:
            return Standing.UNKNOWN, ReasonCode.IDLE_SILENT
        case Signal.SILENT:
            return Standing.BLOCKED, ReasonCode.BLOCKED_SILENT
        case Signal.INVALID:
            return Standing.FAILED, ReasonCode.WRONG_SERVICE
        case Signal.LOCAL_ERROR:
            return Standing.UNKNOWN, ReasonCode.LOCAL_ERROR
        case _:
            return Standing.BLOCKED, _BLOCKED[signal]


def judge(flow: Flow, evidence: Sequence[Evidence], facts: PairFacts, phase: Phase) -> Judgement:
    """The verdict of a flow that was contacted from its own vantage.

    `evidence` holds only ports of the flow. A needed port without evidence was not contacted
    because the run was interrupted.
    """
    if not any(row.probed or row.signal is Signal.UNRESOLVED for row in evidence):
        return Judgement(
            Verdict.UNTESTED,
            ReasonCode.INTERRUPTED,
            "the run was interrupted before this flow was contacted",
        )
    by_declared: dict[str, dict[str, list[Evidence]]] = {name: {} for name in flow.address}
    for row in evidence:
        by_declared.setdefault(row.name or row.address, {}).setdefault(row.address, []).append(row)
    judged = {
        name: _judge_name(flow, addresses, facts, phase) for name, addresses in by_declared.items()
    }
    judgement = _worst(judged)
    reason = judgement.reason
    if facts.left_out:
        reason += f"; not tried, no route from here: {', '.join(facts.left_out)}"
    return judgement._replace(reason=reason)


def needs_failover(
    flow: Flow, evidence: Sequence[Evidence], facts: PairFacts, phase: Phase
) -> bool:
    """Whether the primary ports of one address are blocked or failed, so that failover counts."""
    if flow.mode is not Mode.FAILOVER:
        return False
    lenient = is_lenient(flow.listener, flow.installed_by, phase)
    primary = _findings(flow, flow.ports, evidence, facts, lenient)
    return _judge_together(Mode.ALL, primary).verdict is Verdict.FAIL


def _judge_name(
    flow: Flow,
    addresses: Mapping[str, list[Evidence]],
    facts: PairFacts,
    phase: Phase,
) -> Judgement:
    """One declared address: of the several that a DNS name has, any that works is enough."""
    if not addresses:
        return _judge_address(flow, [], facts, phase)
    return _best(
        {address: _judge_address(flow, rows, facts, phase) for address, rows in addresses.items()}
    )


def _worst(judged: Mapping[str, Judgement]) -> Judgement:
    """Each must work: the worst verdict, told of all addresses that have it."""
    if len(judged) == 1:
        return next(iter(judged.values()))
    verdict = min((each.verdict for each in judged.values()), key=_WORST_FIRST.index)
    having = {name: each for name, each in judged.items() if each.verdict is verdict}
    # Of a pass the lesser proof counts, of the others the reason that goes first.
    choose = max if verdict is Verdict.PASS else min
    code = choose((each.code for each in having.values()), key=_PRECEDENCE.__getitem__)
    return Judgement(verdict, code, "; ".join(f"{n}: {each.reason}" for n, each in having.items()))


def _best(judged: Mapping[str, Judgement]) -> Judgement:
    """Any that works is enough: the best verdict, and what the other addresses have."""
    ranked = sorted(
        judged.items(),
        key=lambda item: (-_WORST_FIRST.index(item[1].verdict), _PRECEDENCE[item[1].code]),
    )
    (best, judgement), *others = ranked
    if not others:
        return judgement
    told = ", ".join(f"{address} {each.verdict} ({each.reason})" for address, each in others)
    return judgement._replace(reason=f"{best}: {judgement.reason}; other addresses: {told}")


def _judge_address(
    flow: Flow, evidence: Sequence[Evidence], facts: PairFacts, phase: Phase
) -> Judgement:
    lenient = is_lenient(flow.listener, flow.installed_by, phase)
    needed = _findings(flow, flow.ports, evidence, facts, lenient)
    if flow.mode is Mode.FAILOVER:
        judgement, needed = _judge_failover(flow, needed, evidence, facts, phase)
    else:
        judgement = _judge_together(flow.mode, needed)
    return judgement._replace(reason=_reason(judgement, needed))


def _judge_together(mode: Mode, findings: Sequence[Finding]) -> Judgement:
    """Modes all, any and range."""
    standings = {finding.standing for finding in findings}
    bad = standings & {Standing.BLOCKED, Standing.FAILED}
    if standings == {Standing.PROVEN} or (mode is Mode.ANY and Standing.PROVEN in standings):
        verdict = Verdict.PASS
    elif (bad and mode is not Mode.ANY) or bad == standings:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.UNPROVEN
    return Judgement(verdict, _code(mode, verdict, findings), "")


def _judge_failover(
    flow: Flow,
    primary: list[Finding],
    evidence: Sequence[Evidence],
    facts: PairFacts,
    phase: Phase,
) -> tuple[Judgement, list[Finding]]:
    """The judgement, and the findings that it rests on."""
    alone = _judge_together(Mode.ALL, primary)
    if alone.verdict is not Verdict.FAIL:
        return alone, primary
    failover_ports = flow.failover_ports or PortSet()
    lenient = is_lenient(flow.failover_listener or flow.listener, flow.installed_by, phase)
    failover = _findings(flow, failover_ports, evidence, facts, lenient)
    both = [*primary, *failover]
    standings = {finding.standing for finding in failover}
    blocked = Standing.BLOCKED in {finding.standing for finding in primary}
    if blocked and standings == {Standing.PROVEN}:
        verdict = Verdict.DEGRADED
    elif blocked and not standings & {Standing.BLOCKED, Standing.FAILED} and standings:
        verdict = Verdict.UNPROVEN
    elif not blocked and any(
        finding.standing is Standing.PROVEN and finding.code is ReasonCode.OPEN
        for finding in failover
    ):
        verdict = Verdict.DEGRADED
    else:
        verdict = Verdict.FAIL
    code = _code(flow.mode, verdict, failover if verdict is Verdict.UNPROVEN else both)
    return Judgement(verdict, code, ""), both


def _code(mode: Mode, verdict: Verdict, findings: Sequence[Finding]) -> ReasonCode:
    match verdict:
        case Verdict.DEGRADED:
            return ReasonCode.FAILOVER_ONLY
        case Verdict.PASS:
            proven = [f.code for f in findings if f.standing is Standing.PROVEN]
            best = any if mode is Mode.ANY else all
            opened = best(code is ReasonCode.OPEN for code in proven)
            return ReasonCode.OPEN if opened else ReasonCode.PATH_CLEAR
        case Verdict.FAIL:
            standings = {finding.standing for finding in findings}
            # Where nothing is blocked, a clear failover range beside a dead service is not
            # "partly blocked": that word would send the network team after a stopped service.
            if (
                mode in (Mode.RANGE, Mode.FAILOVER)
                and {Standing.PROVEN, Standing.BLOCKED} <= standings
            ):
                return ReasonCode.PARTLY_BLOCKED
            wanted = {Standing.BLOCKED, Standing.FAILED}
        case _:
            wanted = {Standing.UNKNOWN}
    return min((f.code for f in findings if f.standing in wanted), key=_PRECEDENCE.__getitem__)


def _findings(
    flow: Flow,
    ports: PortSet,
    evidence: Sequence[Evidence],
    facts: PairFacts,
    lenient: bool,
) -> list[Finding]:
    """What these ports of one address show, in port order of the evidence; none is left out."""
    rows = [(row.ports & ports, row) for row in evidence if row.ports & ports]
    flanked_ports = _flanked(flow, ports, rows)
    findings: list[Finding] = []
    left = ports
    for own, row in rows:
        left -= own
        for part, flanked in ((own & flanked_ports, True), (own - flanked_ports, False)):
            if not part:
                continue
            what, code = standing(
                row.signal,
                attributed=row.attributed,
                lenient=lenient,
                flanked=flanked or is_listener_up(row),
                not_running=flow.target_transient and not facts.alive,
                accepts_all=row.address in facts.accepts_all and not row.proven,
                scan_protected=row.address in facts.scan_protected,
            )
            findings.append(Finding(part, what, code, row))
    if left:
        findings.append(Finding(left, Standing.UNKNOWN, ReasonCode.INTERRUPTED, None))
    return findings


def _flanked(flow: Flow, ports: PortSet, rows: Sequence[tuple[PortSet, Evidence]]) -> PortSet:
    """The ports of a range where a silence can only be a block, whatever listens."""
    if ports is flow.ports and flow.mode is not Mode.RANGE:
        return PortSet()  # single ports are no range, however many
    refused = PortSet.of_runs(
        run for own, row in rows if row.signal is Signal.REFUSED for run in own.runs
    )
    if not refused or flow.transport is not Transport.TCP:
        return PortSet()  # over UDP a refusal is an ICMP error, of which most are held back
    if flow.target_os == "windows":
        return ports  # stealth mode hides all idle ports or none
    return PortSet(((refused.first, refused.last),))


# --- in words --------------------------------------------------------------------------------


def _reason(judgement: Judgement, findings: Sequence[Finding]) -> str:
    """One sentence for people, from what was seen."""
    words = "; ".join(_phrases(findings))
    match judgement.code:
        case ReasonCode.FAILOVER_ONLY:
            words = f"only the failover ports work: {words}"
        case ReasonCode.INTERRUPTED:
            words = f"interrupted: {words}"
        case _:
            pass
    if judgement.verdict in (Verdict.PASS, Verdict.DEGRADED):
        words += _forging(findings)
    gap = max((f.evidence.gap for f in findings if f.evidence), default=0)
    if gap:
        words += f"; sampled: a hole of up to {counted(gap, 'port')} could have been missed"
    return words


def _forging(findings: Sequence[Finding]) -> str:
    """What a pass must say of the resets that it rests on; empty where it rests on none."""
    rows = [finding.evidence for finding in findings if _could_be_forged(finding)]
    if not rows:
        return ""
    traced = [(row.detail or {}).get(RESET_TRACED) if row else None for row in rows]
    if not all(traced):
        return " (a reset can be forged by a firewall; nothing listened here to exclude that)"
    return f" ({'; '.join(dict.fromkeys(f'trace {each}' for each in traced))})"


def _could_be_forged(finding: Finding) -> bool:
    return finding.standing is Standing.PROVEN and finding.code is ReasonCode.PATH_CLEAR


def _phrases(findings: Sequence[Finding]) -> list[str]:
    """Findings that mean the same are told as one, in order of their lowest port."""
    merged: dict[tuple[ReasonCode, Signal | None, str | None, str], PortSet] = {}
    rows = [finding.evidence for finding in findings if finding.evidence]
    alive = {row.address for row in rows if row.signal in SIGNS_OF_LIFE}
    for finding in findings:
        row = finding.evidence
        is_up = finding.code is ReasonCode.BLOCKED_SILENT and row and row.address in alive
        key = (
            finding.code,
            row.signal if row else None,
            row.by if row else None,
            (meaning(row) if row else "") or ("other ports answer" if is_up else ""),
        )
        merged[key] = merged.get(key, PortSet()) | finding.ports
    rejector, beside = beside_rejects(rows)
    phrases = []
    for (code, signal, by, what), ports in sorted(merged.items(), key=lambda item: item[1].first):
        phrase = f"{ports} {_WORDS[code](by, what)}"
        likely = ports & beside if signal is Signal.SILENT else None
        if likely:
            which = "" if likely == ports else f"{likely} "
            phrase += f" ({which}likely rejected by {rejector} too: ICMP errors are rate-limited)"
        phrases.append(phrase)
    return phrases


def beside_rejects(rows: Sequence[Evidence]) -> tuple[str, PortSet]:
    """Silent ports that rejects beside them explain, and who sends the rejects.

    Firewalls reject runs of ports, but send only about one ICMP error a second. So a silent port
    is likely rejected too within a run of neighbouring ports that are all silent or rejected, and
    anywhere where nothing showed life.
    """
    rejected = [row for row in rows if row.signal is Signal.REJECTED and not is_listener_up(row)]
    by = next((row.by for row in rejected if row.by), "an unknown sender")
    silent = _joined(row for row in rows if row.signal is Signal.SILENT)
    runs = (_joined(rejected) | silent).runs
    alive = any(row.signal in SIGNS_OF_LIFE for row in rows)
    mixed = PortSet.of_runs(
        run for run in runs if any(not alive or row.ports & PortSet((run,)) for row in rejected)
    )
    return by, silent & mixed


def _joined(rows: Iterable[Evidence]) -> PortSet:
    return PortSet.of_runs(run for row in rows for run in row.ports.runs)


def is_listener_up(row: Evidence) -> bool:
    """Whether our listener is known to be up on these ports."""
    return bool((row.detail or {}).get("listener"))


def meaning(row: Evidence) -> str:
    """What the far side said beyond its signal, in words; empty if nothing."""
    said = (row.detail or {}).get("meaning")
    return str(said) if said else ""


def _with(text: str) -> Callable[[object, object], str]:
    return lambda _by, what: f"{text} ({what})" if what else text


_WORDS: dict[ReasonCode, Callable[[object, object], str]] = {
    ReasonCode.OPEN: _with("open"),
    ReasonCode.PATH_CLEAR: _with("refused by a reset: path clear, nothing listens now"),
    ReasonCode.BLOCKED_REJECTED: lambda by, what: (
        f"rejected by {by or 'an unknown sender'}" + (f" ({what})" if what else "")
    ),
    ReasonCode.BLOCKED_SILENT: lambda _by, what: (
        "no answer: dropped on the way" + (f" ({what})" if what else ", or the host is down")
    ),
    ReasonCode.UNREACHABLE: lambda by, what: (
        "unreachable" + (f" ({what})" if what else "") + (f", says {by}" if by else "")
    ),
    ReasonCode.UNRESOLVED: _with("the name has no address"),
    ReasonCode.NO_LISTENER: _with("refused: path clear, but nothing listens"),
    ReasonCode.WRONG_SERVICE: _with("something answers, but not the service"),
    ReasonCode.INTERRUPTED: _with("not contacted"),
    ReasonCode.SCAN_PROTECTION: _with(
        "no answer, and proven ports of this address stopped answering too: "
        "likely blocked by scan protection"
    ),
    ReasonCode.LOCAL_ERROR: _with("could not be tried"),
    ReasonCode.ACCEPTS_ALL: _with(
        "accepted, but so are ports that must be closed: something accepts for everybody"
    ),
    ReasonCode.NOT_RUNNING: _with("no sign of life: this host exists only while a job runs"),
    ReasonCode.REFUSAL_UNATTRIBUTED: _with(
        "refused, but from here a reset cannot be told from a firewall's reject"
    ),
    ReasonCode.IDLE_SILENT: _with(
        "no answer, which proves nothing while nothing listens: hosts drop idle ports silently"
    ),
}


# --- around a judgement ----------------------------------------------------------------------


def waive(judgement: Judgement, waiver: Waiver | None) -> tuple[Judgement, Waived | None]:
    """A waiver replaces fail, degraded and unproven only."""
    if waiver is None or judgement.verdict not in (
        Verdict.FAIL,
        Verdict.DEGRADED,
        Verdict.UNPROVEN,
    ):
        return judgement, None
    waived = Waived(verdict=judgement.verdict, reason=waiver.reason, until=waiver.until)
    return judgement._replace(verdict=Verdict.WAIVED), waived


def outcome(
    flow: Flow,
    judgement: Judgement,
    evidence: Sequence[Evidence] = (),
    waiver: Waiver | None = None,
) -> Outcome:
    """The flow with its verdict, after waiving."""
    judgement, waived = waive(judgement, waiver)
    own = {each.name: getattr(flow, each.name) for each in fields(Flow)}
    addresses = len({(row.name, row.address) for row in evidence}) or len(flow.address)
    needed = len(flow.ports)
    if flow.failover_ports and any(row.ports & flow.failover_ports for row in evidence):
        needed += len(flow.failover_ports - flow.ports)
    return Outcome(
        **own,
        verdict=judgement.verdict,
        reason_code=judgement.code,
        reason=judgement.reason,
        contacted=sum(row.probed for row in evidence),
        total=needed * addresses,
        waived=waived,
        evidence=tuple(evidence),
    )


def exit_status(outcomes: Iterable[Outcome], policy: Policy, *, interrupted: bool = False) -> int:
    """0 passed, 1 failed, 3 unproven or nothing judged, 130 interrupted."""
    if interrupted:
        return 130
    failing = {Verdict.FAIL} | ({Verdict.DEGRADED} if policy.fail_on_degraded else set())
    judged = unproven = untested = False
    for each in outcomes:
        if each.verdict in failing:
            return 1
        judged |= each.verdict is not Verdict.UNTESTED
        untested |= each.verdict is Verdict.UNTESTED
        unproven |= (
            each.verdict is Verdict.UNPROVEN and each.reason_code not in policy.allow_unproven
        )
    if unproven or not judged or (untested and policy.require_complete):
        return 3
    return 0
