"""Where a GGUF file keeps the tensor that a Hugging Face checkpoint calls by another name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from doubletime.shapes import ModelShape

_WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate": "ffn_gate_inp",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_SANDWICH = {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
_NAME = re.compile(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)")
_EXPERT = re.compile(r"mlp\.experts\.(\d+)\.(gate|up|down)_proj")


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor's name in the file; `expert` is its place in the stack where all experts of a layer are one tensor."""

    name: str
    expert: int | None = None


def stored(name: str, shape: ModelShape) -> Stored:
    """Where tensor `name` of a checkpoint lies. `name` is one of `tensors(shape)`."""
    match = _NAME.fullmatch(name)
    if match is None:
        module, _, kind = name.rpartition(".")
        return Stored(f"{_WHOLE[module]}.{kind}")
    layer, module, kind = match.groups()
    expert = _EXPERT.fullmatch(module)
    if expert is not None:
        return Stored(f"blk.{layer}.ffn_{expert[2]}_exps.{kind}", int(expert[1]))
    modules = _LAYER | _SANDWICH if shape.sandwich_norms else _LAYER
    return Stored(f"blk.{layer}.{modules[module]}.{kind}")
