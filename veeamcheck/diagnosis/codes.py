"""The words of a report, explained: signals, verdicts and reason codes. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from veeamcheck.diagnosis.advice import Who
from veeamcheck.model import ReasonCode, Signal, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of a report."""

    word: str
    kind: str
    """``signal``, ``verdict``, or ``reason to VERDICT``."""
    means: str
    who: tuple[Who, ...] = ()
    """Who should look; nobody where nothing is wrong."""
    check: str = ""
    """What to do next."""


def find_words(text: str) -> tuple[Word, ...]:
    """The words of this name, without regard to case; one can be a signal and a reason."""
    return _BY_WORD.get(text.lower(), ())


def known_words() -> tuple[str, ...]:
    """Every word that can be asked for."""
    return tuple(map(str, _BY_WORD))


_N, _S, _B, _O, _D = Who.NETWORK, Who.SERVER, Who.BACKUP, Who.OPERATOR, Who.DNS


def _signal(
    signal: Signal, means: str, who: tuple[Who, ...] = (), check: str = ""
) -> tuple[str, Word]:
    return signal, Word(word=signal, kind="signal", means=means, who=who, check=check)


def _verdict(verdict: Verdict, means: str, check: str = "") -> tuple[str, Word]:
    return verdict, Word(word=verdict, kind="verdict", means=means, check=check)


def _reason(
    code: ReasonCode, of: str, means: str, who: tuple[Who, ...] = (), check: str = ""
) -> tuple[str, Word]:
    return code, Word(word=code, kind=f"reason to {of}", means=means, who=who, check=check)


