"""safetensors files: what their own library writes is read; damage is told before a model is built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import save_file

from doubletime.models.archive import DTYPES, INDEX, BadCheckpoint, archive, read_json

FILE = "model.safetensors"


def with_header(folder: Path, header: bytes, data: bytes = b"") -> Path:
    (folder / FILE).write_bytes(len(header).to_bytes(8, "little") + header + data)
    return folder


def test_all_dtypes_are_read_as_written(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tensors = {str(dtype): (torch.randn(3, 5) * 9).to(dtype) for dtype in DTYPES.values()}
    tensors |= {"empty": torch.empty(0, 4), "scalar": torch.tensor(2.5)}
    save_file(tensors, tmp_path / FILE, {"format": "pt"})
    found = archive(tmp_path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        got = found[name].read()
        assert got.dtype == tensor.dtype
        assert torch.equal(got, tensor)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no safetensors header"),
        (b"<html>not found</html>", "no safetensors header"),
        ((20).to_bytes(8, "little") + b"not the JSON that it", "its header is no JSON"),
        ((2).to_bytes(8, "little") + b"[]", "its header is no JSON"),
    ],
)
def test_files_that_are_no_safetensors(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BadCheckpoint, match=message):
        archive(tmp_path)


def test_a_download_that_was_cut_short(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(100)}, tmp_path / FILE)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:-10])
    with pytest.raises(BadCheckpoint, match="cut short: a ends at byte"):
        archive(tmp_path)
    (tmp_path / FILE).write_bytes(whole)
    found = archive(tmp_path)
    (tmp_path / FILE).write_bytes(whole[:-10])
    with pytest.raises(BadCheckpoint, match="ended while it was read"):
        found["a"].read()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}, "dtype F8_E4M3; known: F64"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 2]}, "a takes 2 bytes"),
        ({"dtype": "F32", "shape": [2]}, "entry of a"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}, "entry of a"),
    ],
)
def test_entries_that_make_no_sense(tmp_path: Path, entry: dict[str, object], message: str) -> None:
    with_header(tmp_path, json.dumps({"a": entry}).encode(), bytes(8))
    with pytest.raises(BadCheckpoint, match=message):
        archive(tmp_path)


def test_json_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BadCheckpoint, match=r"config\.json is no JSON"):
        read_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(BadCheckpoint, match="holds no JSON object"):
        read_json(tmp_path / "config.json")


def test_an_index_without_its_map(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text("{}")
    with pytest.raises(BadCheckpoint, match="weight_map"):
        archive(tmp_path)
