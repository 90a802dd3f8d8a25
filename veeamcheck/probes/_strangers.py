"""What else can answer on a port, told by its first bytes."""

from __future__ import annotations

import re

from veeamcheck.model import Observation, Signal
from veeamcheck.probes._talk import invalid, shown

_HTTP = re.compile(rb"HTTP/\d(?:\.\d)? ([^\r\n]*)")
_SERVER = re.compile(rb"^server:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_TEXTS = (
    (b"SSH-", "an SSH server"),
    (b"RFB ", "a VNC server"),
    (b"* OK", "an IMAP server"),
    (b"+OK", "a POP3 server"),
    (b"220", "a mail or FTP server"),
    (b"\xfeSMB", "an SMB server"),
)
"""How each begins. Those that speak first, and HTTP and TLS, which complain when spoken to."""
LISTENER = b"veeamcheck-listener "
"""How our own listener greets."""
_LISTENER_MEANS = "greets as our listener, which only its key would prove (--key-file)"


def name_of(said: bytes) -> str:
    """What says this, with its own words where they tell more."""
    http = _HTTP.match(said)
    if http:
        server = _SERVER.search(said)
        by = f", {shown(server[1])}" if server else ""
        return f"an HTTP server ({shown(http[1])}{by})"
    if said[:1] in (b"\x15", b"\x16") and said[1:2] == b"\x03":
        return "a TLS server"
    if said[4:8] in (b"\xfeSMB", b"\xffSMB"):
        return "an SMB server"
    if said[:2] == b"\x05\x00" and len(said) >= 16:
        return "an RPC server"
    for start, name in _TEXTS:
        if said.startswith(start):
            return f"{name} ({shown(said.splitlines()[0])})"
    words = shown(said)
    legible = sum(letter.isalnum() for letter in words) * 2 > len(said[:80])
    return f"something that says “{words}”" if legible else "something unknown"


def stranger(said: bytes) -> Observation:
    """`invalid`: whoever says this is another service than should answer.

    But our own listener stands in for any service. Without its key it proves nothing more than an
    open port does.
    """
    if said.startswith(LISTENER):
        return Observation(Signal.OPEN, detail={"meaning": _LISTENER_MEANS})
    return invalid(name_of(said), cause="stranger")
