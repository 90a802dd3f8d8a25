"""A second judge: section "Verdicts" of the contract, read from its text alone.

It judges a report's JSON again from the evidence that the report itself shows, and shares nothing
with `veeamcheck.verdict`: plain dicts, plain loops over single ports, no types of the package.
Where the two differ, one of them has misread the contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]


class Judged(NamedTuple):
    verdict: str
    reason_code: str


class _Port(NamedTuple):
    """What one port of one address proves: `proven`, `blocked`, `failed` or `unknown`."""

    state: str
    code: str


WORST_FIRST = ("fail", "unproven", "degraded", "pass")
CODES = {
    "pass": ("path-clear", "open"),  # a pass is `open` only where nothing is merely clear
    "degraded": ("failover-only",),
    "fail": (
        *("partly-blocked", "blocked-rejected", "blocked-silent", "unreachable", "unresolved"),
        *("no-listener", "wrong-service"),
    ),
    "unproven": (
        *("interrupted", "scan-protection", "local-error", "accepts-all", "not-running"),
        *("refusal-unattributed", "idle-silent"),
    ),
    "untested": ("other-vantage", "same-host", "interrupted"),
}
"""Of each verdict the allowed reason codes, the first that applies first."""

_SIGNS_OF_LIFE = {"open", "refused", "invalid"}
_BLOCKS = {
    "rejected": "blocked-rejected",
    "silent": "blocked-silent",
    "unreachable": "unreachable",
    "unresolved": "unresolved",
}


def disagreements(report: Json) -> list[str]:
    """Flows whose verdict does not follow from their own evidence, and wrong counts, as text."""
    found = []
    for flow in report["flows"]:
        said = Judged(flow["verdict"], flow["reason_code"])
        if flow["waived"]:
            said = Judged(flow["waived"]["verdict"], flow["reason_code"])
            if flow["verdict"] != "waived" or said.verdict not in {"fail", "degraded", "unproven"}:
                found.append(f"{flow['id']}: waived must not replace {said.verdict}")
        follows = judge(flow, report)
        if said != follows:
            found.append(f"{flow['id']}: says {said}, but its evidence means {follows}")
        found += (f"{flow['id']}: {each}" for each in _miscounted(flow))
    status = exit_status(report)
    if report["summary"]["exit_status"] != status:
        found.append(f"exit status {report['summary']['exit_status']}, not {status}")
    for verdict in (*WORST_FIRST, "untested", "waived"):
        many = sum(flow["verdict"] == verdict for flow in report["flows"])
        if report["summary"][verdict] != many:
            found.append(f"summary: {report['summary'][verdict]} {verdict}, not {many}")
    return found


def exit_status(report: Json) -> int:
    """Of a run without --fail-on, --allow-unproven and --require-complete."""
    verdicts = {flow["verdict"] for flow in report["flows"]}
    if report["run"]["interrupted"]:
        return 130
    if "fail" in verdicts:
        return 1
    nothing_judged = not verdicts - {"untested"}
    return 3 if "unproven" in verdicts or nothing_judged else 0


def judge(flow: Json, report: Json) -> Judged:
    """The verdict that the contract gives, waivers aside."""
    if flow["runs_from"] not in report["run"]["vantages"]:
        return Judged("untested", "other-vantage")
    if not flow["evidence"]:
        # The vantage's own addresses are not in a report; an interrupt is.
        same = flow["source"] != flow["target"] == flow["runs_from"]
        if same or not report["run"]["interrupted"]:
            return Judged("untested", "same-host")
        return Judged("untested", "interrupted")
    return _all_of(_declared(flow, name, report) for name in flow["address"])


def _declared(flow: Json, name: str, report: Json) -> Judged:
    """One address as the inventory declares it: a literal, or a name with any addresses."""
    rows = [row for row in flow["evidence"] if name in (row["name"], row["address"])]
    if not rows:
        return Judged("unproven", "interrupted")
    addresses = dict.fromkeys(row["address"] for row in rows)
    each = [_address(flow, address, rows, report) for address in addresses]
    best = max((one.verdict for one in each), key=WORST_FIRST.index)
    codes = {one.reason_code for one in each if one.verdict == best}
    if best == "pass":  # any that works is enough, so the best of them counts
        return Judged("pass", "open" if "open" in codes else "path-clear")
    return Judged(best, next(code for code in CODES[best] if code in codes))


def _all_of(judged: Iterable[Judged]) -> Judged:
    """Each must pass: the worst is the verdict, with the first code that applies."""
    judged = list(judged)
    worst = min((each.verdict for each in judged), key=WORST_FIRST.index)
    codes = {each.reason_code for each in judged if each.verdict == worst}
    return Judged(worst, next(code for code in CODES[worst] if code in codes))


def _address(flow: Json, address: str, rows: list[Json], report: Json) -> Judged:
    row_of = {
        port: row for row in rows if row["address"] == address for port in ports_of(row["ports"])
    }
    pair: Json = next(
        (
            pair
            for pair in report["pairs"]
            if (pair["vantage"], pair["target"]) == (flow["runs_from"], flow["target"])
        ),
        {"accepts_all": [], "scan_protected": []},
    )
    alive = any(
        row["signal"] in _SIGNS_OF_LIFE
        for other in report["flows"]
        if (other["runs_from"], other["target"]) == (flow["runs_from"], flow["target"])
        for row in other["evidence"]
    )
    predeploy = report["run"]["phase"] == "predeploy" and flow["installed_by"] == "product"

    def states(ports: str, listener: str, *, is_range: bool) -> list[_Port]:
        lenient = listener == "session" or predeploy
        numbers = list(ports_of(ports))
        refused = [n for n in numbers if n in row_of and row_of[n]["signal"] == "refused"]
        found = []
        for number in numbers:
            row = row_of.get(number)
            signal = row["signal"] if row else None
            if row is None:
                found.append(_Port("unknown", "interrupted"))
            elif (
                flow["target_transient"]
                and not alive
                and signal in {"silent", "unreachable", "unresolved"}
            ):
                found.append(_Port("unknown", "not-running"))
            elif signal == "silent" and address in pair["scan_protected"]:
                found.append(_Port("unknown", "scan-protection"))
            elif signal == "open" and address in pair["accepts_all"] and not row["proven"]:
                found.append(_Port("unknown", "accepts-all"))
            elif signal == "open":
                found.append(_Port("proven", "open"))
            elif signal == "invalid":
                found.append(_Port("failed", "wrong-service"))
            elif signal == "local-error":
                found.append(_Port("unknown", "local-error"))
            elif signal == "refused" and not lenient:
                found.append(_Port("failed", "no-listener"))
            elif signal == "refused" and row["attributed"]:
                found.append(_Port("proven", "path-clear"))
            elif signal == "refused":
                found.append(_Port("unknown", "refusal-unattributed"))
            elif signal == "silent" and lenient:
                between = any(n < number for n in refused) and any(n > number for n in refused)
                stealth = flow["target_os"] == "windows" and refused
                ours = (row.get("detail") or {}).get("listener")
                if ours or (is_range and (between or stealth)):
                    found.append(_Port("blocked", "blocked-silent"))
                else:
                    found.append(_Port("unknown", "idle-silent"))
            else:
                found.append(_Port("blocked", _BLOCKS[row["signal"]]))
        return found

    primary = states(flow["ports"], flow["listener"], is_range=flow["mode"] == "range")
    match flow["mode"]:
        case "all":
            return _mode_all(primary)
        case "any":
            return _mode_any(primary)
        case "range":
            return _mode_range(primary)
    if flow["mode"] != "failover":
        raise ValueError(flow["mode"])
    # "a failover range counts as session, a single failover port as its primary does"
    listener = "session" if "-" in flow["failover_ports"] else flow["listener"]
    failover = states(flow["failover_ports"], listener, is_range=True)
    return _mode_failover(primary, failover)


def _mode_all(ports: list[_Port]) -> Judged:
    if all(port.state == "proven" for port in ports):
        return _first("pass", ports)
    if any(port.state in {"blocked", "failed"} for port in ports):
        return _first("fail", ports)
    return _first("unproven", ports)


def _mode_any(ports: list[_Port]) -> Judged:
    proven = [port for port in ports if port.state == "proven"]
    if proven:
        opened = any(port.code == "open" for port in proven)
        return Judged("pass", "open" if opened else "path-clear")
    if all(port.state in {"blocked", "failed"} for port in ports):
        return _first("fail", ports)
    return _first("unproven", ports)


def _mode_range(ports: list[_Port]) -> Judged:
    judged = _mode_all(ports)
    if judged.verdict == "fail" and _partly(ports):
        return Judged("fail", "partly-blocked")
    return judged


def _mode_failover(primary: list[_Port], failover: list[_Port]) -> Judged:
    whole = _mode_all(primary)
    if whole.verdict != "fail":
        return whole
    if any(port.state == "blocked" for port in primary):
        if all(port.state == "proven" for port in failover):
            return Judged("degraded", "failover-only")
        if not any(port.state in {"blocked", "failed"} for port in failover):
            return _first("unproven", failover)
    elif any(port == ("proven", "open") for port in failover):
        return Judged("degraded", "failover-only")
    if _partly([*primary, *failover]):
        return Judged("fail", "partly-blocked")
    return _first("fail", [*primary, *failover])


def _partly(ports: list[_Port]) -> bool:
    return {"blocked", "proven"} <= {port.state for port in ports}


def _first(verdict: str, ports: list[_Port]) -> Judged:
    codes = {port.code for port in ports}
    return Judged(verdict, next(code for code in CODES[verdict] if code in codes))


def _miscounted(flow: Json) -> Iterator[str]:
    """Mistakes in the evidence itself, whatever it means."""
    needed = {*ports_of(flow["ports"]), *ports_of(flow["failover_ports"] or "")}
    seen: set[tuple[str | None, str, int]] = set()
    for row in flow["evidence"]:
        numbers = list(ports_of(row["ports"]))
        if not 0 <= row["probed"] <= len(numbers):
            yield f"{row['probed']} probed of {row['ports']}"
        for number in numbers:
            if number not in needed:
                yield f"evidence of {number}, which it does not need"
            if (row["name"], row["address"], number) in seen:
                yield f"two kinds of evidence of {row['address']} {number}"
            seen.add((row["name"], row["address"], number))
    if not flow["contacted"] <= flow["total"]:
        yield f"contacted {flow['contacted']} of {flow['total']}"


def ports_of(text: str) -> Iterator[int]:
    for run in filter(None, text.split(",")):
        first, _, last = run.partition("-")
        yield from range(int(first), int(last or first) + 1)
