"""How each family spells its config.json: one small file each."""

from __future__ import annotations

from collections.abc import Callable

from doubletime.shapes.families import (
    deepseek_v2,
    deepseek_v3,
    gemma3,
    gpt_oss,
    llama,
    mistral,
    mixtral,
    opt,
    phi3,
    qwen2,
    qwen3,
    qwen3_moe,
)
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape

_FAMILIES = (llama, qwen3, gemma3, qwen3_moe, mistral, mixtral, qwen2, phi3, gpt_oss, deepseek_v2, deepseek_v3, opt)

PARSERS: dict[str, Callable[[Fields], ModelShape]] = {family.ARCHITECTURE: family.parse for family in _FAMILIES}
