"""Log-probabilities of prompts, and embeddings, are transformers', however the work is cut and whatever runs beside."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest

pytest.importorskip("transformers")

import torch

from doubletime.core.vocabulary import Fate
from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.pooling import PoolingParams
from doubletime.engine.messages import Params, Update
from tests.checkpoints import FAMILIES, oracle
from tests.parity.conditions import Condition
from tests.parity.judge import prompts
from tests.parity.run import Run

BEST = 3
Rows = tuple[TokenLogprobs | None, ...]


class PromptRun(Run):
    """Keeps what was read out of the prompts, by request."""

    def __init__(self, condition: Condition, requests: Sequence[tuple[tuple[int, ...], Params]]) -> None:
        super().__init__(condition, requests)  # type: ignore[arg-type]
        self.rows: dict[int, Rows] = {}
        self.vectors: dict[int, list[float]] = {}

    def _emit(self, news: list[Update]) -> None:
        super()._emit(news)
        for update in news:
            if update.prompt_logprobs:
                assert update.choice == 0
                assert update.handle not in self.rows
                self.rows[update.handle] = update.prompt_logprobs
            if update.embedding is not None:
                self.vectors[update.handle] = array("f", update.embedding).tolist()


def params_of(at: int) -> Params:
    """Every kind in turn; of the scored a third generates nothing, some have three choices."""
    if at % 4 == 1:
        return PoolingParams("mean")
    if at % 4 == 3:
        return PoolingParams("last", normalize=False)
    count = (0, 48, 40)[at % 3]
    return SamplingParams(
        temperature=0, n=3 if at % 8 == 4 else 1, max_tokens=count, prompt_logprobs=BEST, ignore_eos=True
    )


REQUESTS = tuple((prompt, params_of(at)) for at, prompt in enumerate(prompts()))


def condition_of(family: str, kernels: str, policy: str) -> Condition:
    return Condition(family, policy, 2, "tight", "stops", hold=True, kernels=kernels)


@cache
def alone(family: str, kernels: str) -> PromptRun:
    """One after the other, and hardly anything generated."""
    requests = [(prompt, _short(params)) for prompt, params in REQUESTS]
    run = PromptRun(Condition(family, arrivals="alone", kernels=kernels), requests)
    run()
    return run


def _short(params: Params) -> Params:
    return replace(params, max_tokens=min(1, params.max_tokens)) if isinstance(params, SamplingParams) else params


@torch.inference_mode()
def check_logprobs(family: str, prompt: tuple[int, ...], rows: Rows) -> None:
    theirs = oracle(family)(torch.tensor([prompt])).logits[0].float().log_softmax(-1)
    assert (len(rows), rows[0]) == (len(prompt), None)
    for at, row in enumerate(rows[1:]):
        assert row is not None
        asked = [prompt[at + 1], *(token for token, _ in row.top)]
        got = torch.tensor([row.logprob, *(logprob for _, logprob in row.top)])
        assert float((theirs[at, asked] - got).abs().max()) <= 1e-4, (family, at)
        assert float((theirs[at].topk(BEST).values - got[1:]).abs().max()) <= 1e-4, (family, at)
        ahead = theirs[at] - theirs[at, prompt[at + 1]]
        assert int((ahead > 1e-4).sum()) < (row.rank or 0) <= int((ahead >= -1e-4).sum()), (family, at)


@torch.inference_mode()
def check_vector(family: str, prompt: tuple[int, ...], params: PoolingParams, vector: list[float]) -> None:
    states = oracle(family).model(torch.tensor([prompt])).last_hidden_state[0]
    theirs = states[-1] if params.pooling == "last" else states.mean(0)
    if params.normalize:
        theirs = torch.nn.functional.normalize(theirs, dim=0)
    torch.testing.assert_close(torch.tensor(vector), theirs, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("kernels", ["torch", "native"])
@pytest.mark.parametrize("family", FAMILIES)
def test_alone(family: str, kernels: str) -> None:
    run = alone(family, kernels)
    assert len(run.rows) + len(run.vectors) == len(REQUESTS)
    for at, (prompt, params) in enumerate(REQUESTS):
        if isinstance(params, PoolingParams):
            check_vector(family, prompt, params, run.vectors[at])
        else:
            check_logprobs(family, prompt, run.rows[at])


@pytest.mark.parametrize("policy", ["sarathi:budget=32", "layered:batch=200,per_group=1", "fcfs:budget=7"])
@pytest.mark.parametrize(
    ("family", "kernels"), [("llama", "torch"), ("llama", "native"), ("gemma3", "native"), ("qwen3_moe", "native")]
)
def test_under_load(family: str, kernels: str, policy: str) -> None:
    """Stopped, held back, preempted and recomputed beside others: with the native kernels bit for bit the same."""
    run, quiet = PromptRun(condition_of(family, kernels, policy), REQUESTS), alone(family, kernels)
    outcome = run()
    assert outcome.stops
    assert outcome.preempted(Fate.RECOMPUTE)
    assert all(len(text.tokens) == REQUESTS[at][1].max_tokens for (at, _), text in run.texts.items())
    if kernels == "native":
        assert (run.rows, run.vectors) == (quiet.rows, quiet.vectors)
        return
    for at, (prompt, params) in enumerate(REQUESTS):
        if isinstance(params, PoolingParams):
            check_vector(family, prompt, params, run.vectors[at])
        else:
            check_logprobs(family, prompt, run.rows[at])
