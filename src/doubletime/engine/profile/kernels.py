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
COLD_ROWS = (1, 2, 3, 4, 6, 8, 16, 32, 64, 128, 256)
COLD_SIZES = (64, 192, 512, 1024, 2048, 8192, 32768)
POOL = 48 << 20  # numbers
MOST = 3 << 27  # multiplications of the largest product measured: longer ones only repeat its rate
GROUPS, DIMS = (1, 2, 3, 4, 8), (32, 64, 128)
COUNTS, LENGTHS = (1, 4, 16, 64), (16, 64, 256, 1024)
PREFILLS, BEFORE, HEADS = (2, 8, 32, 128, 512), (16, 128, 512, 1536), (2, 8)
GATHERED = 1 << 20  # numbers of a key or value that one measured call gathers, at most


def linear_rows(dtype: torch.dtype, rounds: int, thin: int = 1) -> list[Row]:
    """(m, n, k, seconds) of one matrix again and again: its weights are in a cache, as far as they fit."""
    grid = _grid(thin, ROWS, SIZES, SIZES)
    return linear_points(dtype, [(m, n, k) for m, n, k in grid if m * n * k <= MOST], rounds)


def cold_rows(dtype: torch.dtype, rounds: int, thin: int = 1) -> list[Row]:
    """(m, n, k, seconds) of ever other matrices: their weights come from memory."""
    grid = [point for point in _grid(thin, COLD_ROWS, COLD_SIZES, SIZES) if point[1] * point[2] <= POOL // 4]
    return cold_points(dtype, grid, rounds)


def cold_points(dtype: torch.dtype, points: Iterable[Point], rounds: int) -> list[Row]:
    pool = _Pool(dtype)
    jobs = [Timed(point, _cold(pool, torch.randn(point[0], point[2]).to(dtype), point[1])) for point in points]
    return medians(jobs, rounds)


class _Pool:
    """More weights than any cache holds, walked through from end to end."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._weights = torch.randn(POOL).to(dtype)
        self._at = 0

    def take(self, n: int, k: int) -> torch.Tensor:
        """The next matrix: long since it was last read."""
        if self._at + n * k > POOL:
            self._at = 0
        first, self._at = self._at, self._at + n * k
        return self._weights[first : self._at].view(n, k)


def _cold(pool: _Pool, x: torch.Tensor, n: int) -> Callable[[], object]:
    return lambda: F.linear(x, pool.take(n, x.shape[1]))


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


def cached(dtype: torch.dtype) -> list[tuple[int, float]]:
    """(bytes of a model, share of the time to stream weights that is saved because they are still in a cache)."""
    side, x = 384, torch.randn(2, 384).to(dtype)
    size = side * side * dtype.itemsize
    weights = [torch.randn(side, side).to(dtype) for _ in range(POOL // (side * side))]
    counts = sorted({max(1, round(len(weights) / 2 ** (step / 2))) for step in range(18)})
    times = [_walk(x, weights[:count], rounds=max(3, 400 // count)) for count in counts]
    hot, cold = times[0], times[-1]
    spread = max(cold - hot, 1e-12)
    return [
        (count * size, min(1.0, max(0.0, (cold - time) / spread))) for count, time in zip(counts, times, strict=True)
    ]


def fresh() -> float:
    """Seconds for each byte of memory that is written for the first time, beyond those of writing it again."""
    first: list[int] = []
    again: list[int] = []
    for _ in range(5):
        tensor = torch.empty(64 << 20, dtype=torch.uint8)  # more than an allocator keeps
        for times in (first, again):
            began = now()
            tensor.fill_(1)
            times.append(now() - began)
        del tensor
    return max(0, median(first) - median(again)) / 1e9 / (64 << 20)


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
    "cold": cold_rows,
    "decode": decode_rows,
    "plain": plain_rows,
    "masked": masked_rows,
}
