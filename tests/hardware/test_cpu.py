"""A CPU by its profile: what the file must hold, what a kernel costs, what a step costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Slab
from doubletime.hardware.cost import plan_cost
from doubletime.hardware.cpu import CpuMachine, load
from doubletime.hardware.cpu.cost import CpuCost
from doubletime.hardware.cpu.work import Part, buckets_of, work_of
from doubletime.hardware.estimate import Basis
from doubletime.hardware.known import machine
from doubletime.hardware.layout import Layout
from doubletime.hardware.machine import AttentionBatch, AttentionShape
from doubletime.hardware.step import StepCost
from doubletime.shapes import ModelShape, published_shape
from tests.hardware.cpu_profile import BANDWIDTH, linear, made_up

FLOAT32 = Layout(weights="float32", kv="float32", activations="float32")
SHAPE = published_shape("llama-100m")
DEPTH = SHAPE.layers * 5
HUGE = 1e12  # bytes of a model that no cache holds


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    def write(data: Any) -> Path:
        path = tmp_path / "profile.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return path

    return write


@pytest.fixture
def cpu(write: Callable[[Any], Path]) -> CpuMachine:
    return load(write(made_up()))


@pytest.fixture
def cost(cpu: CpuMachine) -> CpuCost:
    return cpu.cost(SHAPE)


def decodes(*starts: int) -> Plan:
    return Plan(0, 0, decode_seqs=tuple(range(len(starts))), decode_starts=starts, depth=DEPTH)


def prefill(tokens: int, start: int = 0, top: int = 0, bottom: int = DEPTH) -> Plan:
    return Plan(0, 0, work=(Slab(0, start, tokens, top, bottom, int(bottom == DEPTH)),), depth=DEPTH)


class TestFile:
    def test_a_profile_is_a_machine_by_its_path(self, write: Callable[[Any], Path]) -> None:
        found = machine(str(write(made_up())))
        assert isinstance(found, CpuMachine)
        assert found.spec.name == "test CPU"
        assert found.overheads.host == 2e-4
        assert found.jitter == 0.03
        assert found.spec.bandwidth == pytest.approx(BANDWIDTH, rel=0.7)  # with what the product itself takes
        assert found.graph_sizes == ()

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match=r"none\.json"):
            load(tmp_path / "none.json")

    @pytest.mark.parametrize("text", ["no json", "[1]", '{"kind": "other"}', "null"])
    def test_something_else(self, write: Callable[[Any], Path], text: str) -> None:
        with pytest.raises(ValueError, match=r"is not a profile.*doubletime profile --out FILE"):
            load(write(text))

    def test_another_schema(self, write: Callable[[Any], Path]) -> None:
        with pytest.raises(ValueError, match="schema 2; this version reads 1: profile again"):
            load(write(made_up(schema=2)))

    @pytest.mark.parametrize("field", ["tables", "terms", "engine", "errors", "cached", "peak", "machine"])
    def test_a_field_is_missing(self, write: Callable[[Any], Path], field: str) -> None:
        data = made_up()
        del data[field]
        with pytest.raises(ValueError, match=f"incomplete .*{field}.*profile again"):
            load(write(data))

    @pytest.mark.parametrize("rows", [[], [[1, 64, 64, 1e-5], [1, 64]], [[1, 64, 64, -1.0]], [["one", 64, 64, 1e-5]]])
    def test_a_table_is_broken(self, write: Callable[[Any], Path], rows: list[Any]) -> None:
        data = made_up()
        data["tables"]["linear"] = rows
        with pytest.raises(ValueError, match="incomplete"):
            load(write(data))


class TestKernels:
    def test_a_measured_point_is_answered_as_measured(self, cpu: CpuMachine) -> None:
        found = cpu.kernels.linear(8, 256, 1024, 1e6)
        assert found.seconds == pytest.approx(linear(8, 256, 1024))
        assert found.basis is Basis.TABLE

    def test_between_points_it_is_interpolated(self, cpu: CpuMachine) -> None:
        found = cpu.kernels.linear(20, 300, 700, 1e6)
        assert found.seconds == pytest.approx(linear(20, 300, 700), rel=0.03)
        assert found.basis is Basis.INTERPOLATED
        assert found.error == 0.03

    def test_beyond_them_the_base_carries_on(self, cpu: CpuMachine) -> None:
        found = cpu.kernels.linear(512, 4096, 4096, 1e6)
        assert found.seconds == pytest.approx(linear(512, 4096, 4096), rel=0.03)
        assert found.basis is Basis.EXTRAPOLATED
        assert found.error == 0.1

    def test_a_point_that_was_not_measured_is_filled_in(self, write: Callable[[Any], Path]) -> None:
        data = made_up()
        data["tables"]["linear"] = [row for row in data["tables"]["linear"] if row[:3] != [8, 256, 256]]
        found = load(write(data)).kernels.linear(8, 256, 256, 1e6)
        assert found.seconds == pytest.approx(linear(8, 256, 256), rel=0.3)
        assert found.basis is Basis.INTERPOLATED

    def test_weights_of_a_large_model_come_from_memory(self, cpu: CpuMachine) -> None:
        near, far = cpu.kernels.linear(1, 256, 1024, 1e6), cpu.kernels.linear(1, 256, 1024, HUGE)
        assert far.seconds - near.seconds == pytest.approx(256 * 1024 * 4 / BANDWIDTH)

    def test_a_model_in_between_keeps_a_share_in_the_cache(self, cpu: CpuMachine) -> None:
        times = [cpu.kernels.linear(1, 256, 1024, size).seconds for size in (1e6, 1e7, 1e8, HUGE)]
        assert times[0] < times[1] < times[2] == times[3]
        assert cpu.kernels.cold(1e7) == pytest.approx(0.5)

    def test_another_number_format_is_refused(self, cpu: CpuMachine) -> None:
        with pytest.raises(ValueError, match=r"profiled in float32, not bfloat16.*--dtype bfloat16"):
            cpu.linear(1, 64, 64, "bfloat16")

    def test_attention_grows_with_what_it_reads(self, cpu: CpuMachine) -> None:
        shape = AttentionShape(8, 2, 64, kv="float32")
        times = [cpu.attention(shape, AttentionBatch(decodes=4, context=4 * n)).seconds for n in (20, 80, 300, 2000)]
        assert times == sorted(times)
        assert cpu.attention(shape, AttentionBatch(prefills=((600, 0),))).seconds > times[0]

    def test_it_has_no_peers(self, cpu: CpuMachine) -> None:
        with pytest.raises(ValueError, match="spans one device"):
            cpu.collective("all_reduce", 1000, 2)
        assert cpu.collective("all_reduce", 1000, 1).seconds == 0


class TestWork:
    def test_decodes_of_like_length_share_a_bucket(self) -> None:
        assert buckets_of([10, 60, 65, 128, 129], window=0) == ((2, 60), (2, 128), (1, 129))
        assert buckets_of([10, 300], window=100) == ((1, 10), (1, 100))

    def test_a_long_prefill_attends_in_parts(self) -> None:
        (segment,) = work_of(prefill(700, start=16)).segments
        assert segment.attended(0).parts == (Part(512, 528, False), Part(188, 716, False))
        assert work_of(prefill(100)).segments[0].attended(0).parts == (Part(100, 100, True),)

    def test_a_window_hides_old_keys(self) -> None:
        (segment,) = work_of(prefill(100, start=400)).segments
        assert segment.attended(128).parts == (Part(100, 227, False),)

    def test_depth_is_cut_where_slabs_begin_and_end(self) -> None:
        plan = Plan(0, 0, decode_seqs=(1,), decode_starts=(9,), work=(Slab(0, 0, 50, 10, 20, 0),), depth=DEPTH)
        work = work_of(plan)
        assert [(part.top, part.bottom, part.rows) for part in work.segments] == [
            (0, 10, 1),
            (10, 20, 51),
            (20, DEPTH, 1),
        ]
        assert (work.entering, work.samples) == (1, 1)


class TestSteps:
    def test_the_cost_model_follows_the_machine(self, cpu: CpuMachine) -> None:
        assert isinstance(plan_cost(SHAPE, cpu, FLOAT32, overlap=True), CpuCost)
        assert isinstance(plan_cost(published_shape("llama-3.1-8b"), machine("h100"), Layout(), overlap=True), StepCost)

    @pytest.mark.parametrize("layout", [Layout(tp=2, weights="float32", kv="float32", activations="float32"), Layout()])
    def test_what_the_cpu_cannot_do_is_refused(self, cpu: CpuMachine, layout: Layout) -> None:
        with pytest.raises(ValueError, match=r"one device|profiled in float32"):
            plan_cost(SHAPE, cpu, layout, overlap=True)

    def test_more_work_takes_longer(self, cost: CpuCost) -> None:
        assert cost.plan(decodes(10)) < cost.plan(decodes(900)) < cost.plan(decodes(900, 900))
        assert cost.plan(prefill(10)) < cost.plan(prefill(100)) < cost.plan(prefill(100, 500)) < cost.plan(prefill(600))

    def test_equal_decodes_cost_what_their_plan_costs(self, cost: CpuCost) -> None:
        assert cost.decodes(3, 300) == cost.plan(decodes(100, 100, 100))
        assert cost.decodes(2, 201) == cost.plan(decodes(100, 101))

    def test_what_is_explained_adds_up(self, cost: CpuCost) -> None:
        plan = Plan(0, 0, decode_seqs=(1, 2), decode_starts=(9, 80), work=prefill(50).work, depth=DEPTH)
        shares = cost.explain(plan)
        assert sum(share.seconds for share in shares) * 1e9 == pytest.approx(cost.plan(plan), abs=1)
        assert {share.name for share in shares} >= {"begin", "project", "attention", "gate", "down", "sample", "engine"}

    def test_its_anatomy_adds_up_too(self, cost: CpuCost) -> None:
        plan = Plan(0, 0, decode_seqs=(1, 2), decode_starts=(9, 80), work=prefill(50).work, depth=DEPTH)
        families, samples, launched = cost.anatomy(plan)
        own = cost.overheads
        around = own.step + own.host + own.sequence * samples + own.layer * launched
        assert (sum(families.values()) + around) * 1e9 == pytest.approx(cost.plan(plan), abs=1)
        assert families["experts"] == families["collective"] == 0

    def test_preemption_points_come_in_order_and_end_with_the_step(self, cost: CpuCost) -> None:
        plan = prefill(200)
        depths = cost.depths(plan)
        assert len(depths) == DEPTH
        assert list(depths) == sorted(depths)
        assert depths[-1] == cost.plan(plan)

    def test_a_slab_of_partial_depth_pays_for_its_layers_only(self, cost: CpuCost) -> None:
        half, whole = prefill(200, bottom=DEPTH // 2), prefill(200)
        assert cost.plan(half) < 0.6 * cost.plan(whole)
        assert cost.depths(half)[-1] == cost.plan(half)
        late = cost.depths(prefill(200, top=DEPTH - 10))
        assert late[DEPTH - 11] < late[DEPTH - 1]

    def test_experts_and_windows_are_priced(self, cpu: CpuMachine) -> None:
        for name in ("qwen3-30b-a3b", "gemma-3-270m"):
            shape: ModelShape = published_shape(name)
            depth = shape.layers * 5
            few, many = (Plan(0, 0, decode_seqs=tuple(range(n)), decode_starts=(700,) * n, depth=depth) for n in (1, 8))
            assert cpu.cost(shape).plan(few) < cpu.cost(shape).plan(many)
