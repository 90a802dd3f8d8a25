"""Is a certificate the one that should be shown? By the inventory's pin, and by what others see."""

from __future__ import annotations

from collections.abc import Iterable

from veeamcheck.model import Observation, Outcome, Signal, TlsPin

ANOTHER_CERTIFICATE = "certificate"
"""The ``cause`` in the detail of what shows another one than the inventory pins."""


def held_to(pin: TlsPin, answer: Observation) -> Observation:
    """What an answer over TLS is worth where the inventory says which certificate must be shown."""
    detail = answer.detail or {}
    if answer.signal is not Signal.OPEN or "protocol" not in detail:
        return answer
    issuer, fingerprint = (detail.get(key, "not shown") for key in ("issuer", "fingerprint"))
    wrong = []
    if pin.fingerprint and fingerprint not in pin.fingerprint:
        wrong.append(f"its fingerprint is {fingerprint}")
    if pin.issuer and str(issuer).casefold() not in map(str.casefold, pin.issuer):
        wrong.append(f"its issuer is {issuer}")
    if not wrong:
        return answer
    meaning = f"shows another certificate than the inventory pins: {', '.join(wrong)}"
    return answer._replace(
        signal=Signal.INVALID,
        proven=False,
        detail={**detail, "meaning": meaning, "cause": ANOTHER_CERTIFICATE},
    )


def differences(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """A warning for each service that shows certificates of different issuers to its vantages.

    Whether one of them is intercepted only a pin can decide: no verdict follows from it.
    """
    issuers: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for each in outcomes:
        for row in each.evidence:
            issuer = (row.detail or {}).get("issuer")
            if issuer is None:
                continue
            where = each.target, row.name or row.address, str(row.ports)
            vantages = issuers.setdefault(where, {}).setdefault(str(issuer), [])
            if each.runs_from not in vantages:
                vantages.append(each.runs_from)
    return tuple(
        f"{target} ({name} port {port}) shows certificates of different issuers: "
        + ", ".join(f"“{issuer}” to {' and '.join(shown)}" for issuer, shown in found.items())
        + f"; something on the way may open TLS: pin the right one with hosts.{target}.tls"
        for (target, name, port), found in issuers.items()
        if len(found) > 1
    )
