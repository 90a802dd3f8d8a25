"""Programs of others that check what we write."""

import os
import shutil

import pytest


def required(name: str) -> str:
    """Where a program is; without it the test is skipped, or fails where the lab is required."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("VEEAMCHECK_LAB") == "required":
            pytest.fail(f"{name} is required, but is not installed", pytrace=False)
        pytest.skip(f"no {name}")
    return path
