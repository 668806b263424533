"""A small profile of this machine, from the first measurement to a rehearsed step. No time is asserted."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import torch

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Slab
from doubletime.engine.profile.fit import fit
from doubletime.engine.profile.kernels import MOST, POOL, SIZES, _Pool, linear_rows
from doubletime.engine.profile.live import Live, Step, overheads, spread
from doubletime.engine.profile.run import FAST, FULL, Effort, profile
from doubletime.engine.profile.steps import outlines, step_times
from doubletime.engine.profile.stopwatch import Timed, medians, on_thread
from doubletime.engine.profile.subjects import QUICK, SUBJECTS, shape_of
from doubletime.executors import batch
from doubletime.hardware.cpu import CpuMachine, load, terms, work

TINY = Effort(QUICK, thin=5, rounds=1, steps=6, loads=(("tiny", 1, 2, 16, 4),))


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    threads = torch.get_num_threads()
    data = profile(TINY, "float32", 1)
    torch.set_num_threads(threads)
    return data


@pytest.fixture(scope="module")
def machine(found: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> CpuMachine:
    path = tmp_path_factory.mktemp("profile") / "profile.json"
    path.write_text(json.dumps(found))
    return load(path)


def test_a_profile_is_json_that_loads_as_a_machine(machine: CpuMachine) -> None:
    assert machine.spec.flops["float32"] > 0
    assert machine.spec.units == 1
    assert machine.profile.dtype == "float32"
    assert machine.overheads.layer == 0


def test_it_says_what_was_measured_where(found: dict[str, Any]) -> None:
    assert set(found["tables"]) == {"linear", "cold", "decode", "plain", "masked"}
    assert {"name", "cpu", "cores", "memory", "torch", "python", "threads", "dtype"} <= set(found["machine"])
    assert set(found["errors"]) == {"linear", "attention", "whole"}
    assert all(inside > 0 and beyond > 0 for inside, beyond in found["errors"].values())


def test_predicted_steps_take_time_and_more_work_takes_more(machine: CpuMachine) -> None:
    shape = shape_of(SUBJECTS["large"])
    cost, depth = machine.cost(shape), shape.layers * 5
    prefills = [Plan(0, 0, work=(Slab(0, 0, tokens, 0, depth, 1),), depth=depth) for tokens in (16, 128, 1024)]
    decodes = [Plan(0, 0, decode_seqs=tuple(range(n)), decode_starts=(500,) * n, depth=depth) for n in (1, 8, 64)]
    for plans in (prefills, decodes):
        times = [cost.plan(plan) for plan in plans]
        assert 0 < times[0] < times[1] < times[2]


def test_it_tells_how_far_it_has_come() -> None:
    assert TINY.stages == 6 + 2 + 1
    assert FULL.stages > FAST.stages > TINY.stages


def test_work_is_cut_as_the_executor_cuts_it() -> None:
    assert work.QUERY_ROWS == batch.QUERY_ROWS
    assert work.SMALLEST_BUCKET == batch.SMALLEST_BUCKET


def test_steps_are_timed_operator_by_operator() -> None:
    shape = shape_of(QUICK["tiny"])
    steps = step_times(shape, torch.float32, count=4, rounds=1)
    assert [len(step.operators) for step in steps] == [shape.layers * 5] * 4
    assert all(step.begin > 0 and step.end > 0 and min(step.operators) > 0 for step in steps)


def test_made_up_steps_mix_decodes_and_prefills_that_fit() -> None:
    shape = shape_of(SUBJECTS["small"])
    made = outlines(shape, 40, longest=1024)
    assert made == outlines(shape, 40, longest=1024)
    assert any(step.starts and step.chunks for step in made)
    assert any(not step.starts for step in made)
    assert all(start + tokens < 1024 for step in made for start, tokens in step.chunks)
    assert all(0 < position < 1023 for step in made for position in step.starts)


def test_products_are_measured_on_a_grid_up_to_a_size() -> None:
    rows = on_thread(lambda: linear_rows(torch.float32, rounds=1, thin=4))
    assert {(int(n), int(k)) for _, n, k, _ in rows} <= {(n, k) for n in SIZES for k in SIZES}
    assert all(m * n * k <= MOST for m, n, k, _ in rows)


def test_weights_from_memory_are_never_the_same_twice_in_a_row() -> None:
    pool = _Pool(torch.float32)
    first, second = pool.take(8, 64), pool.take(8, 64)
    assert first.data_ptr() != second.data_ptr()
    assert pool.take(POOL // 64, 64).data_ptr() == first.data_ptr()  # it begins anew at the end


def test_a_fit_finds_what_the_times_are_made_of() -> None:
    rows = [((1.0, float(x), 0.0), 2e-5 + 3e-6 * x) for x in (1, 2, 5, 50, 300)]
    assert fit(rows) == pytest.approx((2e-5, 3e-6, 0.0), rel=1e-4)


def test_a_fit_has_no_negative_part() -> None:
    rows = [((1.0, float(x)), 1e-3 - 1e-6 * x) for x in (1, 10, 100)]
    assert min(fit(rows)) == 0


def test_features_have_as_many_parts_as_the_fit_gives_coefficients(machine: CpuMachine) -> None:
    shape = shape_of(QUICK["tiny"])
    priced = terms.priced(shape, machine.kernels)
    assert len(terms.project(machine.kernels, priced, 3)) == len(machine.profile.terms["project"])
    assert len(terms.sample(machine.kernels, priced, 3)) == len(machine.profile.terms["sample"])


def test_jobs_take_turns_and_each_has_a_time() -> None:
    ran: list[int] = []
    jobs = [Timed((float(at),), lambda at=at: ran.append(at)) for at in range(3)]  # type: ignore[misc]
    rows = medians(jobs, rounds=2)
    assert [row[0] for row in rows] == [0, 1, 2]
    assert ran.count(0) == ran.count(1) == ran.count(2) >= 4


def test_an_error_on_the_thread_is_raised_here() -> None:
    def fail() -> None:
        raise RuntimeError("it broke")

    with pytest.raises(RuntimeError, match="it broke"):
        on_thread(fail)
    assert on_thread(torch.is_inference_mode_enabled)


def test_the_spread_of_equal_steps_is_relative() -> None:
    plan = Plan(0, 0, decode_seqs=(0,), decode_starts=(9,))
    slow, fast = Step(plan, 0.011, 0.01), Step(plan, 0.01, 0.01)
    assert spread([Live([fast] * 9, 0.0, None)]) == 0
    assert spread([Live([fast, slow] * 9, 0.0, None)]) == pytest.approx(0.1, rel=0.1)
    assert spread([Live([], 0.0, None)]) == 0


def test_the_engine_costs_what_its_steps_take_more_than_alone() -> None:
    one = Plan(0, 0, decode_seqs=(0,), decode_starts=(9,))
    five = Plan(0, 0, decode_seqs=(0, 1, 2, 3, 4), decode_starts=(9,) * 5)
    runs = [Live([Step(one, 0.0104, 0.01)] * 9, 2e-5, 1e-3), Live([Step(five, 0.0206, 0.02)] * 9, 4e-5, None)]
    found = overheads(runs)
    assert found == pytest.approx({"step": 3e-5, "host": 5e-4, "sequence": 0.0, "layer": 0.0, "api": 1e-3})


def test_a_profile_takes_no_time_of_other_processes() -> None:
    """What is measured is the thread's own time: sleeping is free."""
    (row,) = medians([Timed((1.0,), lambda: time.sleep(0.02))], rounds=1)
    assert row[1] < 0.01
