"""Native paged attention: right against attention written out, and the same bits however a batch was put together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from doubletime.kernels.cpu.abi import Kind
from doubletime.kernels.cpu.binding import set_threads
from doubletime.kernels.layout import DecodeRows, Layout, PrefillRows
from doubletime.kernels.reference import attend
from tests.kernels.cpu.paged import Paged, Shape, Slab, softmax_attention, split, turned

KINDS = [Kind.F32, Kind.F16, Kind.BF16, Kind.Q8]
# The oracle rounds to the same stored numbers, but a rotated key may fall on either side of a rounding boundary.
TOLERANCE = {Kind.F32: 2e-5, Kind.F16: 3e-3, Kind.BF16: 2e-2, Kind.Q8: 4e-2}
pytestmark = pytest.mark.usefixtures("level")


def projections(shape: Shape, length: int, seed: int = 0) -> Tensor:
    return torch.randn(length, shape.width, generator=torch.Generator().manual_seed(seed))


def scattered(lengths: list[int], block: int, seed: int) -> list[list[int]]:
    """Blocks for sequences of these lengths, in random order, three more than needed."""
    counts = [-(-length // block) for length in lengths]
    order = iter(random.Random(seed).sample(range(sum(counts) + 3), sum(counts)))
    return [[next(order) for _ in range(count)] for count in counts]


def random_shape(rng: random.Random, kind: Kind) -> Shape:
    kv_heads, dim = rng.choice([1, 1, 2, 3]), rng.choice([2, 8, 12, 16, 20, 32, 48, 64, 80, 128, 256])
    heads = kv_heads * rng.choice([1, 1, 2, 3, 5, 6, 7, 8, 11])
    return Shape(
        heads,
        kv_heads,
        dim,
        kind,
        block=rng.choice([16, 32, 48, 256, 272]),
        window=rng.choice([0, 0, 1, 7, 100, 300]),
        cap=rng.choice([0.0, 0.0, 5.0, 50.0]),
        sinks=torch.randn(heads) if rng.random() < 0.4 else None,
        norm=torch.rand(dim) + 0.5 if rng.random() < 0.4 else None,
    )


def history(paged: Paged, blocks: Sequence[int], rows: Tensor, cuts: list[int]) -> None:
    """Stores the rows of one sequence in pieces that end at `cuts`."""
    for begin, end in zip([0, *cuts], cuts, strict=False):
        if end > begin:
            paged.store([Slab(begin, end - begin, blocks)], rows[begin:end])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(12))
def test_any_batch_of_any_shape_is_attention_written_out(kind: Kind, seed: int) -> None:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    shape = random_shape(rng, kind)
    lengths = [
        rng.choice([1, 2, 15, 16, 17, rng.randint(1, 100), rng.randint(200, 600)]) for _ in range(rng.randint(1, 5))
    ]
    starts = [rng.choice([0, length - 1, rng.randrange(length)]) for length in lengths]
    blocks = scattered(lengths, shape.block, seed)
    paged = Paged(shape, sum(map(len, blocks)) + 3)
    rows = [projections(shape, length, seed=index) for index, length in enumerate(lengths)]
    for start, own, whole in zip(starts, blocks, rows, strict=True):
        history(paged, own, whole, [start // 2, start])
    set_threads(rng.randint(1, 2))
    slabs = [Slab(start, length - start, own) for start, length, own in zip(starts, lengths, blocks, strict=True)]
    out = paged.step(slabs, torch.cat([whole[start:] for whole, start in zip(rows, starts, strict=True)]))
    expected = torch.cat([softmax_attention(paged, whole, start) for whole, start in zip(rows, starts, strict=True)])
    torch.testing.assert_close(out, expected, atol=TOLERANCE[kind], rtol=1e-5)


def test_it_is_the_reference_kernel() -> None:
    shape = Shape(heads=6, kv_heads=2, dim=32)
    paged, rows = Paged(shape, 8), projections(shape, 70)
    paged.store([Slab(0, 40, [2, 0, 1, 3, 4])], rows[:40])
    slabs = [Slab(40, 30, [2, 0, 1, 3, 4]), Slab(0, 1, [6])]
    out = paged.step(slabs, torch.cat([rows[40:], rows[:1]]))
    _, keys, values = split(shape, rows)
    positions = torch.arange(70)
    cache = torch.stack([turned(paged, keys, positions), values]).transpose(1, 2)
    mask = torch.where(torch.arange(70) <= torch.arange(40, 70)[:, None], 0.0, -torch.inf)
    layout = Layout(
        torch.arange(0),
        (DecodeRows(torch.tensor([30]), torch.tensor([[0]]), None),),
        (PrefillRows(0, 30, torch.arange(70), mask),),
    )
    queries = torch.cat([turned(paged, split(shape, rows)[0], positions)[40:], split(shape, rows)[0][:1]])
    torch.testing.assert_close(out, attend(queries, cache, layout, shape.scale), atol=1e-5, rtol=1e-5)


def ways(shape: Shape, length: int) -> list[Tensor]:
    """The last row of a sequence, and the 30 rows before it, computed in many ways; [31, heads × dim] each."""
    rows, blocks = projections(shape, length), scattered([length, length, 300, 40], shape.block, seed=1)
    first, second, third, fourth = blocks
    first_of = length - 31
    paged = Paged(shape, sum(map(len, blocks)) + 3)
    others = projections(shape, 300, seed=7)
    history(paged, third, others, [299])
    made = [paged.step([Slab(0, length, first)], rows)[first_of:]]  # the whole prompt
    chunks = [paged.step([Slab(at, min(97, length - at), second)], rows[at : at + 97]) for at in range(0, length, 97)]
    made.append(torch.cat(chunks)[first_of:])
    alone = [paged.step([Slab(at, 1, first)], rows[at : at + 1]) for at in range(first_of, length)]
    made.append(torch.cat(alone))
    crowd = [Slab(299, 1, third), Slab(first_of, 31, first), Slab(0, 40, fourth), Slab(length - 1, 1, second)]
    batch = torch.cat([others[299:], rows[first_of:], others[:40], rows[-1:]])
    together = paged.step(crowd, batch)
    made.append(together[1:32])
    made.append(torch.cat([made[-1][:-1], together[-1:]]))
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [12, 64])
def test_a_row_has_the_same_bits_in_every_batch(kind: Kind, dim: int) -> None:
    shape = Shape(6, 2, dim, kind, block=32, sinks=torch.randn(6), norm=torch.rand(dim))
    for variant in (shape, replace(shape, window=290, cap=20.0)):
        results = []
        for threads in (1, 2):
            set_threads(threads)
            results += ways(variant, length=600)
        assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_with_a_common_prefix_read_it_once_and_get_the_same_bits(kind: Kind) -> None:
    shape = Shape(heads=6, kv_heads=2, dim=64, kind=kind, block=64)
    common, more = list(range(20)), list(range(20, 28))  # 1,280 and 512 tokens: 5 and 2 partitions
    tails = [[*common, 30], [*common, *more, 31], [*common, *more, 32, 33], list(range(40, 61))]
    lengths = [1290, 1800, 1900, 1300]
    rows, paged = projections(shape, 1900), Paged(shape, 64)
    for length, blocks in zip(lengths, tails, strict=True):
        history(paged, blocks, rows, [length - 2])
    slabs = [Slab(length - 2, 2, blocks) for length, blocks in zip(lengths, tails, strict=True)]
    queries = paged.store(slabs, torch.cat([rows[length - 2 : length] for length in lengths]))
    alone = torch.cat([paged.attend([slab], queries[2 * i : 2 * i + 2]) for i, slab in enumerate(slabs)])
    for threads in (1, 2):
        set_threads(threads)
        assert torch.equal(paged.attend(slabs, queries), alone)
        # 5 for three sequences, 2 more for two of them, then 1 of each; the fourth has 6 of its own.
        assert paged.partitions(slabs) == 5 + 2 + (1 + 1 + 1) + 6


def test_many_sequences_that_share_all_but_their_ends() -> None:
    shape = Shape(heads=4, kv_heads=1, dim=16)
    common = list(range(32))
    slabs = [Slab(520, 1, [*common, 40 + i]) for i in range(50)]
    rows, paged = projections(shape, 521), Paged(shape, 100)
    history(paged, slabs[0].blocks, rows, [520])
    for slab in slabs[1:]:
        paged.store([Slab(512, 8, slab.blocks)], rows[512:520])
    set_threads(2)
    out = paged.step(slabs, rows[520:].expand(50, -1))
    assert torch.equal(out, out[:1].expand(50, -1))
    torch.testing.assert_close(out[:1], softmax_attention(paged, rows, 520), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", [Kind.F32, Kind.Q8])
def test_one_long_request_is_split_along_its_context(kind: Kind) -> None:
    shape = Shape(heads=3, kv_heads=1, dim=16, kind=kind)
    length = 20_003
    rows, paged = projections(shape, length), Paged(shape, 1251)
    slab = Slab(length - 1, 1, random.Random(0).sample(range(1251), 1251))
    paged.store([Slab(0, length - 1, slab.blocks)], rows[:-1])
    queries = paged.store([slab], rows[-1:])
    results = []
    for threads in (1, 2):
        set_threads(threads)
        results.append(paged.attend([slab], queries))
    assert torch.equal(*results)
    torch.testing.assert_close(results[0], softmax_attention(paged, rows, length - 1), atol=TOLERANCE[kind], rtol=1e-5)


def test_a_sequence_without_rows_changes_nothing() -> None:
    shape = Shape()
    paged, rows = Paged(shape, 4), projections(shape, 5)
    alone = paged.step([Slab(0, 5, [1])], rows)
    assert torch.equal(paged.step([Slab(3, 0, [0]), Slab(0, 5, [1]), Slab(0, 0, [2])], rows), alone)


def test_queries_may_lie_where_the_result_goes() -> None:
    shape = Shape(heads=8, kv_heads=1, dim=64)
    paged, rows = Paged(shape, 70), projections(shape, 1030)
    slab = Slab(1000, 30, list(range(65)))
    paged.store([Slab(0, 1000, slab.blocks)], rows[:1000])
    queries = paged.store([slab], rows[1000:])
    set_threads(2)
    expected = paged.attend([slab], queries)
    assert torch.equal(paged.attend([slab], queries, out=queries), expected)
