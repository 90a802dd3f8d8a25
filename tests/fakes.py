"""Services on loopback for tests, in a thread of their own."""

import asyncio
import ssl as tls
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread


@contextmanager
def serve(
    service: Callable[[], asyncio.Protocol],
    address: str = "127.0.0.1",
    *,
    ssl: tls.SSLContext | None = None,
) -> Iterator[int]:
    """The port on which the service listens meanwhile."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(service, address, 0, ssl=ssl))
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    own = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not own]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)
