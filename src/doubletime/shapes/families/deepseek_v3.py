"""DeepSeek-V3 and R1, Kimi K2: DeepSeek-V2 with another way to choose experts. Rehearsal only."""

from __future__ import annotations

from doubletime.shapes.families.deepseek_v2 import parse_as
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape

ARCHITECTURE = "DeepseekV3ForCausalLM"


def parse(fields: Fields) -> ModelShape:
    return parse_as(fields, "deepseek_v3")
