"""A report of thousands of flows, with every verdict and no two flows alike in their evidence."""

from itertools import islice, product

from tests.samples import flow, report, seen
from veeamcheck.model import (
    Listener,
    Outcome,
    ReasonCode,
    Report,
    Signal,
    Verdict,
)


def large(flows: int = 10_000, sources: int = 50, targets: int = 100) -> Report:
    """So many flows, evenly over all pairs; one target in twenty is dead, one port is rejected."""
    pairs = product(range(targets), range(sources))
    per_pair = -(-flows // (sources * targets))
    numbered = ((*pair, rule) for pair in pairs for rule in range(per_pair))
    return report(_flow(source, target, rule) for target, source, rule in islice(numbered, flows))


def _flow(source: int, target: int, rule: int) -> Outcome:
    names = f"documented-rule-number-{rule:02}", f"worker-{source:03}", f"guest-{target:04}"
    address = f"10.{rule % 3}.{target // 200}.{target % 200 + 10}"
    local = f"10.200.{source // 200}.{source % 200 + 10}"
    rtt = round(0.2 + (source * 7919 + target * 104729 + rule) % 9973 / 1000, 3)
    more = {"address": (address,), "section": f"Section {rule % 7}", "row": rule + 1}
    if target % 20 == 7:
        return flow(
            *names, "6160", Verdict.FAIL, ReasonCode.BLOCKED_SILENT,
            [seen("6160", Signal.SILENT, local=local)],
            reason=f"6160 no answer at {address}: dropped on the way, or the host is down", **more,
        )  # fmt: skip
    if rule % 5 == 1 and target % 9 == 2:
        return flow(
            *names, "2500-3300", Verdict.FAIL, ReasonCode.PARTLY_BLOCKED,
            [
                seen("2500-2899", Signal.REFUSED, rtt_ms=rtt, probed=40, local=local),
                seen("2900-3000", Signal.REJECTED, by="10.0.99.1", probed=12, local=local,
                     meaning="administratively prohibited"),
                seen("3001-3300", Signal.REFUSED, rtt_ms=rtt, probed=35, local=local),
            ],
            listener=Listener.SESSION,
            reason="2900-3000 rejected by 10.0.99.1 (administratively prohibited); 2500-2899,"
            "3001-3300 refused by a reset: path clear, nothing listens now",
            **more,
        )  # fmt: skip
    if (source + target) % 31 == 0:
        return flow(
            *names, "6173", Verdict.UNPROVEN, ReasonCode.IDLE_SILENT,
            [seen("6173", Signal.SILENT, local=local)], listener=Listener.SESSION,
            reason="6173 no answer, which proves nothing while nothing listens", **more,
        )  # fmt: skip
    if source % 10 == 9:
        return flow(
            *names, "443", Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE,
            reason=f"starts at {names[1]}: run `veeamcheck run --from {names[1]}` there", **more,
        )  # fmt: skip
    return flow(
        *names, "443", Verdict.PASS, ReasonCode.OPEN,
        [seen("443", Signal.OPEN, rtt_ms=rtt, local=local)],
        reason=f"443 open ({rtt} ms)", **more,
    )  # fmt: skip
