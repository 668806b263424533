"""GGUF files through the engine: greedy tokens are those of transformers on the checkpoint they came from."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")
pytest.importorskip("gguf")

import gguf
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from doubletime import LLM, SamplingParams
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.sources import shipped_model
from doubletime.models.checkpoint import SafetensorsSource
from doubletime.models.gguf import GGUFSource
from doubletime.models.quantized import Quantized
from doubletime.shapes import tensors
from tests.checkpoints import TIE, random_prompts
from tests.decoding.gguf.headers import shipped
from tests.models.gguf.tiny import save, tiny_shape, weights
from tests.models.gguf.written import write

FIXTURES = Path(__file__).parent / "fixtures"
TOKENS = 16
PROMPTS = random_prompts(4, [3, 11, 29, 60], vocab=64)


def oracle(folder: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@torch.inference_mode()
def check_greedy(path: Path, model: PreTrainedModel, within: float = TIE, kernels: str = "auto") -> None:
    """Every token is the oracle's best after what came before it, or `within` of it."""
    params = SamplingParams(temperature=0, max_tokens=TOKENS, ignore_eos=True)
    with LLM(str(path), dtype="float32", kernels=kernels) as llm:
        outputs = llm.generate([{"prompt_token_ids": prompt} for prompt in PROMPTS], params, progress=False)
    for prompt, output in zip(PROMPTS, outputs, strict=True):
        tokens = output.outputs[0].token_ids
        assert len(tokens) == TOKENS
        logits = model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1].float()
        chosen = logits.gather(1, torch.tensor(tokens)[:, None])[:, 0]
        assert float((logits.max(dim=1).values - chosen).max()) <= within


@pytest.mark.parametrize("name", ["llama", "llama-bias", "qwen3", "qwen3moe", "gemma3"])
def test_converted_checkpoints_answer_as_the_original(name: str, tmp_path: Path) -> None:
    check_greedy(FIXTURES / f"{name}.gguf", oracle(save(tmp_path, name)))


def rounded(tensor: Tensor, kind: str) -> Tensor:
    """What is left of a matrix in a file of this type."""
    quantization = gguf.GGMLQuantizationType[kind if tensor.dim() > 1 else "F32"]
    kept = gguf.quants.dequantize(gguf.quants.quantize(tensor.numpy(), quantization), quantization)
    return torch.from_numpy(kept.copy()).view(tensor.shape)


@pytest.mark.parametrize("kind", ["F32", "Q8_0"])
def test_written_files_answer_as_the_model_with_their_values(kind: str, tmp_path: Path) -> None:
    """On torch's kernels, which do not round activations."""
    values = weights("llama-mixed")
    kept = {name: rounded(tensor, kind) for name, tensor in values.items()}
    path = write(tmp_path / "model.gguf", tiny_shape("llama-mixed"), values, kind)
    check_greedy(path, oracle(save(tmp_path / "original", "llama-mixed", kept)), kernels="torch")


@pytest.mark.parametrize("file", ["mixed", "low"])
def test_files_with_every_quantized_type_answer_nearly_so_on_any_kernels(file: str, tmp_path: Path) -> None:
    source = GGUFSource(FIXTURES / f"{file}.gguf", torch.float32)
    found = {name: source.read(name) for name in tensors(source.shape)}
    kept = {name: each.dequantize() if isinstance(each, Quantized) else each for name, each in found.items()}
    check_greedy(FIXTURES / f"{file}.gguf", oracle(save(tmp_path, "llama-mixed", kept)), within=0.2)


def test_the_shipped_model_as_a_file_says_what_the_shipped_model_says(tmp_path: Path) -> None:
    """Text in, text out: tokenizer, chat template and end tokens come from the file."""
    original = Tokenizer(shipped_model())
    keys = {**shipped().metadata, "tokenizer.chat_template": original.chat_template}
    source = SafetensorsSource(shipped_model(), torch.float32)
    values = {name: tensor for name in tensors(source.shape) if isinstance(tensor := source.read(name), Tensor)}
    path = write(tmp_path / "help.gguf", source.shape, values, tokenizer=keys)
    params = SamplingParams(temperature=0, max_tokens=32)
    question = [{"role": "user", "content": "What does os.listdir do?"}]
    said = []
    for model in (None, str(path)):
        with LLM(model, dtype="float32", kv_memory="16MB", max_model_len=128) as llm:
            outputs = llm.generate(["def add(a, b):", llm.chat_prompt(question)], params, progress=False)
        said.append([(output.prompt_token_ids, output.outputs[0].text) for output in outputs])
    assert said[0] == said[1]
