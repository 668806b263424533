"""Rounding matrices: what codes can hold comes back exactly, what they cannot is off by little."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from doubletime.models.quantized import Quantized, pack, quantize, row_chunks, unpack
from doubletime.models.rounding import half

KINDS = [(8, 16, True), (8, 32, True), (8, 128, True), (8, 384, True), (4, 32, True), (4, 64, True), (4, 128, True),
         (4, 32, False), (4, 128, False)]  # fmt: skip


def normal(rows: int = 40, columns: int = 384, seed: int = 0) -> Tensor:
    return torch.randn((rows, columns), generator=torch.Generator().manual_seed(seed)) * 0.05


def grouped(matrix: Tensor, group: int) -> Tensor:
    return matrix.view(matrix.shape[0], -1, group)


@pytest.mark.parametrize(("bits", "group", "symmetric"), KINDS)
def test_the_error_is_within_the_steps(bits: int, group: int, symmetric: bool) -> None:
    """8 bit: half a step for each number. 4 bit cuts off large ones, so it is the sum that counts."""
    weight = normal()
    made = quantize(weight, bits, group, symmetric)
    assert made.shape == (40, 384)
    error = grouped((made.dequantize() - weight).abs(), group)
    largest = grouped(weight.abs(), group).amax(-1, keepdim=True)
    if bits == 8:
        assert bool((error <= largest / 127 * 0.501 + 1e-9).all())
    else:
        naive = (grouped(weight, group) / largest * 7).round() * largest / 7
        assert float(error.square().sum()) < 0.85 * float((naive - grouped(weight, group)).square().sum())


def test_levels_come_back_exactly() -> None:
    """A matrix that is made of 8 bit levels, each group with its largest, is not changed."""
    levels = torch.randint(-127, 128, (8, 64), generator=torch.Generator().manual_seed(1)).float()
    levels[:, ::32] = 127.0
    weight = levels * 2.0**-9
    assert torch.equal(quantize(weight, 8, 32).dequantize(), weight)


@pytest.mark.parametrize("symmetric", [True, False])
def test_four_bit_levels_come_back_exactly(symmetric: bool) -> None:
    levels = torch.randint(-8, 8, (8, 64), generator=torch.Generator().manual_seed(1)).float()
    levels[:, ::32], levels[:, 1::32] = -8.0, 7.0
    weight = levels * 2.0**-5
    torch.testing.assert_close(quantize(weight, 4, 32, symmetric).dequantize(), weight, rtol=1e-3, atol=1e-3 * 2.0**-5)


@pytest.mark.parametrize(("bits", "symmetric"), [(8, True), (4, True), (4, False)])
def test_zeros_and_constants(bits: int, symmetric: bool) -> None:
    zeros = quantize(torch.zeros(3, 64), bits, 32, symmetric)
    assert torch.equal(zeros.dequantize(), torch.zeros(3, 64))
    constant = torch.full((3, 64), 0.25)
    torch.testing.assert_close(quantize(constant, bits, 32, symmetric).dequantize(), constant, rtol=2e-3, atol=0)


@pytest.mark.parametrize(("bits", "symmetric"), [(8, True), (4, True), (4, False)])
@pytest.mark.parametrize("size", [1e-30, 1e-7, 1e7, 1e30])
def test_tiny_and_huge_numbers(bits: int, symmetric: bool, size: float) -> None:
    weight = normal() * size
    made = quantize(weight, bits, 32, symmetric).dequantize()
    assert float((made / size - weight / size).norm() / (weight / size).norm()) < (0.01 if bits == 8 else 0.1)


def test_scales_fit_float16() -> None:
    """Kernels and files may keep them so."""
    for bits, symmetric in ((8, True), (4, True), (4, False)):
        made = quantize(normal(), bits, 32, symmetric)
        for each in (made.scales, made.mins):
            assert each is None or torch.equal(each.half().float(), each)


def test_numbers_that_float16_has_not_stay_as_they_are() -> None:
    numbers = torch.tensor([0.0, 1.0, 1 / 3, 1e-9, 1e9])
    assert half(numbers).tolist() == [0.0, 1.0, float(torch.tensor(1 / 3).half()), float(numbers[3]), 1e9]


@given(st.integers(1, 5), st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_packing_is_undone(rows: int, pairs: int) -> None:
    codes = torch.randint(0, 16, (rows, 2 * pairs), dtype=torch.uint8)
    packed = pack(codes)
    assert torch.equal(unpack(packed), codes)
    assert torch.equal(packed & 15, codes[:, 0::2])  # the even k in the low nibble


@pytest.mark.parametrize(("bits", "group", "symmetric"), KINDS)
def test_rows_are_those_of_the_matrix(bits: int, group: int, symmetric: bool) -> None:
    made = quantize(normal(), bits, group, symmetric)
    index = torch.tensor([7, 0, 7])
    assert torch.equal(made.rows(index).dequantize(), made.dequantize()[index])
    assert torch.equal(made.rows(slice(3, 9)).dequantize(), made.dequantize()[3:9])


def test_rows_are_rounded_alike_in_any_chunk() -> None:
    weight = normal(5000, 64)
    made = quantize(weight, 4, 32)
    assert len(list(made.chunks())) > 1
    alone = quantize(weight[4990:], 4, 32)
    assert torch.equal(made.codes[4990:], alone.codes)
    assert torch.equal(made.dequantize()[4990:], alone.dequantize())


@given(st.integers(0, 9), st.integers(1, 1 << 19))
def test_chunks_cover_all_rows_once(rows: int, columns: int) -> None:
    assert [row for chunk in row_chunks(rows, columns) for row in range(chunk.start, chunk.stop)] == list(range(rows))


def test_dtypes_and_bytes() -> None:
    made = quantize(normal().bfloat16(), 4, 32, False)
    assert made.dequantize(torch.bfloat16).dtype == torch.bfloat16
    assert made.nbytes == 40 * 384 // 2 + 2 * 40 * 12 * 4


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="48 do not divide 64"):
        quantize(torch.zeros(2, 64), 8, 48)
    with pytest.raises(ValueError, match="8 bit matrices are symmetric"):
        quantize(torch.zeros(2, 64), 8, 32, symmetric=False)
    with pytest.raises(ValueError, match="3 bits"):
        quantize(torch.zeros(2, 64), 3, 32)
    for bits in (8, 4):
        with pytest.raises(ValueError, match="not finite"):
            quantize(torch.tensor([[1.0] * 31 + [float("nan")]]), bits, 32)
    codes, scales = torch.zeros(2, 64, dtype=torch.uint8), torch.zeros(2, 2)
    with pytest.raises(ValueError, match="2 bits"):
        Quantized(2, 32, codes, scales)
    with pytest.raises(ValueError, match="no uint8"):
        Quantized(8, 32, codes.int(), scales)
    with pytest.raises(ValueError, match=r"scales .*\[2, 3\]"):
        Quantized(8, 32, codes, torch.zeros(2, 3))
    with pytest.raises(ValueError, match="float64"):
        Quantized(8, 32, codes, scales, scales.double())
