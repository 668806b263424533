"""`--quantize`: which matrices are rounded, to what, one at a time; the model computes with the rounded values."""

from __future__ import annotations

import weakref

import pytest

pytest.importorskip("transformers")

import torch
from torch import Tensor

from doubletime.engine.scoring import Scorer
from doubletime.models import Model, load_model
from doubletime.models.checkpoint import SafetensorsSource
from doubletime.models.load import open_source
from doubletime.models.quantized import Quantized
from doubletime.models.quantizing import QuantizingSource, scheme
from doubletime.models.random_weights import RandomSource
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape, shape_from_config, tensors
from tests.checkpoints import checkpoint

WIDE = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 64,
    "max_position_embeddings": 100,
}


def wide(**fields: object) -> ModelShape:
    return shape_from_config(WIDE | fields)


class Dequantized:
    """A source's values as dense tensors."""

    def __init__(self, inner: QuantizingSource) -> None:
        self.inner, self.shape, self.dtype = inner, inner.shape, inner.dtype

    def __contains__(self, name: object) -> bool:
        return name in self.inner

    def read(self, name: str) -> Tensor:
        found = self.inner.read(name)
        return found.dequantize(self.dtype) if isinstance(found, Quantized) else found


class Counted:
    """A source that knows how many bytes of its tensors are alive, and the most that ever were."""

    def __init__(self, inner: RandomSource) -> None:
        self.inner, self.shape, self.dtype = inner, inner.shape, inner.dtype
        self.alive = self.most = 0

    def __contains__(self, name: object) -> bool:
        return name in self.inner

    def read(self, name: str) -> Tensor:
        found = self.inner.read(name)
        if found.dim() == 2 and "mlp.gate." not in name:
            self.alive += found.nbytes
            self.most = max(self.most, self.alive)
            weakref.finalize(found, self._freed, found.nbytes)
        return found

    def _freed(self, size: int) -> None:
        self.alive -= size


@pytest.mark.parametrize(("name", "bits"), [("int8", 8), ("int4", 4)])
def test_matrices_are_quantized_and_nothing_else(name: str, bits: int) -> None:
    source = QuantizingSource(RandomSource(wide()), scheme(name))
    for tensor, size in tensors(source.shape).items():
        found = source.read(tensor)
        if len(size) == 1:
            assert isinstance(found, Tensor)
            continue
        assert isinstance(found, Quantized)
        assert found.shape == size
        ends = tensor in ("model.embed_tokens.weight", "lm_head.weight")
        assert (found.bits, found.group, found.mins) == (8 if ends else bits, 32, None)


def test_routers_stay_dense() -> None:
    source = QuantizingSource(SafetensorsSource(checkpoint("qwen3_moe")), scheme("int8"))
    assert isinstance(source.read("model.layers.0.mlp.gate.weight"), Tensor)
    assert isinstance(source.read("model.layers.0.mlp.experts.0.up_proj.weight"), Quantized)


def test_rows_that_groups_do_not_divide_get_eight_bits() -> None:
    """48 columns: groups of 16; 50: one for the whole row."""
    source = QuantizingSource(RandomSource(wide(hidden_size=48, intermediate_size=50)), scheme("int4"))
    for name, group in (("gate", 16), ("down", 50)):
        found = source.read(f"model.layers.0.mlp.{name}_proj.weight")
        assert isinstance(found, Quantized)
        assert (found.bits, found.group) == (8, group)


@pytest.mark.parametrize("family", ["llama", "gemma3", "qwen3_moe"])
@pytest.mark.parametrize("name", ["int8", "int4"])
def test_the_model_computes_with_the_rounded_values(family: str, name: str) -> None:
    source = QuantizingSource(SafetensorsSource(checkpoint(family), torch.float32), scheme(name))
    tokens = list(range(3, 40))
    logits = [Scorer(Model(each.shape, Weights(each)), 64).logits(tokens) for each in (source, Dequantized(source))]
    torch.testing.assert_close(logits[0], logits[1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["int8", "int4"])
def test_one_dense_matrix_is_held_at_a_time(name: str) -> None:
    shape = wide(num_hidden_layers=5)
    counted = Counted(RandomSource(shape))
    Weights(QuantizingSource(counted, scheme(name)))
    for tensor in tensors(shape):
        QuantizingSource(counted, scheme(name)).read(tensor)
    largest = max(size[0] * size[1] * 4 for size in tensors(shape).values() if len(size) == 2)
    assert counted.most == largest
    assert counted.alive == 0


def test_a_whole_model_is_loaded_so() -> None:
    """The torch model keeps embedding and head dense, made anew from the codes."""
    counted = Counted(RandomSource(wide(num_hidden_layers=5)))
    model = Model(counted.shape, Weights(QuantizingSource(counted, scheme("int4"))))
    assert counted.alive == 0
    assert model.embedding.dtype == torch.float32


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="unknown quantization 'int3'; known: int8, int4"):
        load_model(str(checkpoint("llama")), quantize="int3")
    with pytest.raises(ValueError, match="run on a CPU only, not on meta"):
        load_model(str(checkpoint("llama")), device="meta", quantize="int8")
    once = open_source(str(checkpoint("llama")), quantize="int8")
    with pytest.raises(ValueError, match=r"embed_tokens\.weight is quantized already"):
        QuantizingSource(once, scheme("int8")).read("model.embed_tokens.weight")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dense_parts_have_the_dtype_asked_for(dtype: str) -> None:
    source = open_source(str(checkpoint("llama")), dtype, quantize="int8")
    norm = source.read("model.norm.weight")
    assert isinstance(norm, Tensor)
    assert norm.dtype == getattr(torch, dtype)
    assert load_model(str(checkpoint("llama")), dtype, quantize="int8").dtype == getattr(torch, dtype)


def test_a_biased_linear_adds_its_bias() -> None:
    source = QuantizingSource(RandomSource(wide(attention_bias=True)), scheme("int8"))
    linear = Weights(source).under("model.layers.0.self_attn").linear("q_proj")
    linear.bias = torch.arange(64.0)
    x = torch.randn(3, 64)
    torch.testing.assert_close(linear(x), x @ linear.dense().T + linear.bias)
