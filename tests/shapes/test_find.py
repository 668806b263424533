"""A model's shape from what one types: a name, a config, a folder, a hub name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubletime.shapes import published_shape
from doubletime.shapes.find import find_shape
from tests.shapes.configs import LLAMA_31, QWEN3_06B


@pytest.mark.parametrize("name", ["llama-3.1-8b", "Llama-3.1-8B", "random:llama-3.1-8b"])
def test_a_published_name(name: str) -> None:
    assert find_shape(name) == published_shape("llama-3.1-8b")


def test_a_config_and_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_31))
    for path in (tmp_path, tmp_path / "config.json"):
        assert find_shape(str(path)).hidden == 4096


def test_a_hub_name_in_the_local_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--Qwen--Qwen3-0.6B" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(QWEN3_06B))
    assert find_shape("Qwen/Qwen3-0.6B").hidden == 1024
    with pytest.raises(FileNotFoundError, match="no model 'Qwen/Qwen3-9B'"):
        find_shape("Qwen/Qwen3-9B")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown published shape 'llama-9'; known: .*mixtral-8x7b"):
        find_shape("llama-9")
