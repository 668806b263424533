"""The tensors of a checkpoint in Hugging Face layout, from the shape alone: names and sizes."""

from __future__ import annotations

from doubletime.shapes.model_shape import ModelShape, UnsupportedModel

Size = tuple[int, ...]
RUNNABLE = frozenset({"llama", "qwen3", "gemma3", "qwen3_moe"})  # families that doubletime.models can compute


def check_runnable(shape: ModelShape) -> None:
    """Raises UnsupportedModel for a family whose numbers are known, but which no torch module computes."""
    if shape.family not in RUNNABLE:
        known = ", ".join(sorted(RUNNABLE))
        raise UnsupportedModel(
            f"rehearsal only: no torch module for {shape.family} yet (it can be simulated; families that run: {known})"
        )


def tensors(shape: ModelShape) -> dict[str, Size]:
    """Every tensor that the model needs, by its name in the checkpoint, with its size. Only for families that run."""
    check_runnable(shape)
    found: dict[str, Size] = {"model.embed_tokens.weight": (shape.vocab, shape.hidden)}
    for layer in range(shape.layers):
        sizes = _norms(shape) | _attention(shape) | _mlp(shape, layer)
        found |= {f"model.layers.{layer}.{name}": size for name, size in sizes.items()}
    found["model.norm.weight"] = (shape.hidden,)
    if not shape.tied:
        found["lm_head.weight"] = (shape.vocab, shape.hidden)
    return found


def _norms(shape: ModelShape) -> dict[str, Size]:
    names = ["input_layernorm", "post_attention_layernorm"]
    if shape.sandwich_norms:
        names += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    return {f"{name}.weight": (shape.hidden,) for name in names}


def _attention(shape: ModelShape) -> dict[str, Size]:
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    rows = {"q_proj": wide, "k_proj": narrow, "v_proj": narrow, "o_proj": shape.hidden}
    columns = {"o_proj": wide}
    sizes: dict[str, Size] = {
        f"self_attn.{name}.weight": (size, columns.get(name, shape.hidden)) for name, size in rows.items()
    }
    if shape.attention_bias:
        sizes |= {f"self_attn.{name}.bias": (size,) for name, size in rows.items()}
    if shape.qk_norm:
        sizes |= {f"self_attn.{name}.weight": (shape.head_dim,) for name in ("q_norm", "k_norm")}
    return sizes


def _mlp(shape: ModelShape, layer: int) -> dict[str, Size]:
    if shape.moe is None or not shape.is_sparse(layer):
        return _gated("mlp", shape.hidden, shape.intermediate)
    sizes: dict[str, Size] = {"mlp.gate.weight": (shape.moe.experts, shape.hidden)}
    for expert in range(shape.moe.experts):
        sizes |= _gated(f"mlp.experts.{expert}", shape.hidden, shape.moe.intermediate)
    return sizes


def _gated(prefix: str, hidden: int, inner: int) -> dict[str, Size]:
    return {
        f"{prefix}.gate_proj.weight": (inner, hidden),
        f"{prefix}.up_proj.weight": (inner, hidden),
        f"{prefix}.down_proj.weight": (hidden, inner),
    }
