"""The synthetic routers with which aiconfigurator's MoE tables were measured, as counts of tokens by expert.

Its collector (ai-dynamo/aiconfigurator, collector/helper.py, Apache-2.0) draws the load of each expert from a power law
on [1, 0.8 T] (on [0.01, 2] where there are fewer pairs than experts), scales the sum to T k, rounds, caps at T, and
evens out the rest; a row's time is the mean over several draws, on the rank with the most tokens. What is random there
is drawn here again: only expectations can agree.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from doubletime.hardware.ops.routing import TILES, Routing

Counts = NDArray[np.float64]
DRAWS, SEED = 12, 0


@cache
def routing(distribution: str, tokens: int, experts: int, top_k: int, ranks: int, *, old: bool) -> Routing:
    """Of the measured rank. `old`: as the collector was before vLLM 0.17, without rounds over the ranks."""
    if distribution == "balanced":
        return _count([_balanced(tokens, experts, top_k, ranks)])
    rng, alpha = np.random.default_rng(SEED), float(distribution.removeprefix("power_law_"))
    return _count([_power_law(tokens, experts, top_k, ranks, alpha, rng, old=old) for _ in range(DRAWS)])


def _count(draws: list[Counts]) -> Routing:
    found = [((counts > 0).sum(), counts.sum(), *(np.ceil(counts / rows).sum() for rows in TILES)) for counts in draws]
    active, rows, *blocks = np.mean(found, axis=0).tolist()
    return Routing(active, rows, tuple(blocks))


def _balanced(tokens: int, experts: int, top_k: int, ranks: int) -> Counts:
    """Tokens go round: each of a token's choices lies a stride apart."""
    stride = math.ceil(experts / top_k)
    step = 1 if tokens >= stride else stride / tokens
    chosen = (np.arange(tokens)[:, None] * step + np.arange(top_k) * stride) % experts
    counts = np.bincount(chosen.astype(np.int64).ravel(), minlength=experts)
    return counts[: experts // ranks].astype(np.float64)


def _power_law(
    tokens: int, experts: int, top_k: int, ranks: int, alpha: float, rng: np.random.Generator, *, old: bool
) -> Counts:
    low, high = (1.0, 0.8 * tokens) if tokens * top_k > experts else (0.01, 2.0)
    power = 1 - alpha
    drawn = ((high**power - low**power) * rng.random(experts) + low**power) ** (1 / power)
    wanted = np.rint(drawn / drawn.sum() * tokens * top_k)
    counts = np.minimum(wanted, tokens)
    missing = int(tokens * top_k - counts.sum())
    by_rank = _level(counts, missing, tokens) if old else _level_by_rank(counts, wanted, missing, tokens, ranks)
    by_rank = by_rank.reshape(ranks, -1)
    busiest: Counts = by_rank[by_rank.sum(axis=1).argmax()]
    return busiest


def _level(counts: Counts, missing: int, tokens: int) -> Counts:
    """One more (or less) for each expert in turn, from the least loaded up."""
    order = np.argsort(counts, kind="stable")
    while missing:
        open_ = order[counts[order] < tokens] if missing > 0 else order[counts[order] > 0]
        chosen = open_[: abs(missing)]
        counts[chosen] += np.sign(missing)
        missing -= int(np.sign(missing)) * len(chosen)
    return counts


def _level_by_rank(counts: Counts, wanted: Counts, missing: int, tokens: int, ranks: int) -> Counts:
    """First what the cap cut off, then what rounding left, in rounds over the ranks."""
    over = int((wanted - counts).sum())
    by_rank = counts.reshape(ranks, -1)
    for share in (over, missing - over):
        each = [share // ranks + (rank < share % ranks) for rank in range(ranks)]
        by_rank = np.stack(
            [_fill(own, n, tokens) if n > 0 else _cut(own, -n) for own, n in zip(by_rank, each, strict=True)]
        )
    return by_rank


def _fill(counts: Counts, missing: int, tokens: int) -> Counts:
    """Raises the least loaded, one by one, as water fills a basin."""
    counts = counts.copy()
    while missing > 0 and counts.min() < tokens:
        lowest = np.flatnonzero(counts == counts.min())
        higher = counts[counts > counts.min()]
        step = min(float(higher.min() if len(higher) else tokens) - counts[lowest[0]], missing / len(lowest))
        if step < 1:
            counts[lowest[:missing]] += 1
            return counts
        counts[lowest] += math.floor(step)
        missing -= math.floor(step) * len(lowest)
    return counts


def _cut(counts: Counts, excess: int) -> Counts:
    """Lowers the most loaded, one by one."""
    counts = counts.copy()
    for _ in range(excess):
        if counts.max() <= 0:
            break
        counts[counts.argmax()] -= 1
    return counts
