"""Which kernels, dtypes and threads an engine chooses, and what it refuses."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")

import torch

from doubletime import LLM, SamplingParams
from doubletime.engine import model as choosing
from doubletime.engine.config import EngineConfig
from doubletime.kernels.cpu import binding
from doubletime.models import Model, NativeModel
from tests.checkpoints import checkpoint

NAME = str(checkpoint("llama"))
needs_native = pytest.mark.skipif(not binding.available(), reason="the native kernels were not built")


def config(**settings: object) -> EngineConfig:
    return EngineConfig(NAME, device="cpu", **settings)  # type: ignore[arg-type]


def without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an install without a compiler."""
    binding.library.cache_clear()
    monkeypatch.setattr(binding, "find_spec", lambda name: None)


@pytest.fixture(autouse=True)
def _load_again() -> object:
    yield
    binding.library.cache_clear()


@needs_native
def test_a_cpu_runs_the_native_kernels_in_the_published_dtype() -> None:
    model = choosing.engine_model(config())
    assert isinstance(model, NativeModel)
    assert (model.dtype, model.kv_dtype) == (torch.float32, torch.float32)
    assert choosing.engine_model(config(dtype="bfloat16")).kv_dtype is torch.bfloat16


@needs_native
def test_quantized_weights_have_float16_kv_unless_told_otherwise() -> None:
    assert choosing.engine_model(config(quantize="int8")).kv_dtype is torch.float16
    model = choosing.engine_model(config(quantize="int4", kv_dtype="int8"))
    assert model.kv_dtype is torch.int8
    assert model.kv_bytes == 1 + 4 / model.shape.head_dim


@needs_native
def test_threads_are_those_asked_for() -> None:
    before = binding.library().dt_threads()
    choosing.engine_model(config(threads=3))
    assert binding.library().dt_threads() == 3
    binding.set_threads(before)


def test_torch_when_it_is_asked_for_or_nothing_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choosing.engine_model(config(kernels="torch")), Model)
    without_kernels(monkeypatch)
    with pytest.warns(UserWarning, match="slower: install a C\\+\\+ compiler"):
        model = choosing.engine_model(config())
    assert isinstance(model, Model)
    assert model.dtype is torch.float32


def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="--kv-dtype int8 needs the native kernels"):
        choosing.engine_model(config(kernels="torch", kv_dtype="int8"))
    with pytest.raises(ValueError, match="unknown kernels 'fast'"):
        choosing.engine_model(config(kernels="fast"))
    with pytest.raises(ValueError, match="on a CPU only, not on cuda"):
        choosing.engine_model(EngineConfig(NAME, device="cuda", kernels="native"))
    without_kernels(monkeypatch)
    with pytest.raises(OSError, match="install a C\\+\\+ compiler"):
        choosing.engine_model(config(kernels="native"))


@needs_native
def test_an_unknown_level_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    binding.library.cache_clear()
    monkeypatch.setenv(binding.LEVEL, "mmx")
    with pytest.raises(ValueError, match="DOUBLETIME_KERNELS=mmx"):
        binding.library()


@needs_native
@pytest.mark.parametrize("settings", [{}, {"quantize": "int8"}, {"quantize": "int4"}, {"kv_dtype": "int8"}])
def test_outputs_under_load_are_bit_identical_to_outputs_alone(settings: dict[str, str]) -> None:
    """Log-probabilities too, to the last digit: beside others, in chunks, with shared prefixes, on two threads."""
    prompts = [{"prompt_token_ids": [*range(5, 40), *range(50, 50 + count)]} for count in (3, 30, 61, 7, 19)]
    params = SamplingParams(temperature=0, max_tokens=12, ignore_eos=True, logprobs=2)
    kept = {}
    for name, more in {"alone": {"max_seats": 1, "threads": 1}, "together": {"max_rows": 24, "threads": 2}}.items():
        with LLM(NAME, device="cpu", kv_memory="4MB", max_model_len=256, **settings, **more) as llm:  # type: ignore[arg-type]
            kept[name] = [output.outputs[0].logprobs for output in llm.generate(prompts, params, progress=False)]
    binding.set_threads(1)
    assert kept["alone"] == kept["together"]
