"""Checks of services: one file each, found by name. A new service is one new file."""

from __future__ import annotations

from functools import cache
from typing import cast

from veeamcheck.probes.interface import Probe
from veeamcheck.variants import load_variant, variants


@cache
def find_probe(service: str) -> Probe | None:
    """The probe for what must answer; None where an accepted connection is all there is to see."""
    if service not in services():
        return None
    return cast(Probe, load_variant(__name__, __path__, service.replace("-", "_")).probe)


def services() -> list[str]:
    """Every service that has a probe."""
    return [name.replace("_", "-") for name in variants(__path__) if name != "interface"]
