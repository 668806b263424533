"""What the metadata of a GGUF file says about the model: files of llama.cpp's converter, and what is refused."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")  # the checkpoints that were converted are made with it

import torch

from doubletime.kernels.reference import frequencies
from doubletime.shapes import ModelShape, Rope, RopeKind, UnsupportedModel
from doubletime.shapes.find import find_shape
from doubletime.shapes.gguf import GGUF, TensorInfo, TensorType, shape_from_gguf
from tests.models.gguf.tiny import CONFIGS, tiny_shape

FIXTURES = Path(__file__).parents[2] / "models/gguf/fixtures"
CONVERTED = [name for name in CONFIGS if name != "llama-mixed"]


def header(tmp_path: Path, factors: list[float] | None = None, **changes: Any) -> GGUF:
    """A one-layer Llama; `changes` are metadata, with double underscores for dots (None: no such key)."""
    keys: dict[str, Any] = {
        "general.architecture": "llama",
        "llama.block_count": 1,
        "llama.embedding_length": 32,
        "llama.feed_forward_length": 48,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": struct.unpack("f", struct.pack("f", 1e-5))[0],
        "llama.context_length": 512,
    } | {name.replace("__", "."): value for name, value in changes.items()}
    path = tmp_path / "rope"
    path.write_bytes(struct.pack(f"{len(factors or ())}f", *(factors or ())))
    tensors = {"token_embd.weight": TensorInfo("token_embd.weight", TensorType.F16, (64, 32), path, 0, 4096)}
    if factors is not None:
        size = 4 * len(factors)
        tensors["rope_freqs.weight"] = TensorInfo("rope_freqs.weight", TensorType.F32, (len(factors),), path, 0, size)
    return GGUF(path, {key: value for key, value in keys.items() if value is not None}, tensors)


def comparable(shape: ModelShape) -> ModelShape:
    """Without what files keep otherwise: the rope's stretch, the end tokens, the dtype."""
    return replace(shape, rope=Rope(shape.rope.theta), eos=(), dtype="")


@pytest.mark.parametrize("name", CONVERTED)
def test_converted_checkpoints_keep_their_shape(name: str) -> None:
    found = find_shape(str(FIXTURES / f"{name}.gguf"))
    assert comparable(found) == comparable(tiny_shape(name))
    assert found.dtype == "float16"


@pytest.mark.parametrize("name", CONVERTED)
def test_converted_checkpoints_keep_their_frequencies(name: str) -> None:
    found, original = find_shape(str(FIXTURES / f"{name}.gguf")), tiny_shape(name)
    for layer in range(found.layers):
        ours, theirs = (frequencies(shape.rope_of(layer), shape.head_dim) for shape in (found, original))
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)


def test_numbers_are_the_decimals_that_were_written(tmp_path: Path) -> None:
    assert shape_from_gguf(header(tmp_path)).norm_eps == 1e-5


def test_the_head_dim_is_the_key_length_else_the_rope_s_else_the_share_of_a_head(tmp_path: Path) -> None:
    assert shape_from_gguf(header(tmp_path)).head_dim == 8
    assert shape_from_gguf(header(tmp_path, llama__rope__dimension_count=12)).head_dim == 12
    assert shape_from_gguf(header(tmp_path, llama__attention__key_length=10)).head_dim == 10


def test_one_value_for_every_layer_is_one_value(tmp_path: Path) -> None:
    assert shape_from_gguf(header(tmp_path, llama__attention__head_count_kv=[1, 1])).kv_heads == 1


def test_end_token_and_untied_head(tmp_path: Path) -> None:
    file = header(tmp_path, tokenizer__ggml__eos_token_id=7)
    assert shape_from_gguf(file).eos == (7,)
    assert shape_from_gguf(file).tied
    head = {"output.weight": file.tensors["token_embd.weight"]}
    assert not shape_from_gguf(replace(file, tensors=file.tensors | head)).tied


