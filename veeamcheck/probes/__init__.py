"""Checks of services: one file each, found by name. A new service is one new file."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import cast

from veeamcheck.probes.interface import Probe


@cache
def find_probe(service: str) -> Probe | None:
    """The probe for what must answer; None where an accepted connection is all there is to see."""
    file = service.replace("-", "_")
    if not file.isidentifier() or file.startswith("_") or file == "interface":
        return None
    name = f"{__name__}.{file}"
    return cast(Probe, import_module(name).probe) if find_spec(name) else None


def services() -> list[str]:
    """Every service that has a probe."""
    files = (module.name for module in iter_modules(__path__))
    return [file.replace("_", "-") for file in files if file[0] != "_" and file != "interface"]
