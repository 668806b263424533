"""Weights from GGUF files: those of the checkpoint that llama.cpp's converter was given, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("gguf")

import gguf
import torch
from torch import Tensor

from doubletime.models import BadCheckpoint
from doubletime.models.gguf import GGUFSource
from doubletime.models.gguf.formats import FORMATS
from doubletime.models.quantized import Quantized
from doubletime.shapes import UnsupportedModel, tensors
from doubletime.shapes.gguf import TensorType, read_gguf
from tests.models.gguf.tiny import CONFIGS, tiny_shape, weights
from tests.models.gguf.written import write

FIXTURES = Path(__file__).parent / "fixtures"
CONVERTED = [name for name in CONFIGS if name != "llama-mixed"]


@pytest.mark.parametrize("name", CONVERTED)
def test_every_tensor_of_a_converted_checkpoint_is_bit_for_bit_the_original(name: str) -> None:
    source = GGUFSource(FIXTURES / f"{name}.gguf", torch.float32)
    for tensor, expected in weights(name).items():
        assert tensor in source
        found = source.read(tensor)
        assert isinstance(found, Tensor)
        assert torch.equal(found, expected), tensor
    assert "model.layers.99.mlp.up_proj.weight" not in source


@pytest.mark.parametrize("file", ["mixed", "low"])
def test_quantized_matrices_of_llama_cpp_hold_the_values_that_the_gguf_package_reads(file: str) -> None:
    """One of each type; the rows of queries and keys are put back in order."""
    path, shape = FIXTURES / f"{file}.gguf", tiny_shape("llama-mixed")
    source = GGUFSource(path, torch.float32)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, shape.layers)
    stored = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    for name in tensors(shape):
        tensor = stored[names.get_name(name, (".weight",))]
        expected = torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).copy())
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            pairs = expected.view(-1, shape.head_dim // 2, 2, shape.hidden)
            expected = pairs.transpose(1, 2).reshape(-1, shape.hidden)
        found = source.read(name)
        assert isinstance(found, Quantized) == (expected.dim() == 2)
        values = found.dequantize() if isinstance(found, Quantized) else found.float()
        assert torch.equal(values, expected), name


def test_the_two_have_every_format() -> None:
    files = [read_gguf(FIXTURES / f"{file}.gguf") for file in ("mixed", "low")]
    assert {info.kind for file in files for info in file.tensors.values()} == {*FORMATS, TensorType.F32}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_dense_tensors_come_in_one_dtype(dtype: torch.dtype) -> None:
    source = GGUFSource(FIXTURES / "gemma3.gguf", dtype)
    assert source.dtype is dtype
    for tensor, expected in weights("gemma3").items():
        found = source.read(tensor)
        assert isinstance(found, Tensor)
        assert torch.equal(found, expected.to(dtype)), tensor


def test_without_a_dtype_the_file_s_own_is_kept(tmp_path: Path) -> None:
    shape, values = tiny_shape("qwen3"), weights("qwen3")
    for kind, dtype in (("F32", torch.float32), ("BF16", torch.bfloat16), ("F16", torch.float16)):
        assert GGUFSource(write(tmp_path / f"{kind}.gguf", shape, values, kind)).dtype is dtype
    assert GGUFSource(FIXTURES / "mixed.gguf").dtype is torch.float16


def test_reading_again_gives_other_memory() -> None:
    source = GGUFSource(FIXTURES / "llama.gguf")
    first, second = (source.read("model.norm.weight") for _ in range(2))
    assert isinstance(first, Tensor)
    assert isinstance(second, Tensor)
    first.zero_()
    assert bool(second.any())


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
def test_what_the_gguf_package_writes_is_read(kind: str, tmp_path: Path) -> None:
    shape, values = tiny_shape("llama-mixed"), weights("llama-mixed")
    source = GGUFSource(write(tmp_path / "model.gguf", shape, values, kind), torch.float32)
    for name, tensor in values.items():
        found = source.read(name)
        dense = found.dequantize() if isinstance(found, Quantized) else found
        coded = gguf.GGMLQuantizationType["F32" if tensor.dim() == 1 else kind]
        kept = gguf.quants.dequantize(gguf.quants.quantize(tensor.numpy(), coded), coded)
        assert torch.equal(dense, torch.from_numpy(kept.copy()).view(tensor.shape)), name


def test_split_files(tmp_path: Path) -> None:
    shape, values = tiny_shape("qwen3"), weights("qwen3")
    write(tmp_path / "model.gguf", shape, values, split_max_tensors=10)
    source = GGUFSource(tmp_path / "model-00001-of-00003.gguf", torch.float32)
    for name, tensor in values.items():
        found = source.read(name)
        assert isinstance(found, Tensor)
        assert torch.equal(found, tensor)


def refusal(path: Path, changes: dict[str, Tensor | None]) -> str:
    """What is said of a file with these tensors replaced, or, where None, left out."""
    values = {name: tensor for name, tensor in (weights("qwen3") | changes).items() if tensor is not None}
    with pytest.raises(BadCheckpoint) as error:
        GGUFSource(write(path / "model.gguf", tiny_shape("qwen3"), values))
    return str(error.value)


def test_missing_and_misshaped_tensors_are_named(tmp_path: Path) -> None:
    up = "model.layers.1.mlp.up_proj.weight"
    assert f"lacks blk.1.ffn_up.weight ({up})" in refusal(tmp_path, {up: None})
    message = refusal(tmp_path, {up: torch.zeros(3, 32)})
    assert "blk.1.ffn_up.weight is [3, 32]; the metadata makes it [48, 32]" in message


def test_unexpected_tensors_are_named(tmp_path: Path) -> None:
    extra = "model.layers.1.self_attn.q_proj.bias"
    assert "does not have: blk.1.attn_q.bias" in refusal(tmp_path, {extra: torch.zeros(96)})


def test_quantized_vectors_are_refused(tmp_path: Path) -> None:
    made = gguf.GGUFWriter(tmp_path / "model.gguf", "qwen3")
    path = write(tmp_path / "whole.gguf", tiny_shape("qwen3"), weights("qwen3"))
    reader = gguf.GGUFReader(path)
    for field in reader.fields.values():
        if not field.name.startswith(("GGUF.", "general.architecture")):
            made.add_key_value(field.name, field.contents(), field.types[0])
    for tensor in reader.tensors:
        kind = gguf.GGMLQuantizationType["Q8_0" if tensor.name == "output_norm.weight" else "F32"]
        made.add_tensor(tensor.name, gguf.quants.quantize(tensor.data, kind), raw_dtype=kind)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()
    with pytest.raises(BadCheckpoint, match=r"output_norm\.weight is Q8_0; only matrices"):
        GGUFSource(tmp_path / "model.gguf")


def test_other_architectures_are_refused(tmp_path: Path) -> None:
    made = gguf.GGUFWriter(tmp_path / "model.gguf", "mamba")
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.close()
    with pytest.raises(UnsupportedModel, match="mamba"):
        GGUFSource(tmp_path / "model.gguf")
