"""Packing: every number comes back, whatever the form, at every level."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from doubletime.kernels.cpu.pack import pack
from doubletime.models.quantized import Quantized
from tests.kernels.cpu.matrices import FORMS, Form, random_matrix, values

pytestmark = pytest.mark.usefixtures("level")


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("count", [1, 16, 75])
def test_a_row_comes_back_as_it_was(form: Form, count: int) -> None:
    matrix = random_matrix(form, count, 3 * form.step if form.group else 97)
    packed = pack(matrix)
    want = values(matrix)
    for row in {0, count // 2, count - 1}:
        torch.testing.assert_close(packed.row(row), want[row], rtol=2e-7, atol=1e-9)


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 33])
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
def test_rows_may_have_any_length(dtype: str, columns: int) -> None:
    matrix = random_matrix(Form(dtype), 5, columns)
    assert torch.equal(pack(matrix).row(3), values(matrix)[3])


def test_tiny_float16_scales_are_kept_exactly() -> None:
    scales = torch.tensor([[2.0**-24, 3 * 2.0**-24, 1e-3, 0.0]]).half().float()
    matrix = Quantized(8, 32, torch.randint(0, 256, (1, 128), dtype=torch.uint8), scales)
    assert torch.equal(pack(matrix).row(0), values(matrix)[0])


def test_other_scales_lose_half_a_float16_step() -> None:
    draw = torch.Generator().manual_seed(1)
    scales = torch.rand(40, 4, generator=draw) * 10 ** (torch.rand(40, 1, generator=draw) * 20 - 15)
    matrix = Quantized(8, 32, torch.full((40, 128), 129, dtype=torch.uint8), scales)
    packed, want = pack(matrix), values(matrix)
    for row in range(40):
        torch.testing.assert_close(packed.row(row), want[row], rtol=2**-11 + 1e-6, atol=0)


@pytest.mark.parametrize(("bits", "group"), [(8, 256), (8, 96), (4, 96), (4, 256)])
def test_large_groups_are_cut_into_known_ones(bits: int, group: int) -> None:
    codes = torch.randint(0, 256, (3, 2 * group * bits // 8), dtype=torch.uint8)
    matrix = Quantized(bits, group, codes, torch.rand(3, 2).half().float(), torch.rand(3, 2).half().float())
    packed = pack(matrix)
    torch.testing.assert_close(packed.row(2), values(matrix)[2], rtol=1e-6, atol=1e-6)


def test_what_no_kernel_has_is_refused() -> None:
    with pytest.raises(ValueError, match="float64"):
        pack(torch.zeros(2, 2, dtype=torch.float64))
    codes = torch.zeros(2, 12, dtype=torch.uint8)
    with pytest.raises(ValueError, match="4 bit groups of 24: only multiples of 32"):
        pack(Quantized(4, 24, codes, torch.ones(2, 1)))
    with pytest.raises(IndexError, match="row 2 of 2"):
        pack(torch.zeros(2, 3)).row(2)
