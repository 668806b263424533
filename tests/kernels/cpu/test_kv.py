"""What the native kernels write: queries, and keys and values in their places of the cache, and nothing else."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from doubletime.kernels.cpu.abi import Kind
from doubletime.kernels.cpu.binding import set_threads
from tests.kernels.cpu.paged import PLAIN, Paged, Shape, Slab, split, turned

pytestmark = pytest.mark.usefixtures("level")
SHAPES = [
    Shape(4, 2, 16),
    Shape(3, 1, 12, norm=torch.rand(12) + 0.5),
    Shape(2, 2, 64, norm=torch.rand(64) + 0.5),
    Shape(5, 5, 2),
    Shape(8, 1, 80, block=48),
    Shape(2, 1, 256, window=20),
]
SLABS = [Slab(30, 21, [3, 0, 5, 1]), Slab(5, 1, [7]), Slab(0, 9, [4])]


def positions_of(slabs: list[Slab]) -> Tensor:
    return torch.cat([torch.arange(slab.start, slab.start + slab.tokens) for slab in slabs])


def slots_of(slabs: list[Slab], block: int) -> Tensor:
    places = [(slab, at) for slab in slabs for at in range(slab.start, slab.start + slab.tokens)]
    return torch.tensor([slab.blocks[at // block] * block + at % block for slab, at in places])


def stored(paged: Paged, part: int) -> Tensor:
    """Keys (0) or values (1) as they lie, [kv heads, slots, dim], in the cache's own type."""
    shape = paged.shape
    dtype = PLAIN.get(shape.kind, torch.int8)
    tiles = paged.memory[part][..., : 16 * shape.dim * dtype.itemsize].contiguous().view(dtype)
    if part == 0:
        tiles = tiles.view(*tiles.shape[:2], shape.dim, 16).transpose(-1, -2)
    return tiles.reshape(shape.kv_heads, -1, shape.dim)


def scales(paged: Paged, part: int) -> Tensor:
    """[kv heads, slots]"""
    return paged.memory[part][..., -64:].contiguous().view(torch.float32).flatten(1)


@pytest.mark.parametrize("kind", [Kind.F32, Kind.F16, Kind.BF16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_are_turned_and_written_to_their_slots(shape: Shape, kind: Kind, threads: int) -> None:
    set_threads(threads)
    paged = Paged(shape.of(kind), 8)
    rows = torch.randn(31, shape.width)
    queries = paged.store(SLABS, rows)
    own, keys, values = split(shape, rows)
    positions, slots = positions_of(SLABS), slots_of(SLABS, shape.block)
    torch.testing.assert_close(queries, turned(paged, own, positions).flatten(1), atol=1e-5, rtol=1e-5)
    expected = turned(paged, keys, positions).to(PLAIN[kind])
    ulp = {Kind.F32: 1e-5, Kind.F16: 2e-3, Kind.BF16: 1e-2}[kind]
    torch.testing.assert_close(stored(paged, 0)[:, slots].transpose(0, 1), expected, atol=1e-5, rtol=ulp)
    assert torch.equal(stored(paged, 1)[:, slots].transpose(0, 1), values.to(PLAIN[kind]))
    for part in (0, 1):
        rest = torch.ones(stored(paged, part).shape[1], dtype=torch.bool)
        rest[slots] = False
        assert stored(paged, part)[:, rest].isnan().all()


@pytest.mark.parametrize("shape", SHAPES)
def test_int8_keeps_a_scale_for_each_token_and_head(shape: Shape) -> None:
    paged = Paged(shape.of(Kind.Q8), 8)
    rows = torch.randn(31, shape.width) * torch.logspace(-3, 3, 31)[:, None]
    paged.store(SLABS, rows)
    _, keys, values = split(shape, rows)
    slots = slots_of(SLABS, shape.block)
    for part, exact in enumerate((turned(paged, keys, positions_of(SLABS)), values)):
        scale = scales(paged, part)[:, slots].T
        torch.testing.assert_close(scale, exact.abs().amax(-1) / 127, rtol=1e-5, atol=0.0)
        codes = stored(paged, part)[:, slots].transpose(0, 1)
        assert codes.abs().amax(-1).eq(127).all()
        assert ((codes * scale[..., None] - exact).abs() <= scale[..., None] * 0.501).all()


def test_int8_zeros_stay_zeros() -> None:
    shape = Shape(kind=Kind.Q8)
    paged = Paged(shape, 1)
    assert torch.equal(paged.step([Slab(0, 3, [0])], torch.zeros(3, shape.width)), torch.zeros(3, 64))


def test_layers_and_groups_have_their_own_memory() -> None:
    shape = Shape()
    paged = Paged(shape, 4)
    both = torch.full((2, *paged.memory.shape), 0xFF, dtype=torch.uint8)
    paged.cache.data, paged.layer.index = both.data_ptr(), 1
    paged.store([Slab(0, 2, [0])], torch.randn(2, shape.width))
    assert (both[0] == 0xFF).all()
    assert (both[1] != 0xFF).any()


def test_far_positions_turn_as_float32_does() -> None:
    shape = Shape(heads=1, kv_heads=1, dim=64, block=256)
    paged = Paged(shape, 1)
    rows = torch.randn(1, shape.width)
    start = 131_000
    queries = paged.store([Slab(start, 1, [0] * (start // 256 + 1))], rows)
    expected = turned(paged, split(shape, rows)[0], torch.tensor([start])).flatten(1)
    torch.testing.assert_close(queries, expected, atol=2e-5, rtol=1e-5)
