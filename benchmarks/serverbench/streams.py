"""A client that reads many streams and costs little: a process of its own, so that its CPU time can be told apart.

Reads one JSON object from standard input (`Order`), and writes one to standard output (`Report`).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Order:
    """`at_once` streams are kept open, or with a `rate` that many begin a second; new ones begin for `seconds`, or
    without them each stream once. Every prompt is `prompt` tokens, every output `output` tokens."""

    url: str
    model: str
    prompt: int
    output: int
    at_once: int = 0
    rate: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Report:
    """`tokens` of all outputs; `seconds` go from the first request to the end of the last reply."""

    streams: int
    tokens: int
    failed: int
    seconds: float
    cpu_s: float


class Stream(asyncio.Protocol):
    """Sends one request and reads its reply to the end."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._last = b""
        self.whole = False
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._last = (self._last + data)[-20:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.whole = b"[DONE]" in self._last
        if not self.over.done():
            self.over.set_result(None)


class Client:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._sent = 0
        self.streams: list[Stream] = []

    async def run(self) -> None:
        began = time.monotonic()
        if self._order.rate:
            tasks = []
            while (at := len(tasks) / self._order.rate) < self._order.seconds:
                await asyncio.sleep(began + at - time.monotonic())
                tasks.append(asyncio.create_task(self._one()))
            await asyncio.gather(*tasks)
        else:
            await asyncio.gather(*(self._chain(began) for _ in range(self._order.at_once)))

    async def _chain(self, began: float) -> None:
        await self._one()
        while time.monotonic() - began < self._order.seconds:
            await self._one()

    async def _one(self) -> None:
        address = urlsplit(self._order.url)
        stream = Stream(self._request())
        self.streams.append(stream)
        await asyncio.get_running_loop().create_connection(lambda: stream, address.hostname, address.port)
        await stream.over

    def _request(self) -> bytes:
        """No two prompts have a prefix in common."""
        self._sent += 1
        prompt = [5 + (self._sent * 31 + at * at) % 250 for at in range(self._order.prompt)]
        body = {
            "model": self._order.model, "prompt": prompt, "max_tokens": self._order.output,
            "ignore_eos": True, "stream": True, "temperature": 0,
        }  # fmt: skip
        content = json.dumps(body).encode()
        head = "POST /v1/completions HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
        return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def main() -> None:
    order = Order(**json.loads(sys.stdin.read()))
    client = Client(order)
    began, cpu = time.monotonic(), time.process_time()
    asyncio.run(client.run())
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    failed = sum(not stream.whole for stream in client.streams)
    print(json.dumps(asdict(Report(len(client.streams), len(client.streams) * order.output, failed, seconds, cpu))))


if __name__ == "__main__":
    main()
