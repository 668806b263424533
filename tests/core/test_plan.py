from __future__ import annotations

import json

from doubletime.core.plan import Copy, Denied, Plan, Preemption, TableChange
from doubletime.core.vocabulary import Fate, Slab, Why

EVERYTHING = Plan(
    step=7, now=8, generation=2, decode_seqs=(3, 1), decode_starts=(10, 20), work=(Slab(5, 0, 4, 0, 8, 1),), depth=8,
    tables=(TableChange(5, 0, 0, (3, -1)),), copies=(Copy(0, 1, 2),), frees=((0, 9),), drops=(4,), ends=(6,),
    preempted=(Preemption(4, Fate.HOLD),), wake=99, denied=(Denied(8, 2, Why.ROWS),), notes=((8, "later"),),
    planner="default", fault="ValueError: no",
)  # fmt: skip


def test_a_plan_survives_json() -> None:
    assert Plan.from_json(json.loads(json.dumps(EVERYTHING.to_json()))) == EVERYTHING
    assert isinstance(Plan.from_json(json.loads(json.dumps(EVERYTHING.to_json()))).work[0], Slab)


def test_json_leaves_out_what_is_at_its_default() -> None:
    assert Plan(step=0, now=0).to_json() == {"step": 0, "now": 0}
    assert len(EVERYTHING.to_json()) == 18
    assert Plan.from_json({"step": 0, "now": 0}) == Plan(step=0, now=0)


def test_slabs_are_the_decodes_then_the_rest() -> None:
    assert EVERYTHING.slabs == (Slab(3, 10, 1, 0, 8, 1), Slab(1, 20, 1, 0, 8, 1), Slab(5, 0, 4, 0, 8, 1))
    assert EVERYTHING.rows == 6


def test_a_plan_without_slabs_is_idle() -> None:
    assert Plan(step=0, now=0, wake=3).idle
    assert not Plan(step=0, now=0, decode_seqs=(1,), decode_starts=(1,)).idle
    assert not Plan(step=0, now=0, work=(Slab(1, 0, 1, 0, 1),)).idle
