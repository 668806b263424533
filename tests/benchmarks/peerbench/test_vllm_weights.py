"""Rounded checkpoints hold what they were made from, as far as their bits go."""

from __future__ import annotations

import torch

from benchmarks.peerbench.vllm_weights import GROUP, gptq, per_channel

MATRIX = torch.randn(16, 2 * GROUP, generator=torch.Generator().manual_seed(0))


def test_eight_bits_are_within_half_a_step() -> None:
    parts = per_channel(MATRIX)
    step = MATRIX.abs().amax(1, keepdim=True) / 127
    assert parts["weight"].dtype == torch.int8
    assert ((parts["weight"] * step - MATRIX).abs() <= step * 0.501).all()


def test_four_bits_unpack_to_within_half_a_step() -> None:
    parts = gptq(MATRIX)
    codes = (parts["qweight"].unsqueeze(1) >> torch.arange(0, 32, 4).view(8, 1)) & 15  # [K/8, 8, N]
    step = (MATRIX.view(16, 2, GROUP).abs().amax(2) / 7).repeat_interleave(GROUP, 1)
    assert ((codes.reshape(-1, 16).t() - 8) * step - MATRIX).abs().le(step * 0.501).all()


def test_four_bits_are_stored_as_gptq_has_them() -> None:
    parts = gptq(MATRIX)
    assert {key: tuple(part.shape) for key, part in parts.items()} == {
        "qweight": (2 * GROUP // 8, 16), "qzeros": (2, 2), "scales": (2, 16), "g_idx": (2 * GROUP,),
    }  # fmt: skip
    assert (parts["qzeros"] == 0x77777777).all()