_WORDS = (
    _signal(
        Signal.OPEN,
        "A TCP handshake was made, or a valid reply came over UDP: the way is clear and something "
        "answers.",
    ),
    _signal(
        Signal.REFUSED,
        "The host itself answered with a reset (UDP: port unreachable): the way is clear, and "
        "nothing listens. Where `attributed` is false, it may be a firewall's reject.",
        (_B, _S),
        "Start or install the service on the target. No firewall needs a change, unless one of "
        "them forges resets.",
    ),
    _signal(
        Signal.REJECTED,
        "An ICMP error came back: a firewall says no. Its address is kept as evidence (`by`).",
        (_N,),
        "Show the finding to whoever runs the device at that address.",
    ),
    _signal(
        Signal.SILENT,
        "Nobody answered any attempt: a firewall drops it, the host is down, or it hides an idle "
        "port.",
        (_N, _S),
        "Look at the other ports of the same target: if they answer, a firewall drops this one.",
    ),
    _signal(
        Signal.UNREACHABLE,
        "No route, or the neighbour does not answer: the host is down or routing is wrong.",
        (_S, _N),
        "See that the target is up and has this address; then look at the routes.",
    ),
    _signal(
        Signal.UNRESOLVED,
        "The name has no address for the host that probed.",
        (_D, _B),
        "Add the name to the DNS of that host, or correct the inventory.",
    ),
    _signal(
        Signal.INVALID,
        "Something answered, but not as the service should: the way is clear, the service wrong.",
        (_S, _B),
        "See which program holds the port; a proxy or an inspecting firewall can answer, too.",
    ),
    _signal(
        Signal.LOCAL_ERROR,
        "The host that probes could not even try. Nothing is said about the network.",
        (_O,),
        "Remove the error on that host (descriptors, ports, its own firewall) and audit again.",
    ),
    _verdict(Verdict.PASS, "Every port that is needed is proven."),
    _verdict(
        Verdict.DEGRADED,
        "The primary port is blocked or down, and the failover ports work: jobs run, for now.",
        "Open the primary port; `--fail-on degraded` makes this count as a failure.",
    ),
    _verdict(
        Verdict.FAIL,
        "A port that is needed is blocked, or nothing that can serve it answers.",
        "The report's first part says what to do, for whom.",
    ),
    _verdict(
        Verdict.UNPROVEN,
        "Nothing is known to be wrong, but what was seen proves nothing either.",
        "The reason code says why; `--allow-unproven CODE` accepts it.",
    ),
    _verdict(
        Verdict.UNTESTED,
        "It starts at another host, and can only be judged from there.",
        "The report ends with the command for each host; `veeamcheck run --all` uses SSH.",
    ),
    _verdict(
        Verdict.WAIVED,
        "It would not pass, and the inventory says that this is accepted.",
        "The verdict that was replaced is kept beside it.",
    ),
    _reason(ReasonCode.OPEN, "pass", "Every port that is needed answered."),
    _reason(
        ReasonCode.PATH_CLEAR,
        "pass",
        "Refused by a reset where nothing need listen now: a packet went there and one came back.",
    ),
    _reason(
        ReasonCode.FAILOVER_ONLY,
        "degraded",
        "The primary port does not work, the failover ports do.",
        (_N, _B),
        "Open the primary port, or start what listens there.",
    ),
    _reason(
        ReasonCode.PARTLY_BLOCKED,
        "fail",
        "Some ports of a range, or of a failover, work and others are blocked; the report names "
        "the exact runs. Jobs fail once they reach a blocked one: they take ports from the bottom.",
        (_N,),
        "Have the firewall rule cover the whole range.",
    ),
    _reason(
        ReasonCode.BLOCKED_REJECTED,
        "fail",
        "A firewall answered that it does not let this through, and gave its address away.",
        (_N,),
        "Ask whoever runs the device named in the finding to allow the connection.",
    ),
    _reason(
        ReasonCode.BLOCKED_SILENT,
        "fail",
        "Nobody answered, where something must: a firewall drops it, or the host is down. A "
        "Windows host also hides a stopped service in this way.",
        (_N, _S),
        "If other ports of the target answer, ask to allow this one in every firewall on the way "
        "and on the target; if none does, see whether the host is up.",
    ),
    _reason(
        ReasonCode.UNREACHABLE,
        "fail",
        "No route, or the neighbour does not answer.",
        (_S, _N),
        "See that the target is up and has this address; then look at the routes.",
    ),
    _reason(
        ReasonCode.UNRESOLVED,
        "fail",
        "The name has no address for the host that probed.",
        (_D, _B),
        "Add the name to the DNS of that host, or correct the inventory.",
    ),
    _reason(
        ReasonCode.NO_LISTENER,
        "fail",
        "The way is clear, and nothing listens on a port that must always be served.",
        (_B, _S),
        "Install or start the service on the target; no firewall needs a change.",
    ),
    _reason(
        ReasonCode.WRONG_SERVICE,
        "fail",
        "Something answers, but not the service: another program holds the port, a proxy or an "
        "inspecting firewall answers in its place, or the service is not fit (an NTP server "
        "without a source).",
        (_S, _B),
        "See on the target which program holds the port.",
    ),
    _reason(
        ReasonCode.INTERRUPTED,
        "unproven or untested",
        "The run ended before this was finished.",
        (_O,),
        "Run it again.",
    ),
    _reason(
        ReasonCode.SCAN_PROTECTION,
        "unproven",
        "The target answered first and then went silent, proven ports included: likely a "
        "protection against port scans.",
        (_N, _O),
        "Have the source exempted, or wait and run again with `--pace polite`.",
    ),
    _reason(
        ReasonCode.LOCAL_ERROR,
        "unproven",
        "The host that probes could not even try.",
        (_O,),
        "Remove the error on that host and audit again.",
    ),
    _reason(
        ReasonCode.ACCEPTS_ALL,
        "unproven",
        "Ports that must be closed are open, too: a proxy or firewall accepts for everybody, so "
        "an open port proves nothing.",
        (_N, _O),
        "Find what answers in the target's place; a service that is recognised counts.",
    ),
    _reason(
        ReasonCode.NOT_RUNNING,
        "unproven",
        "The target exists only while a job runs, and gave no sign of life now.",
        (_B, _O),
        "Run it again while a job runs.",
    ),
    _reason(
        ReasonCode.REFUSAL_UNATTRIBUTED,
        "unproven",
        "Refused, but from there a reset cannot be told from a firewall's reject.",
        (_O,),
        "Run it on a Linux or Windows host of the same network.",
    ),
    _reason(
        ReasonCode.IDLE_SILENT,
        "unproven",
        "No answer from a port that need not listen now: hosts drop idle ports silently, so this "
        "proves nothing either way.",
        (_B, _O),
        "Run it again while a job uses the port, or have `veeamcheck listen` stand in for it.",
    ),
    _reason(
        ReasonCode.OTHER_VANTAGE,
        "untested",
        "It starts at another host.",
        (_O,),
        "Run the command that the report gives on that host.",
    ),
    _reason(
        ReasonCode.SAME_HOST,
        "untested",
        "Source and target are one host from here, so no network was crossed.",
    ),
)

_BY_WORD: dict[str, tuple[Word, ...]] = {}
for _name, _word in _WORDS:
    _BY_WORD[_name] = (*_BY_WORD.get(_name, ()), _word)
