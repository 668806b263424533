"""The parity suite's core on a GPU, where there is one: same code, same tokens, in float32."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")

import torch

from doubletime.decoding.sampling import Sampling
from doubletime.models import load_checkpoint
from tests.checkpoints import VARIANTS, checkpoint, first_difference, random_prompts
from tests.executors.torch_driver import Driver, token_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
PROMPTS = random_prompts(3, [45, 6, 20], seed=1)


@pytest.mark.parametrize("name", VARIANTS)
def test_chunks_and_layers_beside_decodes(name: str) -> None:
    """One prompt whole, one in chunks, one in two groups of layers; then all decode together."""
    with Driver(name, model=load_checkpoint(checkpoint(name), device="cuda")) as driver:
        for seq, prompt in enumerate(PROMPTS):
            driver.admit(seq, prompt)
        cut = driver.limits.depth.points
        driver.step(driver.slab(0, 0, 45), driver.slab(1, 0, 4), driver.slab(2, 0, 20, 0, cut))
        last = driver.slab(0, 44, 1, samples=1), driver.slab(1, 4, 2, samples=1), driver.slab(2, 0, 20, cut, samples=1)
        output = driver.step(*last)
        texts = [[token_of(output, seq)] for seq in range(3)]
        for step in range(47):
            output = driver.step(*(driver.slab(seq, len(PROMPTS[seq]) + step, 1, samples=1) for seq in range(3)))
            for seq in range(3):
                texts[seq].append(token_of(output, seq))
    for prompt, text in zip(PROMPTS, texts, strict=True):
        first_difference(name, prompt, text)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_and_random_draws_run(dtype: str) -> None:
    with Driver("gemma3", model=load_checkpoint(checkpoint("gemma3"), dtype, "cuda")) as driver:
        driver.admit(0, PROMPTS[0], Sampling(temperature=0.8, top_p=0.9, seed=1, logprobs=3))
        sampled = driver.step(driver.slab(0, 0, 45, samples=1)).sampled[0]
    assert sampled.logprob is not None
    assert len(sampled.top) == 3
