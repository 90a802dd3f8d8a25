"""Windows PowerShell 5.1 without modules; PowerShell 7 runs it too."""

from __future__ import annotations

import json

from veeamcheck import __version__
from veeamcheck.auditing.contacts import Contacts
from veeamcheck.script._template import fill_in


def render(contacts: Contacts) -> str:
    task = {
        "version": __version__,
        "vantage": contacts.vantage,
        "fingerprint": contacts.fingerprint,
        "full_range": contacts.full_range,
        "closed": contacts.closed,
        "names": contacts.names,
        "contacts": [each._asdict() for each in contacts.contacts],
    }
    text = fill_in("powershell.ps1", {"TASK": _quote(json.dumps(task))})
    return text.replace("\n", "\r\n")


def _quote(text: str) -> str:
    """A string literal. Only for ASCII: PowerShell takes typographic quotes for quotes too."""
    assert text.isascii()
    return "'" + text.replace("'", "''") + "'"
