"""Checkpoints: what loads, what is refused, and that weights stay in the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file

from doubletime.models import BadCheckpoint, load_checkpoint, load_model
from doubletime.shapes import PUBLISHED, UnsupportedModel
from doubletime.shapes.locate import locate
from tests.checkpoints import checkpoint, make_checkpoint

SINGLE = "model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint to spoil."""
    return make_checkpoint(tmp_path / "model", "llama", num_hidden_layers=1)


def edit_config(folder: Path, **fields: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def edit_tensors(folder: Path, **changes: torch.Tensor | None) -> None:
    """Replaces tensors; None removes. Underscores stand for dots."""
    tensors = load_file(folder / SINGLE)
    for name, tensor in changes.items():
        name = name.replace("__", ".")
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    save_file(tensors, folder / SINGLE)


def test_missing_tensors_are_named(folder: Path) -> None:
    edit_tensors(folder, model__norm__weight=None)
    with pytest.raises(BadCheckpoint, match=r"lacks 1 tensors: model\.norm\.weight"):
        load_checkpoint(folder)


def test_unexpected_tensors_are_named(folder: Path) -> None:
    edit_tensors(folder, model__extra__weight=torch.ones(3))
    with pytest.raises(BadCheckpoint, match=r"model\.extra\.weight"):
        load_checkpoint(folder)


def test_misshaped_tensors_are_named(folder: Path) -> None:
    edit_tensors(folder, model__norm__weight=torch.ones(7))
    with pytest.raises(BadCheckpoint, match=r"model\.norm\.weight is \[7\]; config.json makes it \[48\]"):
        load_checkpoint(folder)


def test_rotary_buffers_of_old_checkpoints_are_let_through(folder: Path) -> None:
    edit_tensors(folder, model__layers__0__self_attn__rotary_emb__inv_freq=torch.ones(8))
    load_checkpoint(folder)


def test_a_tied_head_that_was_stored_is_let_through(folder: Path) -> None:
    edit_config(folder, tie_word_embeddings=True)
    model = load_checkpoint(folder)
    assert model.head is model.embedding


def test_a_checkpoint_that_was_stored_without_its_head_is_read(folder: Path) -> None:
    """As embedding models are: the names lack the prefix."""
    edit_config(folder, tie_word_embeddings=True)
    whole = load_checkpoint(folder)
    tensors = load_file(folder / SINGLE)
    bare = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name != "lm_head.weight"}
    save_file(bare, folder / SINGLE)
    model = load_checkpoint(folder)
    assert torch.equal(model.embedding, whole.embedding)
    assert torch.equal(model.final_norm.weight, whole.final_norm.weight)


def test_missing_files_are_named(folder: Path) -> None:
    (folder / SINGLE).unlink()
    with pytest.raises(BadCheckpoint, match=SINGLE):
        load_checkpoint(folder)
    (folder / "config.json").unlink()
    with pytest.raises(BadCheckpoint, match=r"config\.json"):
        load_checkpoint(folder)


def test_missing_shards_are_named(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / "model", "llama", sharded=True)
    next(path.glob("model-00002*")).unlink()
    with pytest.raises(BadCheckpoint, match="model-00002"):
        load_checkpoint(path)


def test_an_unsupported_field_is_refused_before_any_weight_is_read(folder: Path) -> None:
    edit_config(folder, hidden_act="relu")
    (folder / SINGLE).unlink()
    with pytest.raises(UnsupportedModel, match="'hidden_act' = 'relu'"):
        load_checkpoint(folder)


def test_end_tokens_come_from_both_configs(folder: Path) -> None:
    edit_config(folder, eos_token_id=5)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 5]}))
    assert load_checkpoint(folder).shape.eos == (5, 7)
    (folder / "generation_config.json").unlink()
    assert load_checkpoint(folder).shape.eos == (5,)


def test_weights_are_in_memory_of_their_own(folder: Path) -> None:
    """A change in the file is not seen by the model: no page of the file stays mapped behind it."""
    model = load_checkpoint(folder, "float32")
    with (folder / SINGLE).open("r+b") as file:
        header = int.from_bytes(file.read(8), "little")
        file.seek(8 + header)
        file.write(bytes(folder.joinpath(SINGLE).stat().st_size - 8 - header))
    assert float(model.embedding.abs().sum()) > 0.0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_dtypes(dtype: str) -> None:
    assert load_model(str(checkpoint("llama")), dtype).dtype == getattr(torch, dtype)


def test_on_a_cpu_the_default_is_float32(folder: Path) -> None:
    edit_config(folder, dtype="bfloat16")
    assert load_model(str(folder)).dtype == torch.float32
    assert load_checkpoint(folder).dtype == torch.bfloat16


def test_unknown_dtypes_and_names_are_refused() -> None:
    with pytest.raises(ValueError, match="float8"):
        load_model(str(checkpoint("llama")), "float8")
    with pytest.raises(ValueError, match="llama-100m"):
        load_model("random:nothing")


def test_random_weights_have_the_published_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, "toy", PUBLISHED["gemma-3-1b"] | {"vocab_size": 1000, "num_hidden_layers": 1})
    model = load_model("random:Toy", "bfloat16")
    assert model.embedding.shape == (1000, 1152)
    assert model.head is model.embedding
    assert float(model.embedding.float().std()) == pytest.approx(1152**-0.5, rel=0.02)
    assert torch.equal(model.embedding, load_model("random:toy", "bfloat16").embedding)
    assert not torch.equal(model.embedding, load_model("random:toy", "bfloat16", seed=1).embedding)


def test_a_hub_name_is_found_in_the_local_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="org/small"):
        locate("org/small")
    cached = tmp_path / "models--org--small"
    for commit in ("aaa", "bbb"):
        make_checkpoint(cached / "snapshots" / commit, "llama", num_hidden_layers=1)
    assert locate("org/small") in {cached / "snapshots" / "aaa", cached / "snapshots" / "bbb"}
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("aaa")
    assert locate("org/small") == cached / "snapshots" / "aaa"
    assert load_model("org/small").shape.layers == 1
