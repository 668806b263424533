"""How each family builds a layer out of operators: one small file each."""

from __future__ import annotations

from collections.abc import Callable

from doubletime.models.attention import Place
from doubletime.models.families import gemma3, llama, qwen3, qwen3_moe
from doubletime.models.layer import Layer
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape

Build = Callable[[Weights, ModelShape, int, Place], Layer]

LAYERS: dict[str, Build] = {
    "llama": llama.layer,
    "qwen3": qwen3.layer,
    "gemma3": gemma3.layer,
    "qwen3_moe": qwen3_moe.layer,
}
