"""A plan cut into depth segments, as the torch executor cuts it."""

from __future__ import annotations

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Slab
from doubletime.hardware.attend import Batch
from doubletime.hardware.load import Segment, load_of

DEPTH = 20


def test_decodes_are_one_uniform_segment() -> None:
    load = load_of(Plan(0, 0, decode_seqs=(1, 2), decode_starts=(10, 30), depth=DEPTH))
    assert load.segments == (Segment(0, DEPTH, 2, 2, Batch(decodes=2, read=42)),)
    assert (load.samples, load.uniform) == (2, True)


def test_a_prefill_of_full_depth_joins_them() -> None:
    chunk = Slab(3, 100, 50, 0, DEPTH, 1)
    load = load_of(Plan(0, 0, decode_seqs=(1,), decode_starts=(10,), work=(chunk,), depth=DEPTH))
    assert load.segments == (Segment(0, DEPTH, 51, 51, Batch(1, 11, tokens=50, squares=2500, cached=5000)),)
    assert (load.samples, load.uniform) == (2, False)


def test_the_depth_is_cut_where_slabs_begin_and_end() -> None:
    work = (Slab(3, 0, 8, 5, 10), Slab(4, 0, 4, 0, 10))
    load = load_of(Plan(0, 0, decode_seqs=(1,), decode_starts=(10,), work=work, depth=DEPTH))
    assert [segment[:3] for segment in load.segments] == [(0, 5, 5), (5, 10, 13), (10, DEPTH, 1)]


def test_depth_that_nothing_passes_is_left_out() -> None:
    load = load_of(Plan(0, 0, work=(Slab(3, 0, 8, 0, 5), Slab(4, 0, 8, 10, 15)), depth=DEPTH))
    assert [segment[:2] for segment in load.segments] == [(0, 5), (10, 15)]


def test_data_parallel_ranks_share_decodes_but_not_a_chunk() -> None:
    chunk = Slab(9, 0, 50, 0, DEPTH, 1)
    load = load_of(Plan(0, 0, decode_seqs=(1, 2, 3), decode_starts=(9, 9, 9), work=(chunk,), depth=DEPTH), 2)
    assert load.segments == (Segment(0, DEPTH, 52, 27, Batch(2, 20, tokens=50, squares=2500)),)
    assert load.samples == 2


def test_a_slab_of_one_token_is_a_decode_to_attention() -> None:
    load = load_of(Plan(0, 0, work=(Slab(3, 7, 1, 0, 5),), depth=DEPTH))
    assert load.segments[0].batch == Batch(decodes=1, read=8)
    assert not load.uniform
