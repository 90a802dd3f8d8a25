"""Greet like services, over IPv4 and IPv6: pretend.py SERVICE:PORT...; see `tests.impostors`."""

import asyncio
import sys

from tests.impostors import SERVICES, Service


async def main(wanted: list[str]) -> None:
    loop = asyncio.get_running_loop()
    for each in wanted:
        name, _, port = each.partition(":")
        service: Service = SERVICES[name]
        await loop.create_server(service.protocol, ["0.0.0.0", "::"], int(port), ssl=service.tls())
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
