"""A Hugging Face config.json → a ModelShape."""

from __future__ import annotations

from typing import Any

from doubletime.shapes.families import PARSERS
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape, UnsupportedModel

_BY_TYPE = {
    "llama": "LlamaForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "gpt_oss": "GptOssForCausalLM",
    "deepseek_v2": "DeepseekV2ForCausalLM",
    "deepseek_v3": "DeepseekV3ForCausalLM",
    "opt": "OPTForCausalLM",
}


def shape_from_config(config: dict[str, Any]) -> ModelShape:
    """The shape of the model that `config` (a parsed config.json) describes.

    Raises UnsupportedModel, naming field and value, for whatever would be computed wrongly.
    """
    fields = Fields(config)
    shape = PARSERS[_architecture(config)](fields)
    fields.done()
    return shape


def _architecture(config: dict[str, Any]) -> str:
    """The first supported name in `architectures`; without that field, what `model_type` implies."""
    names = config.get("architectures") or [_BY_TYPE.get(config.get("model_type", ""), config.get("model_type"))]
    for name in names:
        if name in PARSERS:
            return str(name)
    known = ", ".join(sorted(PARSERS))
    raise UnsupportedModel(f"unsupported config field 'architectures' = {names!r}: supported: {known}")
