"""Checks of services: one file each, found by name. A new service is one new file."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import cast

from veeamcheck.probes.interface import Probe


def find_probe(service: str) -> Probe | None:
    """The probe for what must answer; None where an accepted connection is all there is to see."""
    file = service.replace("-", "_")
    if not file.isidentifier() or file.startswith("_") or file == "interface":
        return None
    name = f"{__name__}.{file}"
    return cast(Probe, import_module(name).probe) if find_spec(name) else None
