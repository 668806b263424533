"""Steps on every GPU that ships, whatever fits it has: conservation, order, and the data sheet as a floor."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Slab
from doubletime.hardware.known import machine
from doubletime.hardware.layout import Layout
from doubletime.hardware.specs import SPECS
from doubletime.hardware.step import StepCost
from doubletime.shapes import POINTS_PER_LAYER, bytes_of_rank, published_shape

MODELS = {
    "llama-3.1-8b": Layout(),
    "qwen3-30b-a3b": Layout(ep=2),
    "gemma-3-1b": Layout(),
    "llama-3.1-70b": Layout(tp=4, weights="fp8"),
}
BOTH = pytest.mark.parametrize("model", MODELS)
EVERY = pytest.mark.parametrize("name", SPECS)


@cache
def cost(name: str, model: str) -> StepCost:
    return StepCost(published_shape(model), machine(name), MODELS[model], overlap=True)


def plan_of(model: str, starts: tuple[int, ...], chunk: int = 0, cached: int = 0) -> Plan:
    depth = published_shape(model).layers * POINTS_PER_LAYER
    work = (Slab(9999, cached, chunk, 0, depth, 1),) if chunk > 1 else ()
    return Plan(0, 0, decode_seqs=tuple(range(len(starts))), decode_starts=starts, work=work, depth=depth)


@EVERY
@BOTH
def test_what_is_explained_sums_to_the_duration(name: str, model: str) -> None:
    for plan in (plan_of(model, (700,) * 20), plan_of(model, (700,) * 20, 500), plan_of(model, (), 900, 4000)):
        shares = cost(name, model).explain(plan)
        assert sum(share.seconds for share in shares) * 1e9 == pytest.approx(cost(name, model).plan(plan), abs=1)
        assert all(0 <= share.error < 1 for share in shares)


@EVERY
@BOTH
@settings(max_examples=15)
@given(count=st.integers(1, 256), more=st.integers(0, 64), mean=st.integers(0, 6000), longer=st.integers(0, 9000))
def test_decodes_never_get_cheaper(name: str, model: str, count: int, more: int, mean: int, longer: int) -> None:
    each = cost(name, model)
    assert each.decodes(count, count * mean + longer) >= each.decodes(count, count * mean)
    assert each.decodes(count + more, (count + more) * mean) >= each.decodes(count, count * mean)


@EVERY
@BOTH
@settings(max_examples=15)
@given(chunk=st.integers(2, 2048), more=st.integers(0, 2048), cached=st.integers(0, 6000), longer=st.integers(0, 6000))
def test_prefill_never_gets_cheaper(name: str, model: str, chunk: int, more: int, cached: int, longer: int) -> None:
    each = cost(name, model)
    took = each.plan(plan_of(model, (), chunk, cached))
    assert each.plan(plan_of(model, (), chunk + more, cached)) >= took
    assert each.plan(plan_of(model, (), chunk, cached + longer)) >= took


@EVERY
@BOTH
@settings(max_examples=15)
@given(
    count=st.integers(1, 64),
    mean=st.integers(1, 3000),
    chunk=st.integers(2, 1024),
    cached=st.integers(0, 2000),
    step=st.tuples(st.integers(0, 32), st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 2000)),
)
def test_mixed_steps_never_get_cheaper(
    name: str, model: str, count: int, mean: int, chunk: int, cached: int, step: tuple[int, int, int, int]
) -> None:
    each, (more, longer, tokens, behind) = cost(name, model), step
    took = each.plan(plan_of(model, (mean,) * count, chunk, cached))
    for plan in (
        plan_of(model, (mean,) * (count + more), chunk, cached),
        plan_of(model, (mean + longer,) * count, chunk, cached),
        plan_of(model, (mean,) * count, chunk + tokens, cached),
        plan_of(model, (mean,) * count, chunk, cached + behind),
    ):
        assert each.plan(plan) >= took


@EVERY
@BOTH
def test_no_step_is_quicker_than_its_weights_are_read(name: str, model: str) -> None:
    shape, layout, spec = published_shape(model), MODELS[model], SPECS[name]
    if shape.moe is not None:
        pytest.skip("a few decodes read a few experts")
    weights = bytes_of_rank(layout.apply(shape), layout.split)
    embedding = shape.vocab * shape.hidden * 2 / layout.tp * (not shape.tied)
    assert cost(name, model).decodes(1, 1) / 1e9 >= 0.95 * (weights - embedding) / spec.bandwidth
