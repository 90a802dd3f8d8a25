"""What an X.509 certificate says of who shows it. Nothing here says that it is true."""

from __future__ import annotations

import hashlib
from typing import Any

from veeamcheck.probes._talk import shown

Facts = dict[str, str | int | bool | None]


def facts_of(certificate: bytes) -> Facts:
    """``subject``, ``names``, ``issuer``, ``expires`` and ``fingerprint`` of one in DER.

    Of one that cannot be read there is only the fingerprint.
    """
    facts: Facts = {"fingerprint": f"sha256:{hashlib.sha256(certificate).hexdigest()}"}
    try:
        return {**_read(certificate), **facts}
    except Exception:  # a lazy parser, on bytes from a stranger: any error means unreadable
        return facts


def _read(certificate: bytes) -> Facts:
    from asn1crypto.x509 import Certificate

    parsed = Certificate.load(certificate)
    alternatives = parsed.subject_alt_name_value
    names = alternatives.native if alternatives else []
    return {
        "subject": _name(parsed.subject),
        "names": shown(", ".join(str(name) for name in names)),
        "issuer": _name(parsed.issuer),
        "expires": parsed.not_valid_after.strftime("%Y-%m-%d"),
    }


def _name(name: Any) -> str:
    """The common name, else the organisation, else all of it."""
    parts = name.native
    return shown(
        str(parts.get("common_name") or parts.get("organization_name") or name.human_friendly)
    )
