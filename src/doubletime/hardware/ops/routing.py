"""Where a router sends tokens: how many experts of a rank are active, and how full the tiles of their products are.

Experts are not equally popular. Popularity is taken as log-uniform (a power law of exponent 1): expert number j of E
has x_j = S^((j + ½) / E), so that the most popular is S times as popular as the least. A token chooses k distinct ones,
expert j among them with probability p_j = min(1, c x_j), where c makes the sum k. Of T tokens, Binomial(T, p_j) reach
expert j, so that

    E[active experts] = Σ 1 − (1 − p_j)^T,      E[tiles of b rows] = Σ_j Σ_{i ≥ 0} P(load_j > i b)

(S = 1: E (1 − (1 − k/E)^T); how even trained routers are: Mixtral, arXiv 2401.04088, section 5).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

TILES = (16, 32, 64, 128)  # rows of a tile that kernels choose from
SPREAD = 4.0  # S, an assumption: balance is trained for. Decodes of Qwen3-30B-A3B on vLLM do not tell 1 from 16
_BINS = 32  # experts that stand for all of a rank's
_FULL = 8  # beyond so many tiles the last one is half full on average


class Routing(NamedTuple):
    """Of one rank: expected distinct experts, pairs of token and expert, and tiles by `TILES`."""

    active: float
    rows: float
    blocks: tuple[float, ...]


def route(tokens: int, experts: int, total: int, top_k: int, spread: float = SPREAD) -> Routing:
    """What `tokens` tokens ask of the busiest of the total / experts ranks that share the experts."""
    chances = _chances(min(experts, _BINS), top_k / total, spread)
    busy = _imbalance(tokens, experts, total, top_k, chances)
    loads = [min(1.0, chance * busy) for chance in chances]
    weight = experts / len(loads)
    active = weight * sum(1 - (1 - chance) ** tokens for chance in loads)
    rows = weight * tokens * sum(loads)
    return Routing(
        active, rows, tuple(weight * sum(_blocks(tokens, chance, rows) for chance in loads) for rows in TILES)
    )


@lru_cache(maxsize=64)
def _chances(bins: int, mean: float, spread: float) -> tuple[float, ...]:
    """p of each bin; `mean` is top_k / total. Rounds share out what the cap at 1 cuts off."""
    popularity = [spread ** ((j + 0.5) / bins) for j in range(bins)]
    scale = mean * bins / sum(popularity)
    for _ in range(100):
        found = [min(1.0, scale * x) for x in popularity]
        scale *= mean * bins / sum(found)
    return tuple(min(1.0, scale * x) for x in popularity)


def _imbalance(tokens: int, experts: int, total: int, top_k: int, chances: tuple[float, ...]) -> float:
    """The busiest rank's load over the mean: the largest of n normal deviates is about √(2 ln n) deviations up.

    Ranks differ by the popularity of their experts, and by chance.
    """
    ranks = total // experts
    if ranks == 1:
        return 1.0
    mean = sum(chances) / len(chances)
    popularity = sum((chance / mean - 1) ** 2 for chance in chances) / len(chances) / experts
    chance = (1 - mean) / (tokens * top_k / ranks)
    factor = 1 + math.sqrt(2 * math.log(ranks) * (1 - 1 / ranks) * (popularity + chance))
    return min(factor, ranks, 1 / mean)


def _blocks(tokens: int, chance: float, rows: int) -> float:
    """E[⌈load / rows⌉] of a binomial load: exact for "none at all", a normal curve beyond."""
    mean = tokens * chance
    if mean > _FULL * rows:
        return mean / rows + 0.5
    found = 1 - (1 - chance) ** tokens
    deviation = math.sqrt(2 * mean * (1 - chance)) or 1e-9
    edge = rows
    while edge < tokens and edge - mean < 4 * deviation:
        found += 0.5 * math.erfc((edge + 0.5 - mean) / deviation)
        edge += rows
    return found
