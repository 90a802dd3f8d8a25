"""Variants are found by file name: one module each in a package that is their registry.

A new report format, firewall dialect, probe or command is one new file, and none is imported before
it is needed. Modules whose names begin with an underscore are what the variants share.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType


def variants(path: Iterable[str]) -> list[str]:
    """The names of all variants in a package, by its ``__path__``."""
    names = (module.name for module in pkgutil.iter_modules(path))
    return sorted(name for name in names if not name.startswith("_"))


def load_variant(package: str, path: Iterable[str], name: str) -> ModuleType:
    """The variant of that name; KeyError if there is none."""
    if name not in variants(path):
        raise KeyError(name)
    return import_module(f"{package}.{name}")
