"""config.json → shape: published configs parse, and what would be computed wrongly is refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doubletime.shapes import (
    Activation,
    ModelShape,
    Rope,
    RopeKind,
    UnsupportedModel,
    published_shape,
    shape_from_config,
)
from tests.shapes.configs import GEMMA3_1B, LLAMA_31, PUBLISHED, QWEN3_06B, QWEN3_30B


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_config_is_the_shape_in_the_table(name: str) -> None:
    shape = shape_from_config(PUBLISHED[name])
    assert replace(shape, eos=()) == replace(published_shape(name), eos=())


def test_llama() -> None:
    shape = shape_from_config(LLAMA_31)
    assert (shape.layers, shape.heads, shape.kv_heads, shape.head_dim) == (32, 32, 8, 128)
    assert shape.rope == Rope(500_000.0, RopeKind.LLAMA3, 8.0, 1.0, 4.0, 8192)
    assert shape.eos == (128001, 128008, 128009)
    assert shape.scale == 128**-0.5
    assert not shape.tied
    assert set(shape.windows) == {0}


def test_qwen3() -> None:
    shape = shape_from_config(QWEN3_06B)
    assert shape.qk_norm
    assert shape.tied
    assert shape.head_dim == 128


def test_gemma3() -> None:
    shape = shape_from_config(GEMMA3_1B)
    assert shape.windows == ((512,) * 5 + (0,)) * 4 + (512,) * 2
    assert (shape.rope_of(0).theta, shape.rope_of(5).theta) == (10_000.0, 1_000_000.0)
    assert shape.activation is Activation.GELU_TANH
    assert shape.embedding_scale == 1152**0.5
    assert shape.tied


def test_qwen3_moe() -> None:
    shape = shape_from_config(QWEN3_30B)
    assert shape.moe is not None
    assert (shape.moe.experts, shape.moe.top_k, shape.moe.intermediate, shape.moe.normalize) == (128, 8, 768, True)
    assert all(shape.is_sparse(layer) for layer in range(48))


def test_layers_that_a_moe_keeps_dense() -> None:
    shape = shape_from_config(QWEN3_30B | {"num_hidden_layers": 6, "decoder_sparse_step": 2, "mlp_only_layers": [3]})
    assert [shape.is_sparse(layer) for layer in range(6)] == [False, True, False, False, False, True]


def test_an_architecture_may_come_from_the_model_type() -> None:
    config = {name: value for name, value in QWEN3_06B.items() if name != "architectures"}
    assert shape_from_config(config) == shape_from_config(QWEN3_06B)


def test_both_spellings_of_rope_settings_are_one() -> None:
    """transformers 5 writes `rope_parameters`; before, it was `rope_theta` and `rope_scaling`."""
    scaling = LLAMA_31["rope_scaling"]
    new = {name: value for name, value in LLAMA_31.items() if name not in ("rope_scaling", "rope_theta")}
    new["rope_parameters"] = scaling | {"rope_theta": 500000.0}
    assert shape_from_config(new) == shape_from_config(LLAMA_31)


def test_gemma3_rope_parameters_by_layer_type() -> None:
    linear = {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}
    ropes = {"full_attention": linear, "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0}}
    shape = shape_from_config(GEMMA3_1B | {"rope_parameters": ropes})
    assert shape.rope == Rope(1e6, RopeKind.LINEAR, 8.0)
    assert shape.local_rope == Rope(5000.0)


def test_the_older_spelling_of_a_scaling_type() -> None:
    shape = shape_from_config(LLAMA_31 | {"rope_scaling": {"type": "linear", "factor": 2.0}})
    assert shape.rope == Rope(500_000.0, RopeKind.LINEAR, 2.0)


REFUSED: list[tuple[dict[str, Any], str, Any]] = [
    (LLAMA_31, "architectures", ["MambaForCausalLM"]),
    (LLAMA_31, "hidden_act", "gelu"),
    (LLAMA_31, "mlp_bias", True),
    (LLAMA_31, "pretraining_tp", 2),
    (LLAMA_31, "quantization_config", {"quant_method": "gptq"}),
    (LLAMA_31, "hidden_size", "wide"),
    (LLAMA_31, "rms_norm_eps", "small"),
    (LLAMA_31, "attention_bias", "yes"),
    (LLAMA_31, "torch_dtype", "float8_e4m3fn"),
    (LLAMA_31, "rope_scaling", {"rope_type": "yarn", "factor": 4.0}),
    (LLAMA_31, "rope_scaling", {"rope_type": "linear", "factor": -1}),
    (LLAMA_31, "rope_scaling", {"rope_type": "llama3", "factor": 8.0}),
    (LLAMA_31, "rope_scaling", {"rope_type": "linear", "factor": 2.0, "beta_fast": 32}),
    (LLAMA_31, "rope_parameters", "default"),
    (LLAMA_31, "partial_rotary_factor", 0.5),
    (LLAMA_31, "num_key_value_heads", 5),
    (LLAMA_31, "logit_scale", 0.1),
    (QWEN3_06B, "use_sliding_window", True),
    (QWEN3_06B, "layer_types", ["sliding_attention"] * 28),
    (QWEN3_06B, "layer_types", ["full_attention"] * 3),
    (GEMMA3_1B, "architectures", ["Gemma3ForConditionalGeneration"]),
    (GEMMA3_1B, "final_logit_softcapping", 30.0),
    (GEMMA3_1B, "attn_logit_softcapping", 50.0),
    (GEMMA3_1B, "hidden_activation", "gelu"),
    (GEMMA3_1B, "use_bidirectional_attention", True),
    (GEMMA3_1B, "layer_types", ["chunked_attention"] * 26),
    (GEMMA3_1B, "rope_parameters", {"rope_type": "default"}),
    (QWEN3_30B, "shared_expert_intermediate_size", 512),
]


@pytest.mark.parametrize(("config", "field", "value"), REFUSED)
def test_what_would_be_computed_wrongly_is_refused_by_name(config: dict[str, Any], field: str, value: Any) -> None:
    with pytest.raises(UnsupportedModel, match=field):
        shape_from_config(config | {field: value})


@pytest.mark.parametrize("field", ["hidden_size", "vocab_size", "num_hidden_layers"])
def test_a_missing_field_is_named(field: str) -> None:
    config: dict[str, Any] = LLAMA_31 | {field: None}
    with pytest.raises(UnsupportedModel, match=field):
        shape_from_config(config)


@pytest.mark.parametrize("field", ["_name_or_path", "initializer_range", "unsloth_version", "use_cache"])
def test_fields_without_effect_are_let_through(field: str) -> None:
    assert isinstance(shape_from_config(LLAMA_31 | {field: "anything"}), ModelShape)


def test_unknown_published_names_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"qwen3-0\.6b"):
        published_shape("qwen9")
