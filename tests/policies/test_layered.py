from __future__ import annotations

import pytest

from doubletime.core.vocabulary import DepthMap, Slab
from doubletime.policies.layered import Layered
from tests.core.rig import Rig


def bottoms(tokens: int, per_group: int, depth: DepthMap) -> list[int]:
    """The depths at which a batch of `tokens` is cut."""
    policy, reached, cuts = Layered(per_group=per_group), 0, []
    while reached < depth.total:
        reached = policy._next_cut(depth, tokens, reached)
        cuts.append(reached)
    return cuts


@pytest.mark.parametrize(
    ("tokens", "cuts"),
    [
        (1, [16]),
        (10, [16]),
        (11, [8, 16]),
        (25, [6, 12, 16]),
        (40, [4, 8, 12, 16]),
        (1000, [2, 4, 6, 8, 10, 12, 14, 16]),
    ],
)
def test_there_is_a_group_for_each_so_many_tokens_and_groups_are_near_equal(tokens: int, cuts: list[int]) -> None:
    assert bottoms(tokens, 10, DepthMap(8, 2)) == cuts


def test_a_slab_stopped_inside_a_group_goes_on_to_its_end() -> None:
    assert Layered(per_group=10)._next_cut(DepthMap(8, 2), 20, 3) == 8
    assert Layered(per_group=10)._next_cut(DepthMap(8, 2), 20, 8) == 16


def test_a_batch_crosses_the_layers_whole_while_everybody_decodes() -> None:
    rig = Rig(Layered(per_group=4), rows=32, blocks=30)
    rig.arrive(2, 20)
    rig.step()
    rig.arrive(9, 5)
    rig.arrive(3, 5)
    plans = rig.steps(3)
    assert all(plan.decode_seqs == (0,) for plan in plans)
    assert [plan.work for plan in plans] == [
        (Slab(1, 0, 9, top, bottom, int(bottom == 8)), Slab(2, 0, 3, top, bottom, int(bottom == 8)))
        for top, bottom in ((0, 4), (4, 6), (6, 8))
    ]


def test_who_comes_while_a_batch_crosses_waits_for_the_next() -> None:
    rig = Rig(Layered(per_group=4), blocks=30)
    rig.arrive(8, 5)
    rig.step()
    rig.arrive(4, 5)
    assert [slab.seq for slab in rig.step().work] == [0]
    assert [slab.seq for slab in rig.step().work] == [1]


def test_a_batch_takes_no_more_than_its_tokens() -> None:
    rig = Rig(Layered(batch=10, per_group=100), blocks=30)
    rig.arrive(8, 5)
    rig.arrive(8, 5)
    assert [slab.tokens for slab in rig.step().work] == [8, 2]
    assert [(slab.seq, slab.start, slab.tokens) for slab in rig.step().work] == [(1, 2, 6)]


def test_a_batch_takes_no_more_than_there_are_seats() -> None:
    rig = Rig(Layered(per_group=4), seats=2, blocks=30)
    for _ in range(3):
        rig.arrive(4, 5)
    assert [slab.seq for slab in rig.step().work] == [0, 1]


def test_the_rest_of_a_prompt_longer_than_a_batch_goes_first() -> None:
    rig = Rig(Layered(batch=6, per_group=100), blocks=30)
    rig.arrive(10, 5)
    rig.arrive(4, 5)
    rig.step()
    assert [(slab.seq, slab.start, slab.tokens) for slab in rig.step().work] == [(0, 6, 4), (1, 0, 2)]


def test_hits_do_not_count_as_tokens_of_the_batch() -> None:
    rig = Rig(Layered(per_group=4), blocks=30)
    rig.arrive(12, 1, prefix=0)
    while rig.living:
        rig.step()
    rig.arrive(13, 5, prefix=0)
    assert rig.step().work == (Slab(1, 12, 1, 0, 8, 1),)


def test_blocks_for_the_whole_prompt_are_taken_at_once() -> None:
    rig = Rig(Layered(batch=4), blocks=30)
    rig.arrive(16, 5)
    rig.step()
    assert len(rig.seq(0).tables[0]) == 4


def test_it_is_bounded_and_promises_steady_decodes() -> None:
    assert Layered.bounded
    assert Layered().steady(None) > 0  # type: ignore[arg-type]
