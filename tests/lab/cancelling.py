"""Cancel audits wherever they can be, for `Host.call`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import veeamcheck
from veeamcheck.inventory import parse_inventory


def descriptors_left(text: str, vantage: str, seconds: list[float]) -> tuple[int, int]:
    """Start audits and cancel each at another moment; descriptors before and after.

    One audit is cancelled after each of the first steps of the event loop, until one has begun to
    wait; then one after each of `seconds`.
    """
    return asyncio.run(_cancel_all(text, vantage, seconds))


async def _cancel_all(text: str, vantage: str, seconds: list[float]) -> tuple[int, int]:
    inventory = parse_inventory(text, "inventory.toml")
    settings = veeamcheck.Settings(vantage=vantage, full_range=True, pace="fast")
    before = _descriptors()

    async def cancelled(steps: int, after: float) -> None:
        task = asyncio.ensure_future(veeamcheck.audit(inventory, settings))
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.sleep(after)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():  # it ended before its moment came
            task.result()

    for steps in range(60):
        await cancelled(steps, 0)
    await asyncio.gather(*(cancelled(0, after) for after in seconds))
    # What asyncio closes, it closes a step later.
    await asyncio.sleep(0.1)
    return before, _descriptors()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