def test_ropes(tmp_path: Path) -> None:
    plain = header(tmp_path, llama__rope__freq_base=5e5, llama__rope__scaling__type="none")
    linear = header(tmp_path, llama__rope__scaling__type="linear", llama__rope__scaling__factor=4.0)
    old = header(tmp_path, llama__rope__scale_linear=2.0)
    by_factor = header(tmp_path, [1.0, 2.0, 8.0, 8.0])
    assert shape_from_gguf(plain).rope == Rope(5e5)
    assert shape_from_gguf(linear).rope == Rope(1e4, RopeKind.LINEAR, 4.0)
    assert shape_from_gguf(old).rope == Rope(1e4, RopeKind.LINEAR, 2.0)
    assert shape_from_gguf(by_factor).rope == Rope(1e4, RopeKind.FACTORS, factors=(1.0, 2.0, 8.0, 8.0))


def gemma(tmp_path: Path, **changes: Any) -> ModelShape:
    keys = header(tmp_path).metadata
    renamed = {key.replace("llama.", "gemma3.").replace(".", "__"): value for key, value in keys.items()}
    more = {"general__architecture": "gemma3", "gemma3__block_count": 7} | changes
    return shape_from_gguf(header(tmp_path, **(dict.fromkeys(["llama__block_count"]) | renamed | more)))


def test_gemma_s_windows(tmp_path: Path) -> None:
    window = {"gemma3__attention__sliding_window": 16}
    assert gemma(tmp_path, **window).windows == (16, 16, 16, 16, 16, 0, 16)
    assert gemma(tmp_path, **window, gemma3__attention__sliding_window_pattern=2).windows == (16, 0, 16, 0, 16, 0, 16)
    listed = [True, False, False, True, True, True, False]
    by_layer = gemma(tmp_path, **window, gemma3__attention__sliding_window_pattern=listed)
    assert by_layer.windows == (16, 0, 0, 16, 16, 16, 0)
    assert gemma(tmp_path).windows == (0,) * 7


def test_gemma_s_scores_are_scaled_by_the_head_dim_but_for_27b(tmp_path: Path) -> None:
    assert gemma(tmp_path, gemma3__attention__key_length=64).scale == pytest.approx(64**-0.5)
    large = gemma(tmp_path, gemma3__attention__key_length=64, gemma3__block_count=62)
    assert large.scale == pytest.approx(8**-0.5)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"general__architecture": "mamba"},
            r"no torch module for GGUF architecture 'mamba' \(families that run: llam",
        ),
        ({"general__architecture": None}, "architecture None"),
        ({"llama__block_count": None}, r"llama\.block_count = None: a whole number is needed"),
        ({"llama__block_count": "2"}, r"llama\.block_count = '2'"),
        ({"llama__block_count": 1 << 31}, r"more than 4096 layers: the file is damaged"),
        ({"llama__attention__head_count": 0}, "num_attention_heads"),
        ({"llama__attention__layer_norm_rms_epsilon": "x"}, "a number is needed"),
        ({"llama__attention__head_count_kv": [1, 2]}, r"head_count_kv = \[1, 2\]"),
        ({"llama__expert_count": 8}, r"llama\.expert_count = 8"),
        ({"llama__rope__scaling__type": "yarn"}, r"rope\.scaling\.type = 'yarn': supported: 'none', 'linear'"),
        ({"llama__rope__dimension_count": 4, "llama__attention__key_length": 8}, r"rope\.dimension_count = 4"),
        ({"llama__attention__value_length": 4}, r"attention\.value_length = 4"),
        ({"llama__attention__causal": False}, r"attention\.causal = False"),
        ({"llama__logit_scale": 0.5}, r"llama\.logit_scale = 0\.5: doubletime does not know this key"),
    ],
)
def test_what_would_be_computed_wrongly_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UnsupportedModel, match=why):
        shape_from_gguf(header(tmp_path, **changes))


def test_ropes_that_contradict_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"beside rope_freqs\.weight"):
        shape_from_gguf(header(tmp_path, [1.0] * 4, llama__rope__scaling__factor=2.0))
    with pytest.raises(UnsupportedModel, match=r"rope_freqs\.weight is F32 \[3\], not F32 \[4\]"):
        shape_from_gguf(header(tmp_path, [1.0] * 3))


def test_a_file_without_embeddings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"has no token_embd\.weight"):
        shape_from_gguf(replace(header(tmp_path), tensors={}))


def test_keys_without_effect_are_let_through(tmp_path: Path) -> None:
    shape_from_gguf(
        header(tmp_path, llama__expert_count=0, llama__rope__scaling__finetuned=True, llama__pooling_type=0)
    )
