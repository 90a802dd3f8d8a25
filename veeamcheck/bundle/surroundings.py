"""What a support engineer asks about the machine that an audit ran on. Nothing is audited here.

Only the resolver is asked, for the names that the audit asked it for; all else this machine knows.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from veeamcheck import __version__
from veeamcheck.net.interface import UnresolvedError
from veeamcheck.net.machine import own_addresses, own_routes, printed_routes, way_to
from veeamcheck.net.names import Resolver

DEPENDENCIES = (
    *("apprise", "asn1crypto", "asyncio-dgram", "asyncssh", "Jinja2", "junitparser"),
    *("prometheus-client", "pydantic", "rich", "typer"),
)
"""What veeamcheck is built on, with its extras."""
_MOST_NAMES = 500


def surroundings(names: Sequence[str], addresses: Sequence[str]) -> dict[str, Any]:
    """Documents by name: what the resolver says of `names`, how `addresses` are reached, versions.

    Takes as long as the resolver does: each name has its limit, 32 are asked at a time.
    """
    return {
        "resolver": asyncio.run(_resolved(names)),
        "network": {
            "addresses": [each._asdict() for each in own_addresses()],
            "routes": [each._asdict() for each in own_routes()],
            "printed_routes": printed_routes().splitlines(),
            "ways": [way_to(address)._asdict() for address in addresses],
        },
        "versions": {
            "veeamcheck": __version__,
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "system": f"{platform.system()} {platform.release()} {platform.machine()}".strip(),
            "dependencies": {name: _version(name) for name in DEPENDENCIES},
        },
    }


def own_names() -> list[str]:
    """What this machine and whoever uses it are called."""
    import getpass

    names = [socket.gethostname(), socket.getfqdn()]
    with suppress(OSError, KeyError, ImportError):  # nobody by this number, or no such database
        names.append(getpass.getuser())
    return [name for name in names if name]


async def _resolved(names: Sequence[str]) -> dict[str, Any]:
    resolver = Resolver()
    answers = await asyncio.gather(*(_answer(resolver, name) for name in names[:_MOST_NAMES]))
    return {"answers": answers, "not_asked": max(len(names) - _MOST_NAMES, 0)}


async def _answer(resolver: Resolver, name: str) -> dict[str, Any]:
    start = time.perf_counter()
    addresses: list[str] = []
    error = None
    try:
        addresses += await resolver.resolve(name)
    except UnresolvedError as unresolved:
        error = str(unresolved)
    took = round((time.perf_counter() - start) * 1000, 1)
    return {"name": name, "addresses": addresses, "error": error, "ms": took}


def _version(package: str) -> str | None:
    """None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
