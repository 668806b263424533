"""A plan as the torch executor carries it out: segments of depth, decodes in buckets of like length, prefills in parts.

What `executors.walk` and `executors.batch` do, in numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from doubletime.core.plan import Plan

QUERY_ROWS = 512  # a longer prefill attends in parts of this many rows
SMALLEST_BUCKET = 6  # decodes with up to 2 ** 6 tokens to attend to share a bucket


class Part(NamedTuple):
    """Prefill: `rows` neighbouring tokens that attend to `keys`. `plain`: causal, nothing before them."""

    rows: int
    keys: int
    plain: bool


class Attended(NamedTuple):
    """One KV group's view of a segment: `buckets` of (decodes, length that all are padded to), and prefill parts."""

    buckets: tuple[tuple[int, int], ...]
    parts: tuple[Part, ...]


class Segment(NamedTuple):
    """Depth [top, bottom), passed by the same slabs: the ends of single tokens, (start, tokens) of longer slabs."""

    top: int
    bottom: int
    singles: tuple[int, ...]
    chunks: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> int:
        return len(self.singles) + sum(tokens for _, tokens in self.chunks)

    @property
    def slabs(self) -> int:
        return len(self.singles) + len(self.chunks)

    def attended(self, window: int) -> Attended:
        parts = [part for start, tokens in self.chunks for part in _parts(start, tokens, window)]
        return Attended(buckets_of(self.singles, window), tuple(parts))


class Work(NamedTuple):
    """`entering`: rows that are embedded. `samples`: rows that go through the head."""

    segments: tuple[Segment, ...]
    entering: int
    samples: int


def work_of(plan: Plan) -> Work:
    """The work of a plan that is not idle."""
    ends = [start + 1 for start in plan.decode_starts]
    cuts = {0, plan.depth} if ends else set()
    for slab in plan.work:
        cuts |= {slab.top, slab.bottom}
    segments = [_segment(plan, ends, top, bottom) for top, bottom in pairwise(sorted(cuts))]
    entering = len(ends) + sum(slab.tokens for slab in plan.work if slab.top == 0)
    samples = len(ends) + sum(slab.samples for slab in plan.work)
    return Work(tuple(segment for segment in segments if segment.slabs), entering, samples)


def _segment(plan: Plan, ends: list[int], top: int, bottom: int) -> Segment:
    slabs = [slab for slab in plan.work if slab.top <= top and slab.bottom >= bottom]
    singles = ends + [slab.start + 1 for slab in slabs if slab.tokens == 1]
    chunks = tuple((slab.start, slab.tokens) for slab in slabs if slab.tokens > 1)
    return Segment(top, bottom, tuple(singles), chunks)


def buckets_of(ends: Iterable[int], window: int) -> tuple[tuple[int, int], ...]:
    """Decodes whose lengths have the same next power of two run together, padded to the longest."""
    buckets: dict[int, tuple[int, int]] = {}
    for end in ends:
        reach = min(end, window) if window else end
        key = max(SMALLEST_BUCKET, (reach - 1).bit_length())
        count, longest = buckets.get(key, (0, 0))
        buckets[key] = (count + 1, max(longest, reach))
    return tuple(buckets[key] for key in sorted(buckets))


def _parts(start: int, tokens: int, window: int) -> Sequence[Part]:
    parts = []
    for first in range(start, start + tokens, QUERY_ROWS):
        end = min(first + QUERY_ROWS, start + tokens)
        low = max(0, first + 1 - window) if window else 0
        plain = low == first == 0 and (not window or end <= window)
        parts.append(Part(end - first, end - low, plain))
    return parts
