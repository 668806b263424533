"""The duration of a step, on a machine that is nothing but a roofline."""

from __future__ import annotations

from dataclasses import replace
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Slab
from doubletime.hardware.calibration import Calibration
from doubletime.hardware.layout import Layout
from doubletime.hardware.machine import GRAPH_SIZES, AttentionBatch, AttentionShape
from doubletime.hardware.step import StepCost
from doubletime.shapes import POINTS_PER_LAYER, ModelShape, published_shape
from tests.hardware.fake import OVERHEADS, SPEC, FakeMachine

LLAMA = published_shape("llama-3.1-8b")
GEMMA = published_shape("gemma-3-1b")
MIXTURE = published_shape("qwen3-30b-a3b")
DEPTH = LLAMA.layers * POINTS_PER_LAYER
WHOLE = Layout()
COST = StepCost(LLAMA, FakeMachine(), Layout(), overlap=True)
COSTS = {shape.family: StepCost(shape, FakeMachine(), Layout(), overlap=True) for shape in (LLAMA, GEMMA, MIXTURE)}


def cost(shape: ModelShape = LLAMA, layout: Layout = WHOLE, *, overlap: bool = True, **more: object) -> StepCost:
    return StepCost(shape, FakeMachine(), layout, overlap=overlap, **more)  # type: ignore[arg-type]


def plan_of(decodes: tuple[int, ...] = (), *work: Slab, depth: int = DEPTH) -> Plan:
    return Plan(0, 0, decode_seqs=tuple(range(len(decodes))), decode_starts=decodes, work=work, depth=depth)


def prefill(tokens: int, start: int = 0, depth: int = DEPTH, samples: int = 1) -> Slab:
    return Slab(99, start, tokens, 0, depth, samples)


# ---- what a step costs


def test_a_decode_step_is_the_sum_of_its_operators() -> None:
    machine = FakeMachine()
    rows = 64
    layer = [
        machine.linear(rows, 6144, 4096, "bfloat16"),
        machine.attention(AttentionShape(32, 8, 128), AttentionBatch(decodes=rows, context=rows * 512)),
        machine.linear(rows, 4096, 4096, "bfloat16"),
        machine.linear(rows, 28_672, 4096, "bfloat16"),
        machine.linear(rows, 4096, 14_336, "bfloat16"),
    ]
    kernels = 32 * sum(part.seconds for part in layer) + machine.linear(rows, 128_256, 4096, "bfloat16").seconds
    assert kernels < COST.decodes(rows, rows * 511) / 1e9 < 1.1 * kernels


def test_decodes_and_plan_agree() -> None:
    starts = tuple(range(100, 1700, 25))
    assert COST.plan(plan_of(starts)) == COST.decodes(len(starts), sum(starts))


def test_contexts_beyond_the_tables_go_on_at_the_last_slope() -> None:
    steps = [COST.decodes(2, 2 * million * 1_000_000) for million in (1, 2, 3)]
    assert steps[2] - steps[1] == pytest.approx(steps[1] - steps[0], rel=0.01)


def test_a_mixed_step_takes_longer_than_its_decodes_and_than_its_prefill() -> None:
    starts = (500,) * 32
    mixed = COST.plan(plan_of(starts, prefill(512)))
    assert mixed > COST.plan(plan_of((), prefill(512)))
    assert mixed > COST.plan(plan_of(starts))


def test_attention_of_a_mixed_batch_is_one_call() -> None:
    machine = FakeMachine()
    batches: list[AttentionBatch] = []

    class Spy(FakeMachine):
        def attention(self, shape: AttentionShape, batch: AttentionBatch):  # type: ignore[no-untyped-def]
            batches.append(batch)
            return machine.attention(shape, batch)

    StepCost(LLAMA, Spy(), Layout(), overlap=True).plan(plan_of((500,) * 32, prefill(512)))
    assert any(batch.prefills and batch.decodes for batch in batches)


