"""The line that says what an engine chose, and why."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

from doubletime.engine.build import build
from doubletime.engine.config import EngineConfig
from doubletime.engine.model import CORES, best_device
from doubletime.engine.summary import about_engine, summary
from tests.served import checkpoint


def told(**settings: Any) -> str:
    running = build(EngineConfig(str(checkpoint()), **settings), lambda news: None)
    try:
        assert about_engine(running).kv_blocks == running.limits.blocks
        return summary(running)
    finally:
        running.close()


@pytest.mark.skipif(best_device() != "cpu", reason="the words are those of a machine without CUDA")
def test_what_the_engine_chose_comes_with_the_reason() -> None:
    line = told()
    assert "on cpu (there is no CUDA device) in float32 (" in line
    assert f"threads: {CORES} (one a core); " in line
    assert "MiB, all that 256 sequences can fill); " in line or "of the memory that was free" in line
    assert line.endswith("policy fcfs")


def test_what_was_asked_for_needs_none() -> None:
    line = told(device="cpu", dtype="float32", kernels="torch", threads=1, kv_memory=1 << 22, policy="sarathi")
    assert "on cpu in float32; torch kernels, threads: 1; " in line
    assert "KV blocks of 16 tokens (4 MiB); " in line
    assert line.endswith("policy sarathi")


def test_a_share_of_the_memory_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doubletime.executors.torch_limits.available_memory", lambda: 8 << 20)
    assert "(2 MiB, 30% of the memory that was free)" in told(device="cpu", max_model_len=100)
