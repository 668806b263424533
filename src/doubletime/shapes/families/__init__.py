"""How each family spells its config.json: one small file each."""

from __future__ import annotations

from collections.abc import Callable

from doubletime.shapes.families import gemma3, llama, qwen3, qwen3_moe
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape

PARSERS: dict[str, Callable[[Fields], ModelShape]] = {
    family.ARCHITECTURE: family.parse for family in (llama, qwen3, gemma3, qwen3_moe)
}
