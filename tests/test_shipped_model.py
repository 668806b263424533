"""The model that ships: any peer loads it, and it knows what its card says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from doubletime import LLM, SamplingParams  # noqa: E402
from doubletime.engine.sources import shipped_model  # noqa: E402
from doubletime.engine.subject import EngineSubject  # noqa: E402
from doubletime.lab.quality import Effort, measure  # noqa: E402

FOLDER = shipped_model()
DRAFT = FOLDER.parent / "help-draft"
QUESTIONS = (
    "What does `itertools.accumulate` do?",
    "Explain `os.path.join`.",
    "What is `len` for?",
    "Which function does this: Return the absolute value of the argument.",
)


@pytest.fixture(scope="module")
def llm() -> Iterator[LLM]:
    with LLM(kv_memory="64MB") as loaded:
        yield loaded


@pytest.mark.parametrize("folder", [FOLDER, DRAFT], ids=lambda folder: folder.name)
def test_transformers_gives_the_same_tokens(folder: Path) -> None:
    oracle = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with LLM(str(folder), kv_memory="64MB") as llm:
        prompts = [llm.chat_prompt([{"role": "user", "content": question}]) for question in QUESTIONS]
        params = SamplingParams(temperature=0, max_tokens=40, ignore_eos=True)
        outputs = llm.generate(prompts, params, progress=False)
    for prompt, output in zip(prompts, outputs, strict=True):
        ids = torch.tensor([prompt["prompt_token_ids"]])
        expected = oracle.generate(ids, max_new_tokens=40, do_sample=False, eos_token_id=None)[0, ids.shape[1] :]
        assert output.outputs[0].token_ids == expected.tolist()


def test_the_chat_template_is_the_one_that_transformers_applies(llm: LLM) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER)
    messages = [{"role": "user", "content": QUESTIONS[0]}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert llm.chat_prompt(messages)["prompt_token_ids"] == tokenizer.encode(text, add_special_tokens=False)


def test_it_answers_help_questions_and_looks_things_up(llm: LLM) -> None:
    scores = measure(EngineSubject(llm, None), Effort(60, ((256, 20), (512, 20)), 16_384), lambda part: None)
    assert scores["help"] >= 0.8
    assert scores["recall"]["512"] >= 0.9
    assert scores["perplexity"] < 50


def test_both_models_share_a_tokenizer_and_fit_the_limit_together() -> None:
    assert (FOLDER / "tokenizer.json").read_bytes() == (DRAFT / "tokenizer.json").read_bytes()
    size = sum(path.stat().st_size for folder in (FOLDER, DRAFT) for path in folder.iterdir())
    assert size <= 25_000_000
    for folder in (FOLDER, DRAFT):
        assert json.loads((folder / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
