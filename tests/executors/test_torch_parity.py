"""Greedy tokens and log-probabilities are transformers', for every family and variant, however the work is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest

pytest.importorskip("transformers")

import torch

from doubletime.decoding.sampling import Sampling
from tests.checkpoints import FAMILIES, VARIANTS, first_difference, greedy, oracle_logits, random_prompts
from tests.executors.torch_driver import KERNELS, Driver, model_of, token_of

PROMPT = random_prompts(1, [45], seed=1)[0]


def chunks(driver: Driver, seq: int, prompt: list[int], size: int) -> int:
    """Prefills in chunks of `size`; the last samples. Returns the token."""
    for start in range(0, len(prompt), size):
        end = min(start + size, len(prompt))
        output = driver.step(driver.slab(seq, start, end - start, samples=int(end == len(prompt))))
        driver.slide(seq, end)
    return output.sampled[0].token


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", VARIANTS)
def test_whole_prefill_then_decodes(kernels: str, name: str) -> None:
    with Driver(name, model=model_of(name, kernels)) as driver:
        driver.admit(0, PROMPT)
        tokens = [chunks(driver, 0, PROMPT, len(PROMPT)), *driver.decode(0, len(PROMPT), 47)]
    assert len(set(tokens)) >= 10
    first_difference(name, PROMPT, tokens)


@pytest.mark.parametrize("size", [1, 7, 16])
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", FAMILIES)
def test_chunked_prefill(kernels: str, name: str, size: int) -> None:
    with Driver(name, model=model_of(name, kernels)) as driver:
        driver.admit(0, PROMPT)
        tokens = [chunks(driver, 0, PROMPT, size), *driver.decode(0, len(PROMPT), 15)]
    first_difference(name, PROMPT, tokens)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", FAMILIES)
def test_layered_prefill(kernels: str, name: str, layers: int) -> None:
    with Driver(name, model=model_of(name, kernels)) as driver:
        driver.admit(0, PROMPT)
        cuts = [*range(0, driver.total, layers * driver.limits.depth.points), driver.total]
        for top, bottom in pairwise(cuts):
            output = driver.step(driver.slab(0, 0, len(PROMPT), top, bottom, samples=int(bottom == driver.total)))
        tokens = [output.sampled[0].token, *driver.decode(0, len(PROMPT), 15)]
    first_difference(name, PROMPT, tokens)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_mixed_batch_of_decodes_and_prefills_at_different_depths(kernels: str, name: str) -> None:
    """Four sequences start one step after the other, cut by layers and by tokens, beside each other's decodes."""
    prompts = random_prompts(4, [5, 33, 18, 50], seed=2)
    with Driver(name, blocks=96, model=model_of(name, kernels)) as driver:
        for seq, prompt in enumerate(prompts):
            driver.admit(seq, prompt)
        texts = _staircase(driver, prompts, count=16)
    for prompt, text in zip(prompts, texts, strict=True):
        first_difference(name, prompt, text)


def _staircase(driver: Driver, prompts: list[list[int]], count: int) -> list[list[int]]:
    """In each step a prefill advances a layer; all that is prefilled decodes; a new one starts every second step."""
    points = driver.limits.depth.points
    depth, texts = [0] * len(prompts), [[] for _ in prompts]
    for step in range(200):
        slabs = []
        for seq, prompt in enumerate(prompts):
            if texts[seq] and len(texts[seq]) < count:
                slabs.append(driver.slab(seq, len(prompt) + len(texts[seq]) - 1, 1, samples=1))
            elif not texts[seq] and step >= 2 * seq:
                bottom = depth[seq] + points
                slabs.append(driver.slab(seq, 0, len(prompt), depth[seq], bottom, int(bottom == driver.total)))
                depth[seq] = bottom
        if not slabs:
            return texts
        for sampled in driver.step(*slabs).sampled:
            texts[sampled.seq].append(sampled.token)
    raise AssertionError("no end")


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", VARIANTS)
def test_log_probabilities(kernels: str, name: str) -> None:
    with Driver(name, model=model_of(name, kernels)) as driver:
        driver.admit(0, PROMPT, Sampling(temperature=0, logprobs=5))
        sampled = driver.step(driver.slab(0, 0, len(PROMPT), samples=1)).sampled[0]
        follower = driver.step(driver.slab(0, len(PROMPT), 1, samples=1)).sampled[0]
    for draw, text in ((sampled, PROMPT), (follower, [*PROMPT, sampled.token])):
        expected = oracle_logits(name, text).log_softmax(-1)
        assert draw.logprob == pytest.approx(float(expected[draw.token]), abs=1e-4)
        assert [token for token, _ in draw.top] == expected.topk(5).indices.tolist()
        assert [value for _, value in draw.top] == pytest.approx(expected.topk(5).values.tolist(), abs=1e-4)


@pytest.mark.parametrize("kernels", KERNELS)
def test_many_decodes_of_mixed_length_share_a_batch(kernels: str) -> None:
    prompts = random_prompts(12, [1, 3, 70, 20, 130, 64, 65], seed=3)
    with Driver("gemma3", blocks=400, model=model_of("gemma3", kernels)) as driver:
        for seq, prompt in enumerate(prompts):
            driver.admit(seq, prompt)
        output = driver.step(*(driver.slab(seq, 0, len(prompt), samples=1) for seq, prompt in enumerate(prompts)))
        texts = [[token_of(output, seq)] for seq in range(12)]
        for step in range(7):
            output = driver.step(*(driver.slab(seq, len(prompts[seq]) + step, 1, samples=1) for seq in range(12)))
            for seq in range(12):
                texts[seq].append(token_of(output, seq))
    for prompt, text in zip(prompts, texts, strict=True):
        first_difference("gemma3", prompt, text)


@pytest.mark.parametrize("kernels", KERNELS)
def test_a_prefill_longer_than_a_query_part(kernels: str) -> None:
    prompt = random_prompts(1, [700], seed=4)[0]
    for name in ("llama", "gemma3"):
        with Driver(name, blocks=256, model=model_of(name, kernels)) as driver:
            driver.admit(0, prompt)
            driver.step(driver.slab(0, 0, 100))
            tokens = [driver.step(driver.slab(0, 100, 600, samples=1)).sampled[0].token, *driver.decode(0, 700, 3)]
        first_difference(name, prompt, tokens)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", FAMILIES)
def test_half_precision_stays_close_to_float32(name: str, dtype: str) -> None:
    from doubletime.models import load_checkpoint
    from tests.checkpoints import checkpoint

    with Driver(name, model=load_checkpoint(checkpoint(name), dtype)) as driver:
        driver.admit(0, PROMPT, Sampling(temperature=0, logprobs=256))
        sampled = driver.step(driver.slab(0, 0, len(PROMPT), samples=1)).sampled[0]
    expected = oracle_logits(name, PROMPT).log_softmax(-1)
    got = torch.tensor([value for _, value in sorted(sampled.top)])
    divergence = float((expected.exp() * (expected - got)).sum())
    assert divergence < (0.1 if dtype == "bfloat16" else 0.01)


def test_the_oracle_varies() -> None:
    """A model that repeats one token would hide bugs."""
    for name in VARIANTS:
        assert len(set(greedy(name, tuple(PROMPT), 48)[:40])) >= 10, name
