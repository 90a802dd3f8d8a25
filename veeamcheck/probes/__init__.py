"""Checks of services: one file each, found by name. A new service is one new file."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import cast

from veeamcheck.probes.interface import Probe


def find_probe(service: str) -> Probe | None:
    """The probe for what must answer; None where an accepted connection is all there is to see."""
    name = f"{__name__}.{service.replace('-', '_')}"
    if not service.isidentifier() or service == "interface" or find_spec(name) is None:
        return None
    return cast(Probe, import_module(name).probe)
