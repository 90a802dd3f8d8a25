"""POSIX sh, with bash's /dev/tcp or nc for the connections."""

from __future__ import annotations

import json
from shlex import quote

from veeamcheck import __version__
from veeamcheck.auditing.contacts import Contacts
from veeamcheck.script._template import fill_in


def render(contacts: Contacts) -> str:
    # The head is JSON already, and ASCII: the script only prints it.
    head = json.dumps(
        {
            "schema_version": 1,
            "kind": "observations",
            "version": __version__,
            "vantage": contacts.vantage,
            "fingerprint": contacts.fingerprint,
            "full_range": contacts.full_range,
            "closed": contacts.closed,
        }
    ).removesuffix("}")
    lines = (
        " ".join(map(str, (each.group, each.address, *each.ports))) for each in contacts.contacts
    )
    return fill_in(
        "sh.sh",
        {
            "HEAD": quote(head),
            "NAMES": quote("\n".join(contacts.names)),
            "CONTACTS": quote("\n".join(lines)),
        },
    )