def test_rows_that_do_not_sample_do_not_go_through_the_head() -> None:
    without = plan_of((), prefill(512, samples=0))
    names = {share.name for share in COST.explain(without)}
    assert "head" not in names
    assert "sampler" not in names


def test_small_batches_are_padded_to_captured_sizes() -> None:
    found = {share.name: share.seconds for share in COST.explain(plan_of((100,) * 33))}
    padded = {share.name: share.seconds for share in COST.explain(plan_of((100,) * 40))}
    assert 33 not in GRAPH_SIZES
    assert found["gate_up"] == padded["gate_up"]
    assert found["head"] < padded["head"]


def test_launches_cost_where_nothing_captures_them() -> None:
    eager = cost(graph_sizes=())
    shares = {share.name: share.seconds for share in eager.explain(plan_of((100,) * 40))}
    assert shares["launches"] == pytest.approx(32 * OVERHEADS.layer)
    assert "launches" not in {share.name for share in COST.explain(plan_of((100,) * 40))}
    assert "launches" in {share.name for share in COST.explain(plan_of((100,), prefill(100)))}


def test_a_captured_step_waits_for_a_slow_host() -> None:
    slow = StepCost(GEMMA, FakeMachine(overheads=replace(OVERHEADS, host=0.05)), Layout(), overlap=True)
    assert slow.decodes(1, 10) == round((0.05 + OVERHEADS.step) * 1e9)
    hidden = {share.name for share in COST.explain(plan_of((100,)))}
    assert "host" not in hidden


def test_without_overlap_the_host_is_added() -> None:
    starts = (300,) * 8
    assert cost(overlap=False).plan(plan_of(starts)) - COST.plan(plan_of(starts)) == pytest.approx(1e6, abs=2)
    chunk = plan_of((), prefill(64))
    assert cost(overlap=False).plan(chunk) - COST.plan(chunk) == pytest.approx(1e6, abs=2)


def test_windows_bound_what_is_read() -> None:
    shares = {share.name: share.seconds for share in COSTS["gemma3"].explain(plan_of((20_000,) * 8, depth=130))}
    full = StepCost(replace(GEMMA, windows=(0,) * 26), FakeMachine(), Layout(), overlap=True)
    whole = {share.name: share.seconds for share in full.explain(plan_of((20_000,) * 8, depth=130))}
    assert shares["attention"] < 0.4 * whole["attention"]


def test_a_calibration_scales_a_family_and_replaces_overheads() -> None:
    scaled = cost(scale=Calibration(linear=2.0, overheads={"step": 0.0}))
    before = {share.name: share.seconds for share in COST.explain(plan_of((100,) * 8))}
    after = {share.name: share.seconds for share in scaled.explain(plan_of((100,) * 8))}
    assert after["qkv"] == pytest.approx(2 * before["qkv"])
    assert after["attention"] == pytest.approx(before["attention"])
    assert "step" not in after


# ---- layouts


def test_tensor_parallel_ranks_compute_less_and_talk() -> None:
    shares = {share.name: share.seconds for share in cost(layout=Layout(tp=4)).explain(plan_of((), prefill(1024)))}
    alone = {share.name: share.seconds for share in COST.explain(plan_of((), prefill(1024)))}
    assert shares["gate_up"] < 0.3 * alone["gate_up"]
    assert shares["reduce_mlp"] > 0


def test_a_stage_has_its_share_of_the_layers_and_sends() -> None:
    piped = cost(layout=Layout(pp=2))
    assert piped.stages == 2
    shares = {share.name: share.seconds for share in piped.explain(plan_of((), prefill(1024)))}
    alone = {share.name: share.seconds for share in COST.explain(plan_of((), prefill(1024)))}
    assert shares["gate_up"] == pytest.approx(alone["gate_up"] / 2)
    assert shares["send"] > 0
    assert piped.plan(plan_of((), prefill(1024))) < COST.plan(plan_of((), prefill(1024)))


