"""Native experts: each row through its own, summed in the order of their numbers, alone or in a batch."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

pytest.importorskip("torch")

import torch
import torch.nn.functional as F
from torch import Tensor

from doubletime.kernels.cpu import abi
from doubletime.kernels.cpu.binding import library, set_threads
from doubletime.kernels.cpu.pack import Packed, pack
from doubletime.models.quantized import Quantized
from tests.kernels.cpu.matrices import Form, Matrix, distance, random_matrix, values

HIDDEN, INNER, EXPERTS, TOP_K = 96, 64, 7, 3
FORMS = [Form("f32"), Form("f16"), Form("bf16"), Form("q8"), Form("q8", 0), Form("q4"), Form("q4", mins=True)]


@dataclass(frozen=True, slots=True)
class Mixture:
    """`gate_ups[e]` [2 × INNER, HIDDEN], gate first; `downs[e]` [HIDDEN, INNER]."""

    gate_ups: list[Matrix]
    downs: list[Matrix]

    @classmethod
    def random(cls, form: Form) -> Mixture:
        gate_ups = [random_matrix(form, 2 * INNER, HIDDEN, seed) for seed in range(EXPERTS)]
        return cls(gate_ups, [random_matrix(form, HIDDEN, INNER, 100 + seed) for seed in range(EXPERTS)])

    def packed(self) -> tuple[list[Packed], list[Packed]]:
        tiles = torch.arange(2 * INNER).view(2, -1, abi.TILE).transpose(0, 1).reshape(-1)
        by_turns = [each.rows(tiles) if isinstance(each, Quantized) else each[tiles] for each in self.gate_ups]
        return [pack(each) for each in by_turns], [pack(each) for each in self.downs]


@dataclass(frozen=True, slots=True)
class Step:
    """Rows [M, HIDDEN] with what the router chose: weights and ids [M, TOP_K]."""

    x: Tensor
    weights: Tensor
    ids: Tensor
    residual: Tensor

    @classmethod
    def random(cls, rows: int) -> Step:
        draw = torch.Generator().manual_seed(rows)
        scores = torch.rand(rows, EXPERTS, generator=draw)
        weights, ids = scores.topk(TOP_K)
        x, residual = torch.randn(2, rows, HIDDEN, generator=draw)
        return cls(x, weights.contiguous(), ids.int(), residual)

    def rows(self, first: int, last: int) -> Step:
        rows = slice(first, last)
        return Step(self.x[rows], self.weights[rows], self.ids[rows], self.residual[rows])


def native(packed: tuple[list[Packed], list[Packed]], step: Step) -> Tensor:
    gate_ups, downs = ((abi.Matrix * EXPERTS)(*(each.matrix for each in side)) for side in packed)
    hidden, (rows, width) = step.residual.clone(), step.x.shape
    pointers = step.weights.data_ptr(), step.ids.data_ptr(), TOP_K
    library().dt_experts(
        gate_ups, downs, EXPERTS, TOP_K, step.x.data_ptr(), width, rows, *pointers, 0, hidden.data_ptr(), width
    )
    return hidden


def written_out(mixture: Mixture, step: Step) -> Tensor:
    hidden = step.residual.double()
    for row, (weights, ids) in enumerate(zip(step.weights, step.ids, strict=True)):
        for weight, expert in zip(weights.tolist(), ids.tolist(), strict=True):
            gate, up = F.linear(step.x[row].double(), values(mixture.gate_ups[expert]).double()).chunk(2)
            hidden[row] += weight * F.linear(F.silu(gate) * up, values(mixture.downs[expert]).double())
    return hidden


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("rows", [1, 2, 9, 250])
def test_experts(level: str, form: Form, rows: int) -> None:
    mixture, step = Mixture.random(form), Step.random(rows)
    got = native(mixture.packed(), step) - step.residual
    assert distance(got, written_out(mixture, step) - step.residual) < max(3 * form.tolerance(level), 2e-5)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.usefixtures("level")
def test_a_row_is_the_same_bits_in_every_batch(form: Form) -> None:
    packed, step = Mixture.random(form).packed(), Step.random(300)
    set_threads(1)
    alone = torch.cat([native(packed, step.rows(row, row + 1)) for row in range(300)])
    for threads in (1, 2):
        set_threads(threads)
        for first, last in ((0, 300), (5, 7), (20, 33), (100, 164)):
            assert torch.equal(native(packed, step.rows(first, last)), alone[first:last])


@pytest.mark.usefixtures("level")
def test_the_order_of_a_row_s_choices_does_not_count() -> None:
    packed, step = Mixture.random(Form("f32")).packed(), Step.random(20)
    turned = Step(step.x, step.weights.flip(1).contiguous(), step.ids.flip(1).contiguous(), step.residual)
    assert torch.equal(native(packed, step), native(packed, turned))
