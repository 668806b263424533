"""Latent attention as the two equations see it."""

from __future__ import annotations

import pytest

from doubletime.hardware.machine import AttentionShape
from doubletime.hardware.ops.attention_decode import terms
from doubletime.hardware.ops.attention_kernels import KERNELS
from doubletime.hardware.ops.attention_latent import EXPANSION_EFFICIENCY, decode_shape, expansion, prefill_shape
from doubletime.hardware.ops.attention_prefill import Uniform
from doubletime.hardware.specs import SPECS

H100 = SPECS["h100"]
SHAPE = AttentionShape(128, 1, 192, latent=576)


def test_a_decode_reads_one_vector_a_token_for_all_heads() -> None:
    few, many = (terms(decode_shape(SHAPE._replace(heads=h)), 64, 8192, H100, KERNELS["paired"]) for h in (16, 128))
    assert few.memory == pytest.approx(64 * 8192 * 576 * 2 / H100.bandwidth, rel=0.01)
    assert many.memory == pytest.approx(few.memory, rel=0.02)


def test_every_head_of_a_chunk_has_keys_of_its_own() -> None:
    assert prefill_shape(SHAPE) == AttentionShape(128, 128, 192)


def test_a_prefix_becomes_keys_and_values_once_a_chunk() -> None:
    flops = 2 * 3 * 1000 * 512 * 128 * (128 + 128)
    expected = flops / H100.flops["bfloat16"] / EXPANSION_EFFICIENCY
    assert expansion(SHAPE, Uniform(3, 64, 1000), H100) == pytest.approx(expected)
    assert expansion(SHAPE, Uniform(3, 64, 0), H100) == 0


def test_tritons_blocks_hold_sixteen_heads() -> None:
    shape = decode_shape(SHAPE)
    triton, wide = (terms(shape, 64, 8192, H100, KERNELS[name]) for name in ("triton", "paired"))
    assert triton.blocks == 4 * wide.blocks
    assert triton.memory == wide.memory
