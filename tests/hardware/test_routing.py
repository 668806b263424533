"""Expected active experts and tiles, against routers that are played out."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from doubletime.hardware.ops.routing import SPREAD, TILES, route

CASES = [(1, 64, 6), (7, 64, 6), (64, 128, 8), (300, 128, 8), (1000, 32, 4), (40, 8, 2), (2000, 8, 2)]


def play(tokens: int, total: int, top_k: int, spread: float, rng: random.Random) -> list[int]:
    """Tokens that reach each expert: each token takes the top k of popularity and chance (Gumbel)."""
    popularity = [j / total * math.log(spread) for j in range(total)]
    rng.shuffle(popularity)
    counts = [0] * total
    for _ in range(tokens):
        score = [value - math.log(-math.log(rng.random())) for value in popularity]
        for expert in sorted(range(total), key=score.__getitem__)[-top_k:]:
            counts[expert] += 1
    return counts


def busiest(counts: list[int], experts: int) -> list[int]:
    ranks = [counts[start : start + experts] for start in range(0, len(counts), experts)]
    return max(ranks, key=sum)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize(("tokens", "total", "top_k"), CASES)
@pytest.mark.parametrize("spread", [1.0, SPREAD])
def test_active_experts_and_tiles_are_those_of_a_router(tokens: int, total: int, top_k: int, spread: float) -> None:
    rng = random.Random(1)
    plays = [play(tokens, total, top_k, spread, rng) for _ in range(max(2, 800 // tokens))]
    found = route(tokens, total, total, top_k, spread)
    assert found.rows == pytest.approx(tokens * top_k)
    assert found.active == pytest.approx(mean([sum(n > 0 for n in counts) for counts in plays]), rel=0.04)
    for rows, blocks in zip(TILES, found.blocks, strict=True):
        assert blocks == pytest.approx(mean([sum(-(-n // rows) for n in counts) for counts in plays]), rel=0.06)


def test_without_spread_the_distinct_experts_have_a_closed_form() -> None:
    assert route(5, 128, 128, 8, 1.0).active == pytest.approx(128 * (1 - (1 - 8 / 128) ** 5))


@pytest.mark.parametrize(("tokens", "ranks"), [(32, 4), (32, 16), (500, 8)])
def test_the_busiest_rank(tokens: int, ranks: int) -> None:
    rng, total = random.Random(2), 128
    plays = [busiest(play(tokens, total, 8, SPREAD, rng), total // ranks) for _ in range(60)]
    found = route(tokens, total // ranks, total, 8)
    assert found.rows == pytest.approx(mean([float(sum(counts)) for counts in plays]), rel=0.1)
    assert found.active == pytest.approx(mean([sum(n > 0 for n in counts) for counts in plays]), rel=0.1)


def test_a_single_token_can_fill_a_rank_and_no_more() -> None:
    found = route(1, 2, 128, 8)
    assert 0 < found.active <= found.rows + 1e-9 <= 2


def test_all_experts_of_every_token() -> None:
    found = route(100, 4, 4, 4)
    assert found.active == pytest.approx(4, rel=0.001)
    assert found.rows == pytest.approx(400, rel=0.001)
    assert found.blocks[-1] == pytest.approx(4, rel=0.001)


def test_more_tokens_never_need_fewer_experts_or_tiles() -> None:
    points = [route(tokens, 16, 128, 8) for tokens in range(1, 3000, 37)]
    for before, after in pairwise(points):
        assert after.active >= before.active - 1e-9
        assert after.rows > before.rows
        assert all(b >= a * 0.999 for a, b in zip(before.blocks, after.blocks, strict=True))


def test_spread_leaves_experts_idle() -> None:
    assert route(16, 128, 128, 8, 16.0).active < route(16, 128, 128, 8, 4.0).active < route(16, 128, 128, 8, 1.0).active