def test_data_parallel_ranks_wait_for_the_one_with_the_prompt() -> None:
    spread = cost(MIXTURE, Layout(ep=2))
    one, two = (plan_of((500,) * 16, *[prefill(4000, 0, 240)] * chunks, depth=240) for chunks in (1, 2))
    shares = [{share.name: share.seconds for share in spread.explain(plan)} for plan in (one, two)]
    assert shares[1]["qkv"] == pytest.approx(shares[0]["qkv"])
    assert shares[1]["experts"] > 1.5 * shares[0]["experts"]


def test_experts_that_are_spread_over_more_ranks_are_read_less() -> None:
    spread = {
        share.name: share.seconds for share in cost(MIXTURE, Layout(ep=4)).explain(plan_of((500,) * 8, depth=240))
    }
    alone = {share.name: share.seconds for share in COSTS["qwen3_moe"].explain(plan_of((500,) * 8, depth=240))}
    assert spread["experts"] < alone["experts"]
    assert spread["dispatch"] > 0


# ---- depth


def test_a_step_cut_across_depth_costs_a_little_more_than_whole() -> None:
    half = DEPTH // 2
    halves = [plan_of((), Slab(9, 0, 1024, 0, half)), plan_of((), Slab(9, 0, 1024, half, DEPTH, 1))]
    parts = sum(map(COST.plan, halves))
    whole = COST.plan(plan_of((), prefill(1024)))
    assert whole < parts < 1.05 * whole


def test_decodes_pay_for_their_whole_depth_beside_a_slab_of_some_layers() -> None:
    layered = plan_of((500,) * 8, Slab(9, 0, 1024, 40, 80))
    assert COST.plan(plan_of((500,) * 8)) < COST.plan(layered) < COST.plan(plan_of((500,) * 8, prefill(1024)))


@pytest.mark.parametrize(
    "plan",
    [
        plan_of((500, 700)),
        plan_of((500,), prefill(300)),
        plan_of((500,), Slab(9, 0, 1024, 40, 80)),
        plan_of((), Slab(9, 0, 10, 40, 82), Slab(8, 0, 10, 120, 140)),
    ],
)
def test_preemption_points_are_reached_in_order_and_the_last_is_the_end(plan: Plan) -> None:
    for each in (COST, cost(overlap=False), cost(graph_sizes=())):
        reached = each.depths(plan)
        assert len(reached) == DEPTH
        assert list(reached) == sorted(reached)
        assert reached[-1] == each.plan(plan)


