"""Families that are only rehearsed: what their configs say, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from doubletime.shapes import (
    PUBLISHED,
    Activation,
    Latent,
    MoE,
    UnsupportedModel,
    parameters,
    published_shape,
    shape_from_config,
)


def test_mixtral() -> None:
    shape = published_shape("mixtral-8x7b")
    assert shape.moe == MoE(8, 2, 14_336, normalize=True)
    assert set(shape.windows) == {0}


def test_the_first_mistral_has_a_window() -> None:
    shape = shape_from_config(PUBLISHED["mistral-7b"] | {"sliding_window": 4096, "vocab_size": 32_000})
    assert set(shape.windows) == {4096}
    assert set(published_shape("mistral-7b").windows) == {0}
    assert parameters(shape) == 7_241_732_096


def test_qwen2_has_a_bias_on_query_key_and_value() -> None:
    shape = published_shape("qwen2.5-7b")
    assert (shape.qkv_bias, shape.attention_bias) == (True, False)
    assert shape.head_dim == 128


def test_phi3() -> None:
    short = shape_from_config(PUBLISHED["phi-4"] | {"sliding_window": 2047})
    assert set(short.windows) == {2047}
    longer = {"rope_type": "longrope", "short_factor": [1.0], "long_factor": [1.0]}
    whole = {"sliding_window": 262_144, "rope_scaling": longer, "original_max_position_embeddings": 4096}
    assert set(shape_from_config(PUBLISHED["phi-4"] | whole).windows) == {0}


def test_gpt_oss() -> None:
    shape = published_shape("gpt-oss-120b")
    assert shape.windows == (128, 0) * 18
    assert shape.moe == MoE(128, 4, 2880, normalize=True, weights="mxfp4")
    assert shape.sinks
    assert shape.weights == ""


def test_deepseek() -> None:
    shape = published_shape("deepseek-v3")
    assert shape.latent == Latent(1536, 512, 128, 64, 128)
    assert shape.head_dim == 192
    assert shape.moe == MoE(256, 8, 2048, normalize=True, shared=2048)
    assert [shape.is_sparse(layer) for layer in range(5)] == [False, False, False, True, True]
    assert shape.weights == "fp8"
    assert published_shape("deepseek-r1") == shape


def test_deepseek_v2_lite_has_no_compressed_queries() -> None:
    shape = published_shape("deepseek-v2-lite")
    assert shape.latent == Latent(0, 512, 128, 64, 128)
    assert shape.moe is not None
    assert shape.moe.shared == 2 * 1408


def test_opt() -> None:
    shape = published_shape("opt-13b")
    assert (shape.gated, shape.activation) == (False, Activation.RELU)
    assert shape.intermediate == 20_480
    assert shape.learned_positions == 2050
    assert shape.rope.theta == 0
    assert shape.tied


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("mistral", "mistral-7b"),
        ("mixtral", "mixtral-8x7b"),
        ("qwen2", "qwen2-7b"),
        ("phi3", "phi-4"),
        ("gpt_oss", "gpt-oss-20b"),
        ("deepseek_v2", "deepseek-v2-lite"),
        ("deepseek_v3", "deepseek-v3"),
        ("opt", "opt-13b"),
    ],
)
def test_the_model_type_alone_tells_the_family(kind: str, name: str) -> None:
    config = {key: value for key, value in PUBLISHED[name].items() if key != "architectures"}
    assert shape_from_config(config | {"model_type": kind}) == published_shape(name)


REFUSED: list[tuple[str, str, Any]] = [
    ("mixtral-8x7b", "hidden_act", "gelu"),
    ("mixtral-8x7b", "quantization_config", {"quant_method": "awq"}),
    ("qwen2-7b", "use_sliding_window", True),
    ("phi-4", "attention_multiplier", 2.0),
    ("gpt-oss-20b", "quantization_config", {"quant_method": "fp8"}),
    ("gpt-oss-20b", "layer_types", ["chunked_attention"] * 24),
    ("deepseek-v3", "quantization_config", {"quant_method": "awq"}),
    ("deepseek-v3", "moe_layer_freq", 2),
    ("deepseek-v3", "kv_lora_rank", "wide"),
    ("deepseek-v3", "q_lora_rank", -1),
    ("mistral-7b", "sliding_window", "wide"),
    ("opt-13b", "do_layer_norm_before", False),
    ("opt-13b", "word_embed_proj_dim", 512),
    ("opt-13b", "activation_function", "gelu"),
]


@pytest.mark.parametrize(("name", "field", "value"), REFUSED)
def test_what_would_be_counted_wrongly_is_refused_by_name(name: str, field: str, value: Any) -> None:
    with pytest.raises(UnsupportedModel, match=field):
        shape_from_config(PUBLISHED[name] | {field: value})
