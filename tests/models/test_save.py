"""Saved quantized checkpoints: bit-equal to quantizing at load, complete or not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from doubletime.cli import main
from doubletime.models import BadCheckpoint, load_checkpoint, load_model, save
from doubletime.models.archive import INDEX
from doubletime.models.checkpoint import SafetensorsSource
from doubletime.models.load import open_source
from doubletime.models.quantized import Quantized, quantize
from doubletime.models.save import save_quantized
from doubletime.models.saved import SavedPacking, encode
from doubletime.models.source import Source
from doubletime.shapes import tensors
from tests.checkpoints import checkpoint

QUERY = "model.layers.0.self_attn.q_proj.weight"


def written(out: Path, family: str = "llama", scheme: str = "int8") -> Path:
    assert main(["quantize", str(checkpoint(family)), str(out), "--scheme", scheme, "--json"]) == 0
    return out


def same(first: Tensor | Quantized, second: Tensor | Quantized) -> bool:
    if isinstance(first, Tensor) or isinstance(second, Tensor):
        return isinstance(first, Tensor) and isinstance(second, Tensor) and torch.equal(first, second)
    pairs = zip((first.codes, first.scales), (second.codes, second.scales), strict=True)
    return (first.bits, first.group) == (second.bits, second.group) and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("family", ["llama", "gemma3", "qwen3_moe"])
@pytest.mark.parametrize("scheme", ["int8", "int4"])
def test_what_is_read_back_is_what_quantizing_at_load_gives(tmp_path: Path, family: str, scheme: str) -> None:
    saved = SafetensorsSource(written(tmp_path / "out", family, scheme), torch.float32)
    at_load = open_source(str(checkpoint(family)), "float32", quantize=scheme)
    assert saved.shape == at_load.shape
    assert all(same(saved.read(name), at_load.read(name)) for name in tensors(saved.shape))


def test_everything_but_the_weights_is_copied(tmp_path: Path) -> None:
    source = checkpoint("llama")
    extra = source / "tokenizer_config.json"
    extra.write_text("{}")
    try:
        out = written(tmp_path / "deep" / "out")
    finally:
        extra.unlink()
    config = json.loads((out / "config.json").read_text())
    assert config.pop("quantization_config") == {"quant_method": "doubletime", "version": 1, "scheme": "int8"}
    assert config == json.loads((source / "config.json").read_text())
    assert (out / "tokenizer_config.json").read_text() == "{}"
    assert (out / "generation_config.json").read_text() == (source / "generation_config.json").read_text()


def test_the_sizes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "out")
    facts = json.loads(capsys.readouterr().out)
    stored = sum(tensor.nbytes for tensor in load_file(tmp_path / "out" / "model-00001.safetensors").values())
    assert facts["bytes_after"] == stored
    assert facts["bytes_before"] > 3 * stored
    assert main(["quantize", "random:llama-100m", str(tmp_path / "out")]) == 1  # exists: said before anything is made
    assert f"{tmp_path / 'out'} exists: name a new folder" in capsys.readouterr().err


def test_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save, "SHARD", 20_000)
    out = written(tmp_path / "out")
    files = sorted(path.name for path in out.glob("*.safetensors"))
    assert len(files) > 2
    assert sorted(set(json.loads((out / INDEX).read_text())["weight_map"].values())) == files
    load_checkpoint(out)


class Breaking:
    """A source whose disk fails in the middle."""

    def __init__(self, inner: Source) -> None:
        self.inner, self.shape, self.dtype = inner, inner.shape, inner.dtype

    def __contains__(self, name: object) -> bool:
        return name in self.inner

    def read(self, name: str) -> Tensor | Quantized:
        if name == "model.norm.weight":
            raise OSError("the disk broke")
        return self.inner.read(name)


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    source = Breaking(open_source(str(checkpoint("llama")), quantize="int8"))
    with pytest.raises(OSError, match="the disk broke"):
        save_quantized(source, {}, "int8", tmp_path / "out", lambda: None)
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_leaves_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the end: nothing was renamed and nothing cleaned up."""
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    source = Breaking(open_source(str(checkpoint("llama")), quantize="int8"))
    with pytest.raises(OSError, match="the disk broke"):
        save_quantized(source, {}, "int8", tmp_path / "out", lambda: None)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".out-")
    with pytest.raises(BadCheckpoint, match=r"no config\.json"):
        load_checkpoint(left)


def test_a_folder_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    source = open_source(str(checkpoint("llama")), quantize="int8")

    def intrude() -> None:
        out.mkdir(exist_ok=True)
        (out / "precious").touch()

    with pytest.raises(OSError, match="out"):
        save_quantized(source, {}, "int8", out, intrude)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "precious").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({f"{QUERY}.codes": None}, r"lacks 1 tensors: .*q_proj\.weight\.codes"),
        ({f"{QUERY}.scales": None}, "q_proj.*no groups"),
        ({f"{QUERY}.scales": torch.ones(64, 5)}, r"q_proj.*\[64, 5\]: no groups"),
        ({f"{QUERY}.codes": torch.zeros(64, 9, dtype=torch.uint8)}, r"codes is \[64, 9\]; config.json makes it"),
        ({f"{QUERY}.codes": torch.zeros(64, 48)}, "float32"),
    ],
)
def test_damage_is_named(tmp_path: Path, change: dict[str, Tensor | None], message: str) -> None:
    out = written(tmp_path / "out")
    file = out / "model-00001.safetensors"
    found = load_file(file) | change
    save_file({name: tensor for name, tensor in found.items() if tensor is not None}, file)
    with pytest.raises(ValueError, match=message):
        load_checkpoint(out)


def test_another_version_is_refused(tmp_path: Path) -> None:
    out = written(tmp_path / "out")
    config = json.loads((out / "config.json").read_text())
    config["quantization_config"]["version"] = 2
    (out / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadCheckpoint, match="format 2, not 1"):
        load_checkpoint(out)


def test_what_is_quantized_is_not_quantized_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = written(tmp_path / "out")
    assert main(["quantize", str(out), str(tmp_path / "again")]) == 1
    assert "quantized already" in capsys.readouterr().err
    with pytest.raises(ValueError, match="quantized already"):
        load_model(str(out), quantize="int4")


def test_gguf_files_are_not_requantized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(__file__).parent / "gguf" / "fixtures" / "llama.gguf"
    assert main(["quantize", str(file), str(tmp_path / "out")]) == 1
    assert "GGUF" in capsys.readouterr().err


def test_asymmetric_matrices_and_odd_scales_are_stored_too() -> None:
    torch.manual_seed(0)
    for weight in (torch.randn(8, 64), torch.randn(8, 64) * 1e-9):  # the scales of the second are not float16
        matrix = quantize(weight, 4, 32, symmetric=False)
        stored = encode("x", matrix)
        sizes = {name: tuple(tensor.shape) for name, tensor in stored.items()}
        packing = SavedPacking()
        parts = packing.parts("x", (8, 64), sizes)
        found = packing.decode({part: stored[f"x{part}"] for part in parts}, (8, 64))
        assert torch.equal(found.dequantize(), matrix.dequantize())
