from __future__ import annotations

import pytest

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Slab
from doubletime.policies.sarathi import Sarathi
from tests.core.rig import MS, Rig


def test_prompts_come_along_in_what_decodes_leave_of_the_budget() -> None:
    rig = Rig(Sarathi(budget=20), blocks=40)
    rig.arrive(5, 40)
    rig.arrive(40, 9)
    assert rig.step().work == (Slab(0, 0, 5, 0, 8, 1), Slab(1, 0, 15, 0, 8, 0))
    plan = rig.step()
    assert (plan.decode_seqs, plan.work) == ((0,), (Slab(1, 15, 19, 0, 8, 0),))


def test_blocks_for_the_whole_prompt_are_taken_at_admission() -> None:
    rig = Rig(Sarathi(budget=16), blocks=40)
    rig.arrive(40, 9)
    rig.step()
    assert len(rig.seq(0).tables[0]) == 10


def test_prompts_move_although_decodes_fill_the_budget() -> None:
    rig = Rig(Sarathi(budget=16), seats=20, rows=64, blocks=60)
    for _ in range(16):
        rig.arrive(1, 20)
    rig.step()
    rig.arrive(30, 4)
    plan = rig.step()
    assert len(plan.decode_seqs) == 16
    assert plan.work == (Slab(16, 0, 16, 0, 8, 0),)


def duration(plan: Plan) -> int:
    """1 ms a step, 0.1 ms a prefill token."""
    return MS + MS // 10 * sum(slab.tokens for slab in plan.work)


def run(rig: Rig, steps: int) -> list[Plan]:
    plans = []
    for _ in range(steps):
        plan = rig.plan()
        rig.done(took=duration(plan))
        plans.append(plan)
    return plans


def learned(tbt: float) -> Rig:
    """A rig that has seen steps of every size, with one sequence that decodes on."""
    rig = Rig(Sarathi(budget=512, tbt=tbt), rows=512, open_rows=512, blocks=400, seats=8)
    rig.arrive(10, 400)
    for size in (3, 40, 17, 100, 64, 30, 80, 12, 50, 90):
        rig.arrive(size, 1)
        while len(rig.living) > 1:
            run(rig, 1)
    return rig


@pytest.mark.parametrize(("tbt", "chunk"), [(0.005, 32), (0.0105, 80), (0.0001, 16)])
def test_a_chunk_is_the_largest_that_is_predicted_to_meet_the_target(tbt: float, chunk: int) -> None:
    rig = learned(tbt)
    rig.arrive(300, 2)
    plan = run(rig, 1)[0]
    assert plan.decode_seqs == (0,)
    assert plan.work[0].tokens == pytest.approx(chunk, abs=16)
    assert plan.work[0].tokens % 16 == 0
    assert plan.work[0].tokens >= 16
    if chunk > 16:
        assert duration(plan) <= tbt * 1e9 * 1.02


def test_without_decodes_nobody_is_late() -> None:
    rig = learned(0.0025)
    rig.cancel(0)
    rig.arrive(300, 2)
    assert run(rig, 1)[0].work[0].tokens == 300


def test_the_target_is_ignored_until_the_predictor_knows() -> None:
    rig = Rig(Sarathi(budget=64, tbt=0.0001), rows=64, blocks=100)
    rig.arrive(4, 20)
    run(rig, 1)
    rig.arrive(100, 2)
    assert run(rig, 1)[0].work[0].tokens == 63


def test_steps_are_promised_only_if_nothing_is_learned_from_them() -> None:
    assert Sarathi().steady(None) > 0  # type: ignore[arg-type]
    assert Sarathi(tbt=0.1).steady(None) == 0  # type: ignore[arg-type]
    assert Sarathi.bounded
