from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from doubletime.core.vocabulary import SLO, DepthMap, Grant, GroupKind, KVGroup, Limits, Slab, Why

GROUP = KVGroup((0,), GroupKind.FULL, 1, 64)


def test_a_block_holds_at_least_one_token() -> None:
    with pytest.raises(ValueError, match="at least 1 token"):
        KVGroup((0,), GroupKind.FULL, 0, 64)


@pytest.mark.parametrize(("kind", "window"), [(GroupKind.FULL, 4), (GroupKind.LATENT, 1), (GroupKind.WINDOW, 0)])
def test_window_groups_and_only_they_have_a_window(kind: GroupKind, window: int) -> None:
    with pytest.raises(ValueError, match="window"):
        KVGroup((0,), kind, 4, 64, window)


def test_plans_cut_at_layers() -> None:
    depth = DepthMap(3, 4)
    assert depth.total == 12
    assert depth.at_layer(2) == 8
    assert [d for d in range(-4, 17) if depth.is_cut(d)] == [0, 4, 8, 12]


def test_limits_must_be_able_to_run_what_they_admit() -> None:
    depth = DepthMap(2)
    Limits((GROUP,), (4,), depth, max_seats=4, max_rows=4, max_open_rows=4)
    with pytest.raises(ValueError, match="KV groups"):
        Limits((), (), depth)
    with pytest.raises(ValueError, match="KV groups"):
        Limits((GROUP,), (4, 4), depth)
    with pytest.raises(ValueError, match="max_rows"):
        Limits((GROUP,), (4,), depth, max_seats=5, max_rows=4, max_open_rows=4)
    with pytest.raises(ValueError, match="max_open_rows"):
        Limits((GROUP,), (4,), depth, max_seats=4, max_rows=4, max_open_rows=3)


def test_a_grant_is_true_when_it_is_any_work() -> None:
    assert Grant(1, Why.ROWS)
    assert not Grant(0, Why.BUSY)


def test_a_slab_ends_after_its_tokens() -> None:
    assert Slab(1, 10, 5, 0, 4).end == 15


def test_a_layer_is_one_preemption_point_unless_said_otherwise() -> None:
    assert DepthMap(3).total == 3


def test_what_limits_do_not_say() -> None:
    limits = Limits((GROUP,), (4,), DepthMap(2))
    assert (limits.max_seats, limits.max_rows, limits.max_open_rows, limits.max_length) == (256, 2048, 8192, 2**30)


@pytest.mark.parametrize("fact", [GROUP, DepthMap(2), SLO(), Limits((GROUP,), (4,), DepthMap(2))], ids=str)
def test_facts_are_small_and_cannot_be_changed(fact: object) -> None:
    assert not hasattr(fact, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(fact, type(fact).__slots__[0], None)  # type: ignore[attr-defined]
