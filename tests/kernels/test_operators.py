"""Norm, rotary embedding, gate and experts against their formulas."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch
import torch.nn.functional as F

from doubletime.kernels.reference import apply_rope, frequencies, gated, mix, rms_norm, rope_table, route
from doubletime.shapes import Activation, Rope, RopeKind


def test_rms_norm() -> None:
    x, weight = torch.randn(5, 8), torch.randn(8)
    expected = weight * x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(rms_norm(x, weight, 1e-5), expected)


def test_rms_norm_of_zeros_is_zero() -> None:
    assert float(rms_norm(torch.zeros(2, 4), torch.ones(4), 1e-6).abs().sum()) == 0.0


@pytest.mark.parametrize("weight", [torch.bfloat16, torch.float32])
def test_rms_norm_keeps_the_dtype_of_its_input(weight: torch.dtype) -> None:
    assert rms_norm(torch.randn(2, 4).bfloat16(), torch.ones(4, dtype=weight), 1e-6).dtype == torch.bfloat16


def test_rope_rotates_each_pair_by_its_angle() -> None:
    rope, x = Rope(100.0), torch.randn(3, 2, 8)
    positions = torch.tensor([0, 5, 17])
    got = apply_rope(x, rope_table(positions, frequencies(rope, 8), torch.float32))
    for row, position in enumerate(positions.tolist()):
        for pair in range(4):
            angle = position * 100.0 ** (-2 * pair / 8)
            left, right = x[row, :, pair], x[row, :, pair + 4]
            expected = left * math.cos(angle) - right * math.sin(angle)
            torch.testing.assert_close(got[row, :, pair], expected, atol=1e-5, rtol=1e-5)


def test_linear_scaling_divides_frequencies() -> None:
    plain = frequencies(Rope(1e4), 16)
    torch.testing.assert_close(frequencies(Rope(1e4, RopeKind.LINEAR, 4.0), 16), plain / 4)


def test_llama3_scaling_keeps_short_and_stretches_long_wavelengths() -> None:
    rope = Rope(500_000.0, RopeKind.LLAMA3, 8.0, 1.0, 4.0, 8192)
    plain, scaled = frequencies(Rope(500_000.0), 128), frequencies(rope, 128)
    wavelength = 2 * math.pi / plain
    short, long = wavelength < 8192 / 4, wavelength > 8192
    assert torch.equal(scaled[short], plain[short])
    assert torch.equal(scaled[long], plain[long] / 8)
    between = ~short & ~long
    assert bool(((scaled < plain) & (scaled > plain / 8))[between].all())
    assert int(between.sum()) > 0


def test_gates() -> None:
    gate, up = torch.randn(3, 4), torch.randn(3, 4)
    torch.testing.assert_close(gated(gate, up, Activation.SILU), gate * gate.sigmoid() * up)
    torch.testing.assert_close(gated(gate, up, Activation.GELU_TANH), F.gelu(gate, approximate="tanh") * up)


@pytest.mark.parametrize("normalize", [True, False])
def test_experts(normalize: bool) -> None:
    torch.manual_seed(0)
    x, logits = torch.randn(9, 6), torch.randn(9, 5)
    experts = [(torch.randn(4, 6), torch.randn(4, 6), torch.randn(6, 4)) for _ in range(5)]
    weights, ids = route(logits, 2, normalize)
    got = mix(x, weights, ids, experts, Activation.SILU)
    for row in range(9):
        chances = logits[row].softmax(-1)
        best = chances.topk(2).indices.tolist()
        total = float(chances[best].sum()) if normalize else 1.0
        parts = [chances[e] / total * (F.silu(x[row] @ experts[e][0].T) * (x[row] @ experts[e][1].T)) for e in best]
        expected = sum(part @ experts[e][2].T for part, e in zip(parts, best, strict=True))
        torch.testing.assert_close(got[row], expected, atol=1e-5, rtol=1e-4)


def test_a_token_does_not_see_its_neighbours_experts() -> None:
    x, experts = torch.randn(4, 6), [(torch.randn(4, 6), torch.randn(4, 6), torch.randn(6, 4)) for _ in range(3)]
    weights, ids = route(torch.randn(4, 3), 2, True)
    whole = mix(x, weights, ids, experts, Activation.SILU)
    alone = torch.cat([mix(x[i, None], weights[i, None], ids[i, None], experts, Activation.SILU) for i in range(4)])
    torch.testing.assert_close(whole, alone)