def test_half_of_the_depth_is_reached_after_about_half_of_the_time() -> None:
    reached = COST.depths(plan_of((), prefill(1024)))
    assert reached[DEPTH // 2 - 1] == pytest.approx(reached[-1] / 2, rel=0.05)


# ---- explain


@pytest.mark.parametrize("family", COSTS)
@given(starts=st.lists(st.integers(0, 9000), max_size=70), chunk=st.integers(0, 3000), start=st.integers(0, 5000))
def test_what_is_explained_sums_to_the_duration(family: str, starts: list[int], chunk: int, start: int) -> None:
    each = COSTS[family]
    depth = {"llama": DEPTH, "gemma3": 130, "qwen3_moe": 240}[family]
    work = (prefill(chunk, start, depth),) if chunk else ()
    plan = plan_of(tuple(starts), *work, depth=depth)
    if not plan.idle:
        explained = sum(share.seconds for share in each.explain(plan))
        assert each.plan(plan) == pytest.approx(explained * 1e9, rel=1e-9, abs=1)


def test_an_estimate_has_an_error_and_its_reason() -> None:
    found = COST.estimate(plan_of((500,) * 8))
    assert found.seconds == pytest.approx(COST.decodes(8, 4000) / 1e9, rel=1e-6)
    assert 0.03 < found.error <= 0.1
    assert found.basis.name == "DATASHEET"


def test_an_anatomy_adds_up_to_the_step() -> None:
    plan = plan_of((500,) * 8, prefill(300))
    families, samples, launched = COST.anatomy(plan)
    overheads = OVERHEADS.step + OVERHEADS.sequence * samples + OVERHEADS.layer * launched
    assert (samples, launched) == (9, 32)
    assert sum(families.values()) + overheads == pytest.approx(COST.plan(plan) / 1e9, rel=1e-6)
    assert families["experts"] == families["collective"] == 0


def test_the_error_of_many_like_steps_is_that_of_one() -> None:
    one, many = COST.estimate(plan_of((500,) * 8)), COST.mix([plan_of((500,) * 8)] * 10)
    assert many.seconds == pytest.approx(10 * one.seconds)
    assert many.error == pytest.approx(one.error)


# ---- conservation and monotonicity


@pytest.mark.parametrize("family", COSTS)
@given(
    count=st.integers(1, 600),
    more=st.integers(0, 200),
    mean=st.integers(0, 40_000),
    longer=st.integers(0, 9_000),
)
def test_decodes_never_get_cheaper_with_more_of_them_or_more_context(
    family: str, count: int, more: int, mean: int, longer: int
) -> None:
    each = COSTS[family]
    assert each.decodes(count, count * mean + longer) >= each.decodes(count, count * mean)
    assert each.decodes(count + more, (count + more) * mean) >= each.decodes(count, count * mean)


@pytest.mark.parametrize("family", COSTS)
@given(
    starts=st.lists(st.integers(0, 20_000), max_size=40),
    chunk=st.integers(2, 4000),
    start=st.integers(0, 20_000),
    more=st.integers(0, 2000),
    longer=st.integers(0, 9_000),
)
def test_prefill_never_gets_cheaper_with_more_tokens_or_more_behind_them(
    family: str, starts: list[int], chunk: int, start: int, more: int, longer: int
) -> None:
    each, depth = COSTS[family], {"llama": DEPTH, "gemma3": 130, "qwen3_moe": 240}[family]

    def took(tokens: int, cached: int) -> int:
        return each.plan(plan_of(tuple(starts), prefill(tokens, cached, depth), depth=depth))

    assert took(chunk + more, start) >= took(chunk, start)
    assert took(chunk, start + longer) >= took(chunk, start)


@given(starts=st.lists(st.integers(0, 20_000), min_size=1, max_size=40), chunk=st.integers(0, 4000))
def test_no_step_is_quicker_than_the_data_sheet_allows(starts: list[int], chunk: int) -> None:
    plan = plan_of(tuple(starts), *((prefill(chunk),) if chunk else ()))
    weights = 15.0e9  # bytes of Llama-3.1-8B that every step reads: all but the embedding
    flops = 2 * 7.0e9 * plan.rows
    least = max(weights / SPEC.bandwidth, flops / SPEC.flops["bfloat16"])
    assert COST.plan(plan) / 1e9 >= 0.95 * least


class Optimist(FakeMachine):
    """Claims that everything is free."""

    def linear(self, m: int, n: int, k: int, weights: str):  # type: ignore[no-untyped-def]
        return super().linear(m, n, k, weights)._replace(seconds=0.0)

    def attention(self, shape: AttentionShape, batch: AttentionBatch):  # type: ignore[no-untyped-def]
        return super().attention(shape, batch)._replace(seconds=0.0)


def test_a_measurement_below_the_roofline_is_raised_to_it() -> None:
    found = StepCost(LLAMA, Optimist(), Layout(), overlap=True).decodes(64, 64 * 1000) / 1e9
    read = 15.0e9 + 64 * 1000 * 131_072
    assert found >= 0.95 * read / SPEC.bandwidth


# ---- speed


def test_lookups_of_decodes_ask_the_machine_nothing_new() -> None:
    machine = FakeMachine()
    each = StepCost(LLAMA, machine, Layout(), overlap=True)
    each.decodes(64, 64 * 500)
    asked = len(machine.calls)
    assert min(repeat(lambda: each.decodes(64, 64 * 501), number=100, repeat=1)) > 0
    assert len(machine.calls) == asked
