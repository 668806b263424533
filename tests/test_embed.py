"""Embeddings and log-probabilities of prompts, from Python."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch

from doubletime import LLM, SamplingParams
from doubletime.completion import RequestOutput
from doubletime.lab.replay import replay
from doubletime.models import State
from tests.checkpoints import checkpoint, oracle, random_prompts

torch.set_num_threads(1)
LONGEST = 64
PROMPTS = random_prompts(5, [9, 1, LONGEST, 20, 33], seed=4)


def ids(tokens: list[int]) -> dict[str, list[int]]:
    return {"prompt_token_ids": tokens}


ASKED = [ids(prompt) for prompt in PROMPTS]


@pytest.fixture(scope="module")
def llm() -> Iterator[LLM]:
    with LLM(str(checkpoint("qwen3")), kv_memory="4MB", max_model_len=LONGEST, max_rows=32, max_seats=8) as made:
        yield made


@torch.inference_mode()
def states(prompt: list[int]) -> torch.Tensor:
    found: torch.Tensor = oracle("qwen3").model(torch.tensor([prompt])).last_hidden_state[0]
    return found


# ---- embeddings


def test_an_embedding_is_the_last_state_at_length_one(llm: LLM) -> None:
    """Also of a prompt that fills the model: nothing is generated."""
    for output, prompt in zip(llm.embed(ASKED), PROMPTS, strict=True):
        expected = torch.nn.functional.normalize(states(prompt)[-1], dim=0)
        torch.testing.assert_close(torch.tensor(output.outputs.embedding), expected, atol=1e-4, rtol=0)
        assert (output.prompt, output.prompt_token_ids, output.finished) == (None, prompt, True)


def test_or_the_mean_of_all_as_it_is(llm: LLM) -> None:
    for output, prompt in zip(llm.embed(ASKED, pooling="mean", normalize=False), PROMPTS, strict=True):
        expected = states(prompt).mean(0)
        torch.testing.assert_close(torch.tensor(output.outputs.embedding), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_it_does_not_depend_on_the_batch_nor_on_what_is_cached(llm: LLM, pooling: Any) -> None:
    together = [output.outputs.embedding for output in llm.embed(ASKED, pooling=pooling)]
    alone = [llm.embed(prompt, pooling=pooling)[0].outputs.embedding for prompt in ASKED]
    assert together == alone


def test_fewer_dimensions_have_length_one_too(llm: LLM) -> None:
    (short,), (whole,) = llm.embed(ASKED[0], dimensions=7), llm.embed(ASKED[0], normalize=False)
    expected = torch.nn.functional.normalize(torch.tensor(whole.outputs.embedding[:7]), dim=0)
    torch.testing.assert_close(torch.tensor(short.outputs.embedding), expected)


@pytest.mark.parametrize(
    ("prompts", "settings", "told"),
    [
        ([ids([5]), ids([])], {}, "prompt 1 is empty"),
        ([ids([5] * (LONGEST + 1))], {}, "prompt 0 has 65 tokens and asks for 0; the model holds 64"),
        (ASKED, {"pooling": "first"}, "pooling must be last or mean, not 'first'"),
        (ASKED, {"dimensions": 0}, "dimensions must be at least 1, not 0"),
        (ASKED, {"dimensions": 49}, "dimensions must be at most 48, not 49"),
        (ASKED, {"priority": [1]}, "1 priority for 5 prompts"),
        ("text", {}, "no tokenizer"),
    ],
)
def test_what_cannot_be_embedded_is_told_before_any_is(llm: LLM, prompts: Any, settings: Any, told: str) -> None:
    steps = llm._running.engine.steps
    with pytest.raises(ValueError, match=told):
        llm.embed(prompts, **settings)
    assert llm._running.engine.steps == steps


def test_a_failure_is_an_error_of_its_own_prompt(llm: LLM, monkeypatch: pytest.MonkeyPatch) -> None:
    final = llm.model.final
    monkeypatch.setattr(llm.model, "final", lambda hidden: final(hidden) * (math.nan if len(hidden) == 20 else 1))
    outputs = [output.outputs for output in llm.embed(ASKED[3:], pooling="mean")]
    assert [bool(each.embedding) for each in outputs] == [False, True]
    assert outputs[0].error == "the embedding is not finite: the model overflows in this dtype"


# ---- log-probabilities of prompts


def scored(llm: LLM, prompts: list[dict[str, list[int]]], **params: Any) -> list[RequestOutput]:
    return llm.generate(prompts, SamplingParams(temperature=0, ignore_eos=True, **params), progress=False)


def test_prompts_have_log_probabilities(llm: LLM) -> None:
    for output, prompt in zip(scored(llm, ASKED, max_tokens=0, prompt_logprobs=2), PROMPTS, strict=True):
        assert output.prompt_logprobs is not None
        first, *rest = output.prompt_logprobs
        assert first is None
        with torch.inference_mode():
            theirs = oracle("qwen3")(torch.tensor([prompt])).logits[0].log_softmax(-1)
        for at, (token, entry) in enumerate(zip(prompt[1:], rest, strict=True)):
            assert entry is not None
            assert next(iter(entry)) == token
            assert {other for other, value in entry.items() if value.rank in (1, 2)} == set(
                theirs[at].topk(2).indices.tolist()
            )
            for other, value in entry.items():
                assert value.logprob == pytest.approx(float(theirs[at, other]), abs=1e-4)
        assert [(choice.token_ids, choice.finish_reason) for choice in output.outputs] == [([], "length")]


def test_they_do_not_change_what_is_generated(llm: LLM) -> None:
    """And what is generated is scored as the same tokens are in a prompt."""
    (plain,), (asked,) = (
        scored(llm, ASKED[:1], max_tokens=12, logprobs=0),
        scored(llm, ASKED[:1], max_tokens=12, prompt_logprobs=0, n=2),
    )
    tokens = plain.outputs[0].token_ids
    assert [choice.token_ids for choice in asked.outputs] == [tokens, tokens]
    assert plain.prompt_logprobs is None
    (again,) = scored(llm, [ids([*PROMPTS[0], *tokens])], max_tokens=0, prompt_logprobs=0)
    assert again.prompt_logprobs is not None
    assert plain.outputs[0].logprobs is not None
    told = [entry[token].logprob for token, entry in zip(tokens, plain.outputs[0].logprobs, strict=True)]
    assert [next(iter(entry.values())).logprob for entry in again.prompt_logprobs[-12:] if entry] == told


def test_nothing_generated_and_nothing_asked_still_fills_the_cache(llm: LLM) -> None:
    llm._running.engine.scheduler.memory.drop_cache()
    (output,) = scored(llm, [ASKED[3]], max_tokens=0)
    assert (output.outputs[0].token_ids, output.outputs[0].finish_reason) == ([], "length")
    assert len(llm._running.engine.scheduler.memory.pools[0].index) == 1


def test_a_failed_prompt_has_an_error_and_no_log_probabilities(llm: LLM, monkeypatch: pytest.MonkeyPatch) -> None:
    run = llm.model.run

    def bomb(state: State, *rest: Any) -> Any:
        if state.rows == 20:
            raise RuntimeError("out of luck")
        return run(state, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(llm.model, "run", bomb)
    bad, good = (scored(llm, [prompt], max_tokens=1, prompt_logprobs=0)[0] for prompt in (ASKED[3], ASKED[0]))
    assert (bad.outputs[0].finish_reason, bad.prompt_logprobs) == ("error", None)
    assert len(good.prompt_logprobs or ()) == len(PROMPTS[0])


def test_a_recording_of_both_replays(tmp_path: Path) -> None:
    record = tmp_path / "log"
    with LLM(str(checkpoint("qwen3")), kv_memory="4MB", max_model_len=LONGEST, record=str(record)) as llm:
        llm.embed(ASKED, pooling="mean", progress=False)
        scored(llm, ASKED, max_tokens=0, prompt_logprobs=0)
    with record.open() as lines:
        report = replay(lines)
    assert (report.complete, report.requests) == (True, 10)
