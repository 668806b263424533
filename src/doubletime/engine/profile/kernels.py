"""Tables of the kernels that cost most: matrix products, attention of decodes, attention of prefills."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, product
from statistics import median

import torch
import torch.nn.functional as F

from doubletime.engine.profile.stopwatch import Timed, medians, now
from doubletime.kernels.layout import DecodeRows, Layout, PrefillRows
from doubletime.kernels.reference import attend

Row = tuple[float, ...]
Point = tuple[int, ...]

ROWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024)
SIZES = (64, 192, 512, 1024, 2048)
CACHED = 1 << 18  # numbers of a matrix that stays in the core's own cache
MOST = 3 << 27  # multiplications of the largest product measured: longer ones only repeat its rate
GROUPS, DIMS = (1, 2, 3, 4, 8), (32, 64, 128)
COUNTS, LENGTHS = (1, 4, 16, 64), (16, 64, 256, 1024)
PREFILLS, BEFORE, HEADS = (2, 8, 32, 128, 512), (16, 128, 512, 1536), (2, 8)
GATHERED = 1 << 20  # numbers of a key or value that one measured call gathers, at most


def linear_rows(dtype: torch.dtype, rounds: int, thin: int = 1) -> list[Row]:
    """(m, n, k, seconds) with weights that are in the cache: few rows on small matrices, many rows on all."""
    grid = _grid(thin, ROWS, SIZES, SIZES)
    return linear_points(
        dtype, [(m, n, k) for m, n, k in grid if m * n * k <= MOST and (n * k <= CACHED or m >= 64)], rounds
    )


def linear_points(dtype: torch.dtype, points: Iterable[Point], rounds: int) -> list[Row]:
    weights: dict[tuple[int, int], torch.Tensor] = {}
    jobs = []
    for point in points:
        m, n, k = point
        weight = weights.setdefault((n, k), torch.randn(n, k).to(dtype))
        jobs.append(Timed(point, _linear(torch.randn(m, k).to(dtype), weight)))
    return medians(jobs, rounds)


def _linear(x: torch.Tensor, weight: torch.Tensor) -> Callable[[], object]:
    return lambda: F.linear(x, weight)


def streaming(
    dtype: torch.dtype, hot: Callable[[int, int, int], float], pool: int
) -> dict[int, list[tuple[int, float]]]:
    """By rows of input: (k, seconds for each byte of weights that come from memory). `pool`: bytes to walk through."""
    found: dict[int, list[tuple[int, float]]] = {}
    for m in (1, 4, 16):
        for k in (64, 192, 384, 768, 1536):
            n = CACHED // k
            weights = [torch.randn(n, k).to(dtype) for _ in range(max(2, pool // (n * k * dtype.itemsize)))]
            cold = _walk(torch.randn(m, k).to(dtype), weights, rounds=3)
            found.setdefault(m, []).append((k, max(0.0, cold - hot(m, n, k)) / (n * k * dtype.itemsize)))
    return found


def cached(dtype: torch.dtype, pool: int) -> list[tuple[int, float]]:
    """(bytes of a model, share of the time to stream weights that is saved because they are still in a cache)."""
    side, x = 384, torch.randn(2, 384).to(dtype)
    size = side * side * dtype.itemsize
    weights = [torch.randn(side, side).to(dtype) for _ in range(max(2, pool // size))]
    counts = sorted({max(1, round(len(weights) / 2 ** (step / 2))) for step in range(18)})
    times = [_walk(x, weights[:count], rounds=max(3, 400 // count)) for count in counts]
    hot, cold = times[0], times[-1]
    spread = max(cold - hot, 1e-12)
    return [
        (count * size, min(1.0, max(0.0, (cold - time) / spread))) for count, time in zip(counts, times, strict=True)
    ]


def _walk(x: torch.Tensor, weights: list[torch.Tensor], rounds: int) -> float:
    """Seconds of one product when all weights take their turns."""
    times = []
    for _ in range(rounds + 1):
        began = now()
        for weight in weights:
            F.linear(x, weight)
        times.append((now() - began) / len(weights))
    return median(times[1:]) / 1e9


def decode_rows(dtype: torch.dtype, rounds: int, thin: int = 1) -> list[Row]:
    """(decodes × KV heads, length, query heads of a KV head, head dim, seconds) of one bucket in one layer."""
    grid = _grid(thin, COUNTS, LENGTHS, GROUPS, DIMS)
    return decode_points(dtype, [point for point in grid if point[0] * point[1] * point[3] <= GATHERED], rounds)


def decode_points(dtype: torch.dtype, points: Iterable[Point], rounds: int) -> list[Row]:
    return medians([Timed(point, _decode(point, dtype)) for point in points], rounds)


def _decode(point: Point, dtype: torch.dtype) -> Callable[[], object]:
    count, length, group, dim = point
    kv_heads = 2 if count > 1 else 1
    batch = count // kv_heads
    slots = _slots(batch, length)
    padding = torch.zeros(batch, length, dtype=torch.bool)
    padding[0, 0] = length > 1
    layout = Layout(torch.arange(batch), (DecodeRows(torch.arange(batch), slots, padding if batch > 1 else None),), ())
    return _attend(torch.randn(batch, kv_heads * group, dim), kv_heads, int(slots.max()) + 1, layout, dtype)


def plain_rows(dtype: torch.dtype, rounds: int, thin: int = 1) -> list[Row]:
    """(rows, heads, head dim, seconds) of a prefill with nothing before it, two query heads to a KV head."""
    return plain_points(dtype, list(_grid(thin, PREFILLS, HEADS, DIMS)), rounds)


def plain_points(dtype: torch.dtype, points: Iterable[Point], rounds: int) -> list[Row]:
    return medians([Timed(point, _prefill((point[0], 0, *point[1:]), dtype)) for point in points], rounds)


def masked_rows(dtype: torch.dtype, rounds: int, thin: int = 1) -> list[Row]:
    """(rows, tokens before them, heads, head dim, seconds) of a prefill that goes on, two query heads to a KV head."""
    grid = _grid(thin, PREFILLS, BEFORE, HEADS, DIMS)
    return masked_points(dtype, [p for p in grid if p[0] * (p[0] + p[1]) * p[2] * p[3] <= MOST], rounds)


def masked_points(dtype: torch.dtype, points: Iterable[Point], rounds: int) -> list[Row]:
    return medians([Timed(point, _prefill(point, dtype)) for point in points], rounds)


def _prefill(point: Point, dtype: torch.dtype) -> Callable[[], object]:
    rows, before, heads, dim = point
    keys = rows + before
    mask = None
    if before:
        hidden = torch.arange(keys) > torch.arange(before, keys)[:, None]
        mask = torch.zeros(rows, keys, dtype=dtype).masked_fill_(hidden, float("-inf"))
    layout = Layout(torch.arange(rows), (), (PrefillRows(0, rows, torch.arange(keys), mask),))
    return _attend(torch.randn(rows, heads, dim), heads // 2, keys, layout, dtype)


def _attend(
    queries: torch.Tensor, kv_heads: int, slots: int, layout: Layout, dtype: torch.dtype
) -> Callable[[], object]:
    """One layer after another, so that keys and values are not in the core's own cache."""
    queries, dim = queries.to(dtype), queries.shape[-1]
    layers = max(2, min(6, (4 << 20) // (2 * kv_heads * slots * dim * dtype.itemsize)))
    caches = cycle([torch.randn(2, kv_heads, slots, dim).to(dtype) for _ in range(layers)])
    return lambda: attend(queries, next(caches), layout, dim**-0.5)


def _slots(batch: int, length: int) -> torch.Tensor:
    """Blocks of 16 tokens in random order, [batch, length]."""
    blocks = -(-length // 16)
    order = torch.randperm(batch * blocks, generator=torch.Generator().manual_seed(0)).view(batch, blocks)
    return (order[:, :, None] * 16 + torch.arange(16)).view(batch, -1)[:, :length].contiguous()


def _grid(thin: int, *axes: tuple[int, ...]) -> Iterator[Point]:
    """Every point, of each axis only one value in `thin`."""
    return product(*(axis[::thin] for axis in axes))


TABLES: dict[str, Callable[[torch.dtype, int, int], list[Row]]] = {
    "linear": linear_rows,
    "decode": decode_rows,
    "plain": plain_rows,
    "masked": masked_rows,
}
