"""From settings to a loaded model: which dtype, which kernels, how many threads."""

from __future__ import annotations

import warnings

import torch

from doubletime.engine.config import EngineConfig
from doubletime.engine.sources import checkpoint_folder
from doubletime.kernels.cpu import binding
from doubletime.models import AnyModel, NativeModel, load_model
from doubletime.models.load import open_source

CORES = torch.get_num_threads()  # what torch finds when it starts: the cores, or OMP_NUM_THREADS
KV_DTYPES = {
    "auto": None,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.int8,
}


def engine_model(config: EngineConfig) -> AnyModel:
    """Loads the model. Raises ValueError or OSError that says what is wrong."""
    device = config.device if config.device != "auto" else best_device()
    name = config.model or str(checkpoint_folder(config))
    dtype = None if config.dtype == "auto" else config.dtype
    if _native(config, device):
        binding.set_threads(config.threads or CORES)
        torch.set_num_threads(1)  # what is left to torch is small, and OpenMP's barriers collapse on a busy machine
        return NativeModel(open_source(name, dtype, config.seed, config.quantize), _kv_dtype(config))
    torch.set_num_threads(config.threads or CORES)
    if config.kv_dtype != "auto":
        raise ValueError(f"--kv-dtype {config.kv_dtype} needs the native kernels; others keep the dtype of the weights")
    return load_model(name, dtype, device, config.seed, config.quantize)


def best_device() -> str:
    """cuda where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _native(config: EngineConfig, device: str) -> bool:
    """Whether the native kernels run the model: on a CPU, where they were built, unless torch is asked for."""
    if config.kernels not in ("auto", "native", "torch"):
        raise ValueError(f"unknown kernels {config.kernels!r}: auto, native or torch")
    if device != "cpu" or config.kernels == "torch":
        if config.kernels == "native":
            raise ValueError(f"the native kernels run on a CPU only, not on {device}")
        return False
    if config.kernels == "auto" and not binding.available():
        warnings.warn(f"torch's kernels will run, which are slower: {binding.HOW_TO_BUILD}", stacklevel=2)
        return False
    binding.library()
    return True


def _kv_dtype(config: EngineConfig) -> torch.dtype | None:
    if config.kv_dtype not in KV_DTYPES:
        raise ValueError(f"unknown KV dtype {config.kv_dtype!r}; known: {', '.join(KV_DTYPES)}")
    return KV_DTYPES[config.kv_dtype]
