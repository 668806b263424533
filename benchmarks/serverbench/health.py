"""Asks /health at fixed times, each time on a new connection, and writes the latencies: a process of its own.

    python -m benchmarks.serverbench.health URL EVERY_SECONDS SECONDS

No question waits for the answer to another, and a latency counts from when the question was due.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

_REQUEST = b"GET /health HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


async def _ask(host: str, port: int, due: float) -> float:
    await asyncio.sleep(due - time.monotonic())
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(_REQUEST)
    if not (await reader.read()).startswith(b"HTTP/1.1 200"):
        raise RuntimeError("the server is not healthy")
    writer.close()
    return time.monotonic() - due


async def latencies(url: str, every: float, seconds: float) -> list[float]:
    """Seconds."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    began = time.monotonic()
    dues = [began + at * every for at in range(int(seconds / every))]
    return await asyncio.gather(*(_ask(address.hostname, address.port, due) for due in dues))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(latencies(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))))
