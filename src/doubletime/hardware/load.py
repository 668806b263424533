"""A plan as the cost model sees it: how many rows pass which depth, and what they attend to."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Slab
from doubletime.hardware.attend import Batch


class Segment(NamedTuple):
    """Depth [top, bottom), passed by the same rows as one batch: those of the fullest data-parallel rank.

    `pooled`: rows of a rank if they were shared out evenly.
    """

    top: int
    bottom: int
    rows: int
    pooled: int
    batch: Batch


class Load(NamedTuple):
    """`samples`: rows that go through the head of one rank. `uniform`: only decodes, which a captured graph can run."""

    segments: tuple[Segment, ...]
    samples: int
    uniform: bool


def load_of(plan: Plan, ranks: int = 1) -> Load:
    """The depth is cut where slabs begin and end, as the torch executor does it (`executors.walk`).

    `ranks`: over so many data-parallel ranks the sequences of an engine are spread.
    """
    samples = len(plan.decode_seqs)
    cuts = {0, plan.depth} if plan.decode_seqs else set()
    for _, _, _, top, bottom, sampled in plan.work:
        samples += sampled
        cuts.add(top)
        cuts.add(bottom)
    if len(cuts) == 2:
        top, bottom = min(cuts), max(cuts)
        return Load((_segment(plan, top, bottom, ranks, plan.work),), -(-samples // ranks), not plan.work)
    found = (
        _segment(plan, top, bottom, ranks, [slab for slab in plan.work if slab.top <= top and slab.bottom >= bottom])
        for top, bottom in pairwise(sorted(cuts))
    )
    return Load(tuple(segment for segment in found if segment.rows), -(-samples // ranks), False)


def _segment(plan: Plan, top: int, bottom: int, ranks: int, slabs: Iterable[Slab]) -> Segment:
    """Slabs of a single token are decodes to attention."""
    decodes, read = len(plan.decode_seqs), sum(plan.decode_starts) + len(plan.decode_seqs)
    chunks = tokens = squares = cached = 0
    for _, start, count, _, _, _ in slabs:
        if count == 1:
            decodes += 1
            read += start + 1
        else:
            chunks += 1
            tokens += count
            squares += count * count
            cached += count * start
    rows, batch = decodes + tokens, Batch(decodes, read, tokens, squares, cached)
    if ranks == 1:
        return Segment(top, bottom, rows, rows, batch)
    own = batch.of_one(ranks, chunks)
    return Segment(top, bottom, own.decodes + own.tokens, -(-rows // ranks), own)
