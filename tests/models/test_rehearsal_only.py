"""Families whose numbers are known but which torch does not compute: refused before anything is read or made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
from doubletime.models import load_model
from doubletime.models.families import LAYERS
from doubletime.shapes import PUBLISHED, RUNNABLE, UnsupportedModel, published_shape

OTHERS = [name for name in PUBLISHED if published_shape(name).family not in RUNNABLE]


def test_the_families_that_run_are_those_with_a_module() -> None:
    assert set(LAYERS) == RUNNABLE


@pytest.mark.parametrize("name", OTHERS)
def test_no_random_weights_are_made(name: str) -> None:
    with pytest.raises(UnsupportedModel, match="rehearsal only: no torch module"):
        load_model(f"random:{name}")


@pytest.mark.parametrize("name", ["deepseek-v3", "qwen2.5-0.5b", "gpt-oss-20b", "opt-13b"])
def test_no_checkpoint_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED[name]))
    with pytest.raises(UnsupportedModel, match="rehearsal only: no torch module"):
        load_model(str(tmp_path))
