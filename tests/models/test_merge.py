"""Several matrices as one: no value changes, whatever they are made of."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from doubletime.models.merge import interleave, stack
from doubletime.models.quantized import Quantized, quantize
from doubletime.models.weights import Linear

K = 64


def dense(rows: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, K, generator=torch.Generator().manual_seed(seed))


def linear(weight: Tensor | Quantized, bias: Tensor | None = None) -> Linear:
    return Linear(weight, bias, torch.float32)


def values(weight: Tensor | Quantized) -> Tensor:
    return weight.dequantize() if isinstance(weight, Quantized) else weight


MIXES = {
    "dense": [dense(3), dense(5, 1)],
    "one kind": [quantize(dense(3), 8, 32), quantize(dense(5, 1), 8, 32)],
    "bits differ": [quantize(dense(3), 4, 32), quantize(dense(5, 1), 8, 32)],
    "groups differ": [quantize(dense(3), 8, 16), quantize(dense(5, 1), 8, 64)],
    "some have mins": [quantize(dense(3), 4, 32), quantize(dense(5, 1), 4, 32, symmetric=False)],
    "some are dense": [quantize(dense(3), 4, 32), dense(5, 1)],
}


@pytest.mark.parametrize("parts", MIXES.values(), ids=MIXES.keys())
def test_stacked_rows_keep_their_values(parts: list[Tensor | Quantized]) -> None:
    whole = stack([linear(part) for part in parts]).weight
    torch.testing.assert_close(values(whole), torch.cat([values(part) for part in parts]), rtol=1e-6, atol=1e-6)


def test_biases_are_stacked_and_missing_ones_are_zero() -> None:
    assert stack([linear(dense(2)), linear(dense(3))]).bias is None
    bias = stack([linear(dense(2), torch.ones(2)), linear(dense(3))]).bias
    assert bias is not None
    assert bias.tolist() == [1, 1, 0, 0, 0]


@pytest.mark.parametrize("bits", [0, 8, 4])
@pytest.mark.parametrize("rows", [16, 20])
def test_gate_and_up_alternate_by_tiles_and_are_padded_with_zeros(rows: int, bits: int) -> None:
    gate, up = ((quantize(dense(rows, seed), bits, 32) if bits else dense(rows, seed)) for seed in (1, 2))
    tiles = values(interleave(linear(gate), linear(up)).weight).view(-1, 2, 16, K)
    for which, part in enumerate((gate, up)):
        own = tiles[:, which].reshape(-1, K)
        torch.testing.assert_close(own[:rows], values(part))
        assert not own[rows:].any()
