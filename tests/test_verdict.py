"""The truth table: total, and the same as the contract's text read a second time (`oracle`)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracle
from veeamcheck.model import (
    SIGNS_OF_LIFE,
    Evidence,
    Flow,
    InstalledBy,
    Listener,
    Mode,
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
from veeamcheck.verdict import (
    Judgement,
    beside_rejects,
    exit_status,
    judge,
    needs_failover,
    outcome,
)

A, B = "10.0.30.5", "10.0.30.6"


def flow(
    mode: str = "all",
    ports: str = "6162",
    failover: str | None = None,
    *,
    listener: Listener = Listener.ALWAYS,
    address: Sequence[str] = (A,),
    **more: Any,
) -> Flow:
    values: dict[str, Any] = {
        "id": "rule@vbr1>repo1",
        "rule_set": "veeam-pve",
        "rule": "rule",
        "section": "Workers",
        "row": 1,
        "source": "vbr1",
        "target": "repo1",
        "address": tuple(address),
        "transport": Transport.TCP,
        "mode": Mode(mode),
        "ports": PortSet.parse(ports),
        "failover_ports": PortSet.parse(failover) if failover else None,
        "failover_listener": Listener.SESSION if failover and "-" in failover else listener,
        "listener": listener,
        "installed_by": InstalledBy.PRODUCT,
        "service": "tcp",
        "runs_from": "vbr1",
        **more,
    }
    return Flow(**values)


def seen(ports: str, signal: str, address: str = A, **more: Any) -> Evidence:
    numbers = PortSet.parse(ports)
    values: dict[str, Any] = {
        "address": address,
        "local_address": "10.0.10.5",
        "ports": numbers,
        "signal": Signal(signal),
        "attributed": True,
        "probed": len(numbers),
        "rtt_ms": None,
        "by": None,
        "detail": None,
        **more,
    }
    return Evidence(**values)


def rows_of(text: str, address: str = A, **more: Any) -> list[Evidence]:
    """Evidence as short as it can be written: ``2500-2599 refused, 2600 silent``."""
    return [
        seen(ports, signal, address, **more)
        for ports, signal in (part.split() for part in text.split(",") if part.strip())
    ]


def facts(*rows: Evidence, **more: Any) -> PairFacts:
    alive = any(row.signal in SIGNS_OF_LIFE for row in rows)
    return PairFacts(**{"vantage": "vbr1", "target": "repo1", "alive": alive, **more})


def judged(
    flow: Flow, rows: Sequence[Evidence], phase: Phase = Phase.LIVE, **about_pair: Any
) -> Judgement:
    return judge(flow, rows, facts(*rows, **about_pair), phase)


def said(judgement: Judgement) -> str:
    return f"{judgement.verdict} {judgement.code}"


def by_oracle(
    flow: Flow, rows: Sequence[Evidence], pair: PairFacts, phase: Phase
) -> tuple[str, str]:
    """What the second judge says of the same, given as the JSON report would show it."""
    as_json = {
        "source": flow.source,
        "target": flow.target,
        "runs_from": flow.runs_from,
        "address": list(flow.address),
        "mode": str(flow.mode),
        "ports": str(flow.ports),
        "failover_ports": str(flow.failover_ports) if flow.failover_ports else None,
        "failover_listener": str(flow.failover_listener) if flow.failover_listener else None,
        "listener": str(flow.listener),
        "installed_by": str(flow.installed_by),
        "target_transient": flow.target_transient,
        "target_os": flow.target_os,
        "evidence": [
            {
                "address": row.address,
                "name": row.name,
                "ports": str(row.ports),
                "signal": str(row.signal),
                "attributed": row.attributed,
                "proven": row.proven,
            }
            for row in rows
        ],
    }
    report = {
        "run": {"vantages": ["vbr1"], "interrupted": True, "phase": str(phase)},
        "pairs": [
            {
                "vantage": pair.vantage,
                "target": pair.target,
                "accepts_all": list(pair.accepts_all),
                "scan_protected": list(pair.scan_protected),
            }
        ],
        "flows": [as_json],
    }
    return tuple(oracle.judge(as_json, report))  # type: ignore[return-value]


# --- total ---------------------------------------------------------------------------------------

_SHAPES = {
    Mode.ALL: ("22", None),
    Mode.ANY: ("80,443", None),
    Mode.RANGE: ("2500-2502", None),
    Mode.FAILOVER: ("6162", "2500-2502"),
}
_ODDITIES = {Signal.OPEN: "accepts_all", Signal.SILENT: "scan_protected"}
_NO_NEIGHBOURS: list[dict[int, Signal]] = [{}]
_NEIGHBOURS = [{2500: below, 2502: above} for below, above in product(Signal, Signal)]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("signal", list(Signal))
def test_every_combination_has_a_verdict_with_a_code_of_it(mode: Mode, signal: Signal) -> None:
    """By attribution, listener, phase, installer, transience, target, oddity and neighbours."""
    ports, failover = _SHAPES[mode]
    for attributed, listener, phase, installed_by, transient, target_os, odd, beside in product(
        *((True, False), Listener, Phase, InstalledBy, (True, False), ("", "windows")),
        ("", _ODDITIES[signal]) if signal in _ODDITIES else ("",),
        _NEIGHBOURS if "2500" in (failover or ports) else _NO_NEIGHBOURS,
    ):
        one = flow(
            mode, ports, failover, listener=listener,
            installed_by=installed_by, target_transient=transient, target_os=target_os,
        )  # fmt: skip
        every = dict.fromkeys(one.ports | (one.failover_ports or PortSet()), signal) | beside
        rows = [seen(str(port), each, attributed=attributed) for port, each in every.items()]
        pair = facts(*rows, **({odd: (A,)} if odd else {}))

        verdict, code, reason = judge(one, rows, pair, phase)

        assert code in oracle.CODES[verdict]
        assert reason
        assert (verdict, code) == by_oracle(one, rows, pair, phase)


# --- the second judge ------------------------------------------------------------------------

_ADDRESSES = ("10.0.30.5", "10.0.30.6", "fd00:30::5")


@st.composite
def flows_and_rows(draw: st.DrawFn) -> tuple[Flow, list[Evidence]]:
    mode = draw(st.sampled_from(Mode))
    many = st.sampled_from(["2500-2506", "2500-2502", "2500"])
    failover = draw(many) if mode is Mode.FAILOVER else None
    listener = draw(st.sampled_from(Listener))
    ports = draw(many) if mode is Mode.RANGE else draw(st.sampled_from(["22", "80,443"]))
    declared = draw(
        st.sampled_from([("repo1.test",), _ADDRESSES[:1], _ADDRESSES[:2], ("repo1.test", A)])
    )
    one = flow(
        mode, ports, failover,
        listener=listener,
        address=declared,
        installed_by=draw(st.sampled_from(InstalledBy)),
        target_transient=draw(st.booleans()),
        target_os=draw(st.sampled_from(["", "linux", "windows"])),
    )  # fmt: skip
    rows: list[Evidence] = []
    for name in declared:
        resolved = [name]
        if name == "repo1.test":
            resolved = draw(st.lists(st.sampled_from(_ADDRESSES[1:]), min_size=1, unique=True))
        for address in resolved:
            signals = draw(
                st.lists(st.sampled_from(Signal), min_size=1, max_size=3).map(st.sampled_from)
            )
            for port in one.ports | (one.failover_ports or PortSet()):
                if draw(st.integers(0, 19)) == 0:
                    continue  # the run was interrupted before
                rows.append(
                    seen(
                        str(port), draw(signals), address,
                        attributed=draw(st.integers(0, 3)) > 0,
                        proven=draw(st.integers(0, 3)) == 0,
                        name=name if name == "repo1.test" else None,
                    )
                )  # fmt: skip
    return one, rows


@settings(max_examples=500)
@given(
    flows_and_rows(),
    st.sampled_from(Phase),
    st.sets(st.sampled_from(_ADDRESSES)),
    st.sets(st.sampled_from(_ADDRESSES)),
)
def test_both_judges_agree_on_any_evidence(
    case: tuple[Flow, list[Evidence]], phase: Phase, accepts_all: set[str], protected: set[str]
) -> None:
    one, rows = case
    pair = facts(*rows, accepts_all=tuple(accepts_all), scan_protected=tuple(protected))

    assert judge(one, rows, pair, phase)[:2] == by_oracle(one, rows, pair, phase)


@settings(max_examples=100)
@given(flows_and_rows(), st.sampled_from(Phase), st.randoms())
def test_neither_the_order_nor_the_folding_of_evidence_matters(
    case: tuple[Flow, list[Evidence]], phase: Phase, random: Any
) -> None:
    one, rows = case
    folded: dict[tuple[object, ...], Evidence] = {}
    for row in rows:
        key = (row.address, row.name, row.signal, row.attributed, row.proven)
        same = folded.get(key)
        folded[key] = replace(row, ports=row.ports | same.ports) if same else row
    others = list(folded.values())
    random.shuffle(others)

    once, again = judged(one, rows, phase), judged(one, others, phase)

    assert once[:2] == again[:2]


# --- single ports --------------------------------------------------------------------------------

STRICT = {"listener": Listener.ALWAYS}
SESSION = {"listener": Listener.SESSION}


@pytest.mark.parametrize(
    ("signal", "strict", "lenient"),
    [
        ("open", "pass open", "pass open"),
        ("refused", "fail no-listener", "pass path-clear"),
        ("rejected", "fail blocked-rejected", "fail blocked-rejected"),
        ("unreachable", "fail unreachable", "fail unreachable"),
        ("unresolved", "fail unresolved", "fail unresolved"),
        ("silent", "fail blocked-silent", "unproven idle-silent"),
        ("invalid", "fail wrong-service", "fail wrong-service"),
        ("local-error", "unproven local-error", "unproven local-error"),
    ],
)
def test_what_one_signal_proves(signal: str, strict: str, lenient: str) -> None:
    rows = rows_of(f"6162 {signal}")
    not_yet_installed = flow(installed_by=InstalledBy.PRODUCT)
    there_before = flow(installed_by=InstalledBy.SITE)

    assert said(judged(flow(**STRICT), rows)) == strict
    assert said(judged(flow(**SESSION), rows)) == lenient
    assert said(judged(not_yet_installed, rows, Phase.PREDEPLOY)) == lenient
    assert said(judged(there_before, rows, Phase.PREDEPLOY)) == strict


@pytest.mark.parametrize(
    ("listener", "verdict"),
    [(Listener.ALWAYS, "fail no-listener"), (Listener.SESSION, "unproven refusal-unattributed")],
)
def test_a_refusal_that_may_be_a_reject(listener: Listener, verdict: str) -> None:
    rows = rows_of("6162 refused", attributed=False)

    assert said(judged(flow(listener=listener), rows)) == verdict


@pytest.mark.parametrize(
    ("signal", "dead", "alive"),
    [
        ("silent", "unproven not-running", "fail blocked-silent"),
        ("unreachable", "unproven not-running", "fail unreachable"),
        ("unresolved", "unproven not-running", "fail unresolved"),
        ("rejected", "fail blocked-rejected", "fail blocked-rejected"),
        ("local-error", "unproven local-error", "unproven local-error"),
    ],
)
def test_a_host_that_exists_only_while_a_job_runs(signal: str, dead: str, alive: str) -> None:
    worker, rows = flow(target_transient=True), rows_of(f"6162 {signal}")

    assert said(judged(worker, rows, alive=False)) == dead
    assert said(judged(worker, rows, alive=True)) == alive


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (rows_of("6162 open"), "unproven accepts-all"),
        (rows_of("6162 open", proven=True), "pass open"),
        (rows_of("6162 open", B), "pass open"),
        (rows_of("6162 refused"), "fail no-listener"),
    ],
    ids=["accepted", "the service itself", "another address", "refused"],
)
def test_where_something_accepts_for_everybody(rows: list[Evidence], verdict: str) -> None:
    one = flow(address=[rows[0].address])

    assert said(judged(one, rows, accepts_all=(A,))) == verdict


def test_silence_after_a_scan_protection_is_no_block() -> None:
    one, rows = flow("all", "22,6162"), rows_of("22 open, 6162 silent")

    assert said(judged(one, rows)) == "fail blocked-silent"
    assert said(judged(one, rows, scan_protected=(B,))) == "fail blocked-silent"
    assert said(judged(one, rows, scan_protected=(A,))) == "unproven scan-protection"


# --- modes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "rows", "verdict"),
    [
        ("all", "80 open, 443 open", "pass open"),
        ("all", "80 open, 443 silent", "fail blocked-silent"),
        ("all", "80 refused, 443 silent", "fail blocked-silent"),
        ("all", "80 open, 443 local-error", "unproven local-error"),
        ("all", "80 silent, 443 local-error", "fail blocked-silent"),
        ("all", "80 open", "unproven interrupted"),
        ("any", "80 open, 443 silent", "pass open"),
        ("any", "80 rejected, 443 silent", "fail blocked-rejected"),
        ("any", "80 refused, 443 invalid", "fail no-listener"),
        ("any", "80 silent, 443 local-error", "unproven local-error"),
        ("any", "443 silent", "unproven interrupted"),
    ],
)
def test_all_and_any(mode: str, rows: str, verdict: str) -> None:
    assert said(judged(flow(mode, "80,443"), rows_of(rows))) == verdict


_IDLE_OR_STEALTH = ("unproven idle-silent", "fail partly-blocked")


@pytest.mark.parametrize(
    ("rows", "linux", "windows"),
    [
        ("2500-2509 refused", "pass path-clear", "pass path-clear"),
        ("2500-2509 open", "pass open", "pass open"),
        ("2500-2504 open, 2505-2509 refused", "pass path-clear", "pass path-clear"),
        ("2500-2509 silent", "unproven idle-silent", "unproven idle-silent"),
        ("2500-2509 rejected", "fail blocked-rejected", "fail blocked-rejected"),
        ("2500-2508 refused, 2509 rejected", "fail partly-blocked", "fail partly-blocked"),
        ("2500 refused, 2501-2508 silent, 2509 refused", *["fail partly-blocked"] * 2),
        ("2500-2504 refused, 2505-2509 silent", *_IDLE_OR_STEALTH),
        ("2500-2504 silent, 2505-2509 refused", *_IDLE_OR_STEALTH),
        # What is open tells nothing of the ports beside it: a host opens what listens.
        ("2500 open, 2501-2508 silent, 2509 open", *["unproven idle-silent"] * 2),
        ("2500 open, 2501 silent, 2502-2509 refused", *_IDLE_OR_STEALTH),
        ("2500-2508 refused, 2509 local-error", *["unproven local-error"] * 2),
        ("2500-2508 silent, 2509 local-error", *["unproven local-error"] * 2),
        ("2500-2508 refused, 2509 invalid", *["fail wrong-service"] * 2),
        ("2500-2504 refused, 2505 silent", "unproven interrupted", "fail partly-blocked"),
        ("2500 refused, 2501 silent, 2502 refused", *["fail partly-blocked"] * 2),
    ],
)  # fmt: skip
def test_ranges(rows: str, linux: str, windows: str) -> None:
    for target_os, verdict in (("linux", linux), ("", linux), ("windows", windows)):
        one = flow("range", "2500-2509", listener=Listener.SESSION, target_os=target_os)
        assert said(judged(one, rows_of(rows))) == verdict


def test_single_ports_have_no_neighbours() -> None:
    """Only a port of a range has others on both sides that tell about it."""
    one = flow("all", "445,446,447", listener=Listener.SESSION, target_os="windows")

    verdict = said(judged(one, rows_of("445 refused, 446 silent, 447 refused")))

    assert verdict == "unproven idle-silent"


@pytest.mark.parametrize(
    ("primary", "failover", "verdict"),
    [
        ("open", "", "pass open"),
        ("open", "2500-2509 silent", "pass open"),
        ("local-error", "2500-2509 open", "unproven local-error"),
        ("silent", "2500-2509 open", "degraded failover-only"),
        ("silent", "2500-2509 refused", "degraded failover-only"),
        ("rejected", "2500-2509 refused", "degraded failover-only"),
        ("silent", "2500-2509 silent", "unproven idle-silent"),
        ("rejected", "2500-2509 local-error", "unproven local-error"),
        ("silent", "2500-2504 refused", "unproven interrupted"),
        ("silent", "2500-2508 refused, 2509 rejected", "fail partly-blocked"),
        ("silent", "2500-2509 rejected", "fail blocked-rejected"),
        ("silent", "2500-2509 unreachable", "fail blocked-silent"),
        ("unreachable", "2500-2509 unreachable", "fail unreachable"),
        # The path is clear, the service is down: only another port that is served helps.
        ("refused", "2500 open, 2501-2509 refused", "degraded failover-only"),
        ("refused", "2500 open, 2501-2509 rejected", "degraded failover-only"),
        ("refused", "2500-2509 refused", "fail no-listener"),
        ("refused", "2500-2509 silent", "fail no-listener"),
        ("refused", "", "fail no-listener"),
        ("refused", "2500-2508 refused, 2509 rejected", "fail partly-blocked"),
        ("refused", "2500-2509 rejected", "fail blocked-rejected"),
        ("invalid", "2500-2509 open", "degraded failover-only"),
        ("invalid", "2500-2509 refused", "fail wrong-service"),
    ],
)
def test_failover(primary: str, failover: str, verdict: str) -> None:
    one = flow("failover", "6162", "2500-2509")

    assert said(judged(one, rows_of(f"6162 {primary}, {failover}"))) == verdict


@pytest.mark.parametrize(
    ("primary", "second", "verdict"),
    [
        ("silent", "open", "degraded failover-only"),
        ("silent", "refused", "fail blocked-silent"),  # of both, the block goes first
        ("silent", "silent", "fail blocked-silent"),
        ("refused", "open", "degraded failover-only"),
        ("refused", "refused", "fail no-listener"),
    ],
)
def test_a_single_failover_port_is_judged_as_its_primary(
    primary: str, second: str, verdict: str
) -> None:
    one = flow("failover", "6160", "11731")

    assert said(judged(one, rows_of(f"6160 {primary}, 11731 {second}"))) == verdict


@pytest.mark.parametrize(
    ("primary", "needed"),
    [("open", False), ("local-error", False), ("silent", True), ("refused", True),
     ("invalid", True)],
)  # fmt: skip
def test_when_failover_ports_are_needed(primary: str, needed: bool) -> None:
    one, rows = flow("failover", "6162", "2500-2509"), rows_of(f"6162 {primary}")

    assert needs_failover(one, rows, facts(*rows), Phase.LIVE) is needed
    assert not needs_failover(flow("all", "6162"), rows, facts(*rows), Phase.LIVE)


# --- several addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "list_", "name"),
    [
        ("open", "open", "pass open", "pass open"),
        ("open", "silent", "fail blocked-silent", "pass open"),
        ("open", "local-error", "unproven local-error", "pass open"),
        ("silent", "local-error", "fail blocked-silent", "unproven local-error"),
        ("silent", "rejected", "fail blocked-rejected", "fail blocked-rejected"),
        ("refused", "silent", "fail blocked-silent", "fail blocked-silent"),
    ],
)
def test_a_list_must_work_as_a_whole_and_of_a_name_any_address(
    first: str, second: str, list_: str, name: str
) -> None:
    rows = [*rows_of(f"6162 {first}", A), *rows_of(f"6162 {second}", B)]
    named = [replace(row, name="repo1.test") for row in rows]

    for order in (1, -1):
        assert said(judged(flow(address=[A, B][::order]), rows[::order])) == list_
        assert said(judged(flow(address=["repo1.test"]), named[::order])) == name


def test_of_a_list_the_lesser_proof_counts_and_of_a_name_the_better_one() -> None:
    rows = [*rows_of("6162 open", A), *rows_of("6162 refused", B)]
    named = [replace(row, name="repo1.test") for row in rows]

    assert said(judged(flow(address=[A, B], **SESSION), rows)) == "pass path-clear"
    assert said(judged(flow(address=["repo1.test"], **SESSION), named)) == "pass open"


def test_the_degraded_address_of_a_list_is_its_verdict_beside_a_good_one() -> None:
    one = flow("failover", "6162", "2500-2509", address=[A, B])
    rows = [*rows_of("6162 open", A), *rows_of("6162 silent, 2500-2509 refused", B)]

    assert said(judged(one, rows)) == "degraded failover-only"


def test_reasons_name_each_address_that_fails_and_those_left_out() -> None:
    rows = [*rows_of("6162 silent", A), *rows_of("6162 rejected", B, by="10.0.0.1")]

    every = judged(flow(address=[A, B]), rows).reason
    passed = judged(
        flow(address=["repo1.test"]),
        [replace(row, name="repo1.test") for row in (*rows_of("6162 open", A), *rows[1:])],
        left_out=("fd00:30::5",),
    ).reason

    assert f"{A}: 6162 no answer" in every
    assert f"{B}: 6162 rejected by 10.0.0.1" in every
    assert f"{A}: 6162 open" in passed
    assert f"{B} fail (6162 rejected by 10.0.0.1)" in passed
    assert "no route from here: fd00:30::5" in passed


# --- never contacted -----------------------------------------------------------------------------


def test_a_flow_never_contacted_is_untested() -> None:
    assert said(judged(flow(), [])) == "untested interrupted"


def test_a_block_seen_before_an_interrupt_stays() -> None:
    one = flow("range", "2500-2509", listener=Listener.SESSION)

    assert said(judged(one, rows_of("2500 rejected"))) == "fail blocked-rejected"


# --- reasons -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (
            [
                *rows_of("2500-2899 refused, 3001-3300 refused"),
                seen("2900-3000", "rejected", by="10.0.99.1", detail={"meaning": "prohibited"}),
            ],
            ["2500-2899,3001-3300 refused", "2900-3000 rejected by 10.0.99.1 (prohibited)"],
        ),
        (
            [*rows_of("2500-3299 silent"), seen("3300", "rejected", by="10.0.99.1")],
            ["2500-3299 no answer", "(likely rejected by 10.0.99.1 too", "3300 rejected"],
        ),
        (
            [seen("2500-3300", "refused", probed=76, gap=21)],
            ["can be forged", "a hole of up to 21 ports could have been missed"],
        ),
        (rows_of("2500-3300 open"), ["2500-3300 open"]),
    ],
)
def test_reasons_of_ranges(rows: list[Evidence], parts: list[str]) -> None:
    reason = judged(flow("range", "2500-3300", listener=Listener.SESSION), rows).reason

    for part in parts:
        assert part in reason


def test_a_host_of_which_other_ports_answer_is_not_said_to_be_down() -> None:
    one = flow("failover", "6162", "2500-2509")

    half = judged(one, rows_of("6162 silent, 2500-2509 open")).reason
    none = judged(one, rows_of("6162 silent, 2500-2509 rejected")).reason

    assert "6162 no answer: dropped on the way (other ports answer)" in half
    assert "6162 no answer: dropped on the way, or the host is down" in none


def test_only_a_reset_can_be_forged_and_only_a_sample_misses_holes() -> None:
    reason = judged(flow(), rows_of("6162 open")).reason

    assert reason == "6162 open"


# --- around a judgement --------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.WAIVED])
def test_a_waiver_replaces_only_what_is_worth_waiving(verdict: Verdict) -> None:
    judgement = Judgement(verdict, ReasonCode.OPEN, "why")
    waiver = Waiver("rule@vbr1>repo1", "change 4711", date(2027, 1, 31))

    made = outcome(flow(), judgement, [], waiver)

    if verdict in (Verdict.FAIL, Verdict.DEGRADED, Verdict.UNPROVEN):
        assert made.verdict is Verdict.WAIVED
        assert made.waived == Waived(verdict=verdict, reason="change 4711", until=waiver.until)
    else:
        assert (made.verdict, made.waived) == (verdict, None)


def test_counts_are_of_needed_ports_over_all_addresses() -> None:
    one = flow("failover", "6162", "2500-2509", address=[A, B])
    primary = [*rows_of("6162 open", A), *rows_of("6162 open", B)]
    more = [*rows_of("6162 silent", A), seen("2500-2509", "refused", probed=4)]
    judgement = Judgement(Verdict.PASS, ReasonCode.OPEN, "")

    made = outcome(one, judgement, primary)
    assert (made.contacted, made.total) == (2, 2)
    made = outcome(replace(one, address=(A,)), judgement, more)
    assert (made.contacted, made.total) == (5, 11)


def test_a_name_and_an_address_that_are_the_same_count_twice() -> None:
    one = flow(address=[A, "repo1.test"])
    rows = [*rows_of("6162 open"), *rows_of("6162 open", name="repo1.test")]

    made = outcome(one, judged(one, rows), rows)

    assert (made.verdict, made.contacted, made.total) == (Verdict.PASS, 2, 2)


@pytest.mark.parametrize(
    ("verdicts", "policy", "status"),
    [
        ("pass", {}, 0),
        ("pass degraded waived", {}, 0),
        ("waived", {}, 0),
        ("pass untested", {}, 0),
        ("pass untested", {"require_complete": True}, 3),
        ("degraded", {"fail_on_degraded": True}, 1),
        ("pass unproven", {}, 3),
        ("pass unproven", {"allow_unproven": frozenset({ReasonCode.IDLE_SILENT})}, 0),
        ("pass unproven", {"allow_unproven": frozenset({ReasonCode.NOT_RUNNING})}, 3),
        ("unproven fail", {}, 1),
        ("fail untested", {"require_complete": True}, 1),
        ("untested", {}, 3),
        ("", {}, 3),
    ],
)
def test_exit_status(verdicts: str, policy: dict[str, Any], status: int) -> None:
    outcomes = [
        outcome(flow(), Judgement(Verdict(verdict), ReasonCode.IDLE_SILENT, ""))
        for verdict in verdicts.split()
    ]

    assert exit_status(outcomes, Policy(**policy)) == status
    assert exit_status(outcomes, Policy(**policy), interrupted=True) == 130


@pytest.mark.parametrize(
    ("rows", "likely"),
    [
        ({"3101,3105": Signal.REJECTED, "3102-3104": Signal.SILENT, "1": Signal.OPEN}, "3102-3104"),
        ({"6162": Signal.REJECTED, "2900-3000": Signal.SILENT, "2500": Signal.REFUSED}, ""),
        ({"6162": Signal.REJECTED, "6160": Signal.SILENT}, "6160"),
        ({"6160": Signal.SILENT}, ""),
    ],
)
def test_which_silences_a_reject_explains(rows: dict[str, Signal], likely: str) -> None:
    """A firewall that rejects one port says nothing about a far away range that is dropped."""
    evidence = [
        Evidence(
            address="10.0.0.2",
            local_address="10.0.0.1",
            ports=PortSet.parse(ports),
            signal=signal,
            attributed=True,
            probed=1,
            rtt_ms=None,
            by="10.0.0.9" if signal is Signal.REJECTED else None,
            detail=None,
        )
        for ports, signal in rows.items()
    ]
    assert str(beside_rejects(evidence)[1]) == likely
