"""ServeGen (Xiang et al., arXiv 2505.09999): a service is the sum of its clients, each with its rates and lengths."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from math import gamma
from pathlib import Path
from typing import Any

from doubletime.core.vocabulary import SECOND
from doubletime.lab.workload.dice import Dice, Stream, Weighted
from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.lines import objects
from doubletime.lab.workload.readers.common import Reading, naming

WINDOW = 600.0  # seconds that a rate holds


@dataclass(frozen=True, slots=True)
class _Lengths:
    """A measured distribution of lengths."""

    values: tuple[int, ...]
    weights: Weighted

    def draw(self, dice: Dice) -> int:
        return self.values[self.weights.draw(dice)]


@dataclass(frozen=True, slots=True)
class _Client:
    number: int
    windows: list[list[Any]]  # [start s, requests/s, cv, family, shape, scale]
    starts: list[float]  # of the datasets below, s
    inputs: list[_Lengths]
    outputs: list[_Lengths]


def servegen(path: Path, reading: Reading) -> Iterator[Session]:
    """A day of the whole service, client by client, merged in the order of arrival.

    Gaps are drawn from each window's family and rescaled to its rate, lengths independently of each other from the
    client's distributions. Clients without known lengths are left out, as in ServeGen itself.
    """
    clients = []
    for number, item in enumerate(objects(path), start=1):
        with naming(path, number):
            if item["dataset"]:
                clients.append(_client(item))
    if not clients:
        raise ValueError(f"{path}: no client has a distribution of lengths")
    return heapq.merge(*(_arrivals(client, reading.seed) for client in clients), key=lambda session: session.start)


def _client(item: dict[str, Any]) -> _Client:
    days = sorted((float(start), fields) for start, fields in item["dataset"].items())
    return _Client(
        int(item["client"]),
        sorted(item["trace"]),
        [start for start, _ in days],
        [_lengths(fields["input_tokens"]) for _, fields in days],
        [_lengths(fields["output_tokens"]) for _, fields in days],
    )


def _lengths(table: dict[str, float]) -> _Lengths:
    return _Lengths(tuple(max(1, int(float(value))) for value in table), Weighted(list(table.values())))


def _arrivals(client: _Client, seed: int) -> Iterator[Session]:
    times, prompts, outputs = (
        Dice(seed, stream, client.number + 1) for stream in (Stream.ARRIVAL, Stream.PROMPT, Stream.OUTPUT)
    )
    for start, rate, _, family, shape, _ in client.windows:
        at = max(0, bisect_right(client.starts, start) - 1)
        now = start + _gap(times, family, shape, rate) * times.uniform()  # the window does not begin with a request
        while now < start + WINDOW:
            job = Job(
                client.inputs[at].draw(prompts), client.outputs[at].draw(outputs), tenant=f"client-{client.number}"
            )
            yield Session(round(now * SECOND), (job,))
            now += _gap(times, family, shape, rate)


def _gap(dice: Dice, family: str, shape: float, rate: float) -> float:
    """Seconds to the next request, of the family and shape given and with mean 1 / rate."""
    if family == "Gamma":
        return dice.gamma(shape) / shape / rate
    if family == "Weibull":
        return dice.weibull(shape) / gamma(1 + 1 / shape) / rate
    raise ValueError(f"the family of inter-arrival times must be Gamma or Weibull, not {family!r}")
