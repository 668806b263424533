"""Attention of any batch, with the fits that ship."""

from __future__ import annotations

from itertools import pairwise

import pytest

from doubletime.hardware.estimate import Basis
from doubletime.hardware.machine import ELEMENT_BYTES, AttentionBatch, AttentionShape
from doubletime.hardware.ops.attention import Attention
from doubletime.hardware.specs import SPECS
from doubletime.hardware.store import Store

SHAPES = (
    AttentionShape(32, 8, 128),
    AttentionShape(8, 1, 128, kv="fp8"),
    AttentionShape(64, 8, 64, window=128),
    AttentionShape(16, 16, 80),
)
LATENT = AttentionShape(16, 1, 192, latent=576)
OCTAVES = tuple(4**i for i in range(2, 8))
ROUNDING = 0.1  # by which measurements, and trees on them, fall short of growing; StepCost's grids remove it


@pytest.fixture(scope="module", params=sorted(SPECS))
def attention(request: pytest.FixtureRequest) -> Attention:
    return Attention.load(Store(request.param), SPECS[request.param])


def seconds(
    attention: Attention,
    shape: AttentionShape,
    prefills: tuple[tuple[int, int], ...] = (),
    decodes: int = 0,
    mean: int = 0,
) -> float:
    return attention.estimate(shape, AttentionBatch(prefills, decodes, decodes * mean)).seconds


def grows(values: list[float]) -> bool:
    return all(b >= a * (1 - ROUNDING) for a, b in pairwise(values))


def test_an_empty_batch_takes_no_time(attention: Attention) -> None:
    assert attention.estimate(SHAPES[0], AttentionBatch()).seconds == 0


@pytest.mark.parametrize("shape", [*SHAPES, LATENT])
def test_time_grows_with_chunk_start_decodes_and_context(attention: Attention, shape: AttentionShape) -> None:
    assert grows([seconds(attention, shape, ((chunk, 0),)) for chunk in OCTAVES])
    assert grows([seconds(attention, shape, ((256, start),)) for start in (0, *OCTAVES)])
    assert grows([seconds(attention, shape, (), decodes, 1000) for decodes in OCTAVES[:5]])
    assert grows([seconds(attention, shape, (), 16, context) for context in OCTAVES])


@pytest.mark.parametrize("shape", [*SHAPES, LATENT])
def test_both_in_one_call_take_at_least_as_long_as_either(attention: Attention, shape: AttentionShape) -> None:
    for chunk, start, decodes, context in ((16, 0, 128, 4000), (2048, 0, 1, 10), (512, 8000, 32, 500), (64, 64, 2, 64)):
        both = seconds(attention, shape, ((chunk, start),), decodes, context)
        assert both >= seconds(attention, shape, ((chunk, start),))
        assert both >= seconds(attention, shape, (), decodes, context)


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_quicker_than_the_data_sheet(
    attention: Attention, shape: AttentionShape, request: pytest.FixtureRequest
) -> None:
    spec = SPECS[request.node.callspec.params["attention"]]
    for decodes, context in ((1, 100), (16, 4000), (256, 1000), (256, 30_000)):
        read = decodes * min(context, shape.window or context)
        size = read * 2 * shape.kv_heads * shape.head_dim * ELEMENT_BYTES[shape.kv]
        assert seconds(attention, shape, (), decodes, context) >= 0.95 * size / spec.bandwidth
    for chunk in (64, 1024, 16384):
        pairs = chunk * min(chunk / 2, shape.window or chunk)
        flops = 4 * shape.heads * shape.head_dim * (pairs - (shape.window or 0) ** 2 / 2)
        assert seconds(attention, shape, ((chunk, 0),)) >= 0.95 * flops / spec.flops["bfloat16"]


def test_long_contexts_are_called_extrapolated() -> None:
    attention = Attention.load(Store("h100"), SPECS["h100"])
    inside = attention.estimate(SHAPES[0], AttentionBatch((), 8, 8 * 4000))
    beyond = attention.estimate(SHAPES[0], AttentionBatch((), 8, 8 * 10**6))
    assert (inside.basis, beyond.basis) == (Basis.INTERPOLATED, Basis.EXTRAPOLATED)
    assert beyond.error > inside.error


def test_a_format_that_was_not_measured_is_transferred() -> None:
    attention = Attention.load(Store("a100"), SPECS["a100"])
    two = attention.estimate(SHAPES[0], AttentionBatch((), 64, 64 * 8000))
    one = attention.estimate(SHAPES[0]._replace(kv="fp8"), AttentionBatch((), 64, 64 * 8000))
    assert one.basis == Basis.TRANSFERRED
    assert one.seconds < 0.85 * two.seconds


def test_only_measured_mixed_calls_are_not_transferred() -> None:
    batch = AttentionBatch(((512, 0),), 64, 64_000)
    for name, spec in SPECS.items():
        found = Attention.load(Store(name), spec).estimate(SHAPES[0], batch)
        assert (found.basis == Basis.TRANSFERRED) == (name not in ("rtx4090", "rtxpro6000"))


def test_a_cached_prefix_of_latent_attention_is_expanded_again() -> None:
    attention = Attention.load(Store("h100"), SPECS["h100"])
    fresh, cached = (seconds(attention, LATENT, ((512, start),)) for start in (0, 32_000))
    expanded = 2 * 32_000 * 512 * 16 * 256 / SPECS["h100"].flops["bfloat16"]
    assert cached > fresh + expanded


def test_without_any_fit_the_error_names_what_is_missing() -> None:
    attention = Attention.from_json({}, SPECS["h100"])
    with pytest.raises(
        ValueError, match=r"h100: no machine has attention_decode_fp8.json or attention_decode_bfloat16.json"
    ):
        attention.estimate(SHAPES[1], AttentionBatch((), 1, 10))


def test_fits_may_be_given_as_data() -> None:
    data = Store("h100").own("attention_decode_bfloat16")
    assert data is not None
    attention = Attention.from_json({"attention_decode_bfloat16": data}, SPECS["h100"])
    assert attention.estimate(SHAPES[0], AttentionBatch((), 8, 8000)).basis == Basis.INTERPOLATED
