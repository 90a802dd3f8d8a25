"""Far ends of SSH vantages as fixtures."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.net.far_ends import Connect, Doors, prober_process, ssh_server


@pytest.fixture
async def process() -> AsyncIterator[asyncio.subprocess.Process]:
    async with prober_process() as started:
        yield started


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
async def connect(doors: Doors) -> AsyncIterator[Connect]:
    async with ssh_server(doors) as dial:
        yield dial
