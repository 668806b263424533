"""A failing step is reported and kills its own sequences, not the executor."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")

import torch

from doubletime.core.vocabulary import DepthMap, Limits
from doubletime.decoding.sampling import Sampling
from doubletime.executors.device import is_lost
from doubletime.executors.torch_executor import TorchExecutor
from doubletime.shapes import kv_groups
from tests.checkpoints import first_difference, random_prompts
from tests.executors.torch_driver import KERNELS, Driver, model_of, token_of
from tests.watched import watched

FIRST, SECOND = random_prompts(2, [20, 11], seed=9)


class Bomb:
    """Fails the forward pass at `depth` while armed."""

    def __init__(self) -> None:
        self.armed = False

    def __call__(self, depth: int) -> None:
        if self.armed and depth == 8:
            raise RuntimeError("out of luck")


@pytest.mark.parametrize("kernels", KERNELS)
def test_an_exception_fails_its_step_and_the_others_go_on(kernels: str) -> None:
    bomb = Bomb()
    with Driver("llama", model=watched(model_of("llama", kernels), bomb)) as driver:
        driver.admit(0, FIRST)
        driver.admit(1, SECOND)
        tokens = [driver.step(driver.slab(1, 0, 11, samples=1)).sampled[0].token]
        bomb.armed = True
        driver.send(driver.slab(0, 0, 20, samples=1))
        output = driver.answer()
        assert output.error == "RuntimeError: out of luck"
        assert output.sampled == ()
        bomb.armed = False
        tokens += driver.decode(1, 11, 6)
    first_difference("llama", SECOND, tokens)


def test_later_slabs_of_a_failed_sequence_are_skipped_until_it_ends() -> None:
    bomb = Bomb()
    with Driver("llama", model=watched(model_of("llama"), bomb)) as driver:
        driver.admit(0, FIRST)
        driver.admit(1, SECOND)
        tokens = [driver.step(driver.slab(1, 0, 11, samples=1)).sampled[0].token]
        bomb.armed = True
        driver.send(driver.slab(0, 0, 20, samples=1))
        assert driver.answer().error is not None
        bomb.armed = False
        output = driver.step(driver.slab(0, 20, 1, samples=1), driver.slab(1, 11, 1, samples=1))
        assert [sampled.seq for sampled in output.sampled] == [1]
        driver.end(0)
        tokens += [token_of(output, 1), *driver.decode(1, 12, 6)]
    first_difference("llama", SECOND, tokens)


def test_unknown_tokens_and_missing_blocks_are_errors_of_their_step() -> None:
    with Driver("llama") as driver:
        driver.admit(0, FIRST)
        driver.send(driver.slab(0, 0, 21, samples=1))
        assert "sequence 0 has 20 tokens" in (driver.answer().error or "")
        driver.admit(1, SECOND)
        driver.tables.lists[1, 0] = [-1] * 5
        driver.pending["tables"] = [(1, 0, 0, (-1,) * 5)]
        driver.send(driver.slab(1, 0, 11, samples=1))
        assert "no KV block" in (driver.answer().error or "")


def test_a_slab_that_goes_on_from_nowhere_is_an_error_of_its_step() -> None:
    with Driver("llama") as driver:
        driver.admit(0, FIRST)
        driver.send(driver.slab(0, 0, 20, top=5, samples=1))
        assert "no open slab; 20 at depth 5" in (driver.answer().error or "")
        driver.admit(1, FIRST)
        driver.step(driver.slab(1, 0, 20, bottom=5))
        driver.send(driver.slab(1, 0, 20, top=10, samples=1))
        assert "20 rows at depth 5; 20 at depth 10" in (driver.answer().error or "")


def test_tokens_outside_the_vocabulary_are_refused_at_once() -> None:
    with Driver("llama") as driver:
        for tokens in ([5, 256], [-1]):
            with pytest.raises(ValueError, match=r"\[0, 256\)"):
                driver.admit(0, tokens)
            with pytest.raises(ValueError, match=r"\[0, 256\)"):
                driver.executor.append(0, tokens)


def test_limits_of_another_model_are_refused() -> None:
    model = model_of("llama")
    limits = Limits(kv_groups(model.shape), (8,), DepthMap(7), 1, 1)
    with pytest.raises(ValueError, match="depth 7"):
        TorchExecutor(model, limits, lambda output: None)


def test_tokens_do_not_depend_on_what_else_is_in_the_batch() -> None:
    """Random sampling, alone and beside others that sample otherwise."""
    random = Sampling(temperature=0.8, top_p=0.9, seed=11, choice=1)
    texts = []
    for crowd in (False, True):
        with Driver("qwen3") as driver:
            driver.admit(0, FIRST, random)
            driver.admit(1, SECOND, Sampling(temperature=1.5, top_k=20, seed=3))
            driver.admit(2, SECOND)
            prompts = {0: FIRST, 1: SECOND, 2: SECOND} if crowd else {0: FIRST}
            output = driver.step(*(driver.slab(seq, 0, len(text), samples=1) for seq, text in prompts.items()))
            texts.append([token_of(output, 0)])
            for step in range(20):
                slabs = [driver.slab(seq, len(text) + step, 1, samples=1) for seq, text in prompts.items()]
                texts[-1].append(token_of(driver.step(*slabs), 0))
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 10


def test_a_device_that_is_lost_is_told_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = Bomb()
    bomb.armed = True
    with Driver("llama", model=watched(model_of("llama"), bomb)) as driver:
        driver.admit(0, FIRST)
        monkeypatch.setattr("doubletime.executors.torch_runner.is_lost", lambda device: True)
        driver.send(driver.slab(0, 0, 20, samples=1))
        assert driver.answer().lost


def test_a_failure_between_steps_is_told_since_nothing_can_be_trusted_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with Driver("llama", model=model_of("llama")) as driver:
        monkeypatch.setattr(driver.executor.runner, "admit", lambda *_: 1 / 0)
        driver.admit(0, FIRST)
        output = driver.answer()
    assert output.lost
    assert output.error == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(("fails", "lost"), [(False, False), (True, True)])
def test_a_cuda_device_is_lost_when_it_repeats_its_error(
    monkeypatch: pytest.MonkeyPatch, fails: bool, lost: bool
) -> None:
    def synchronize(device: torch.device) -> None:
        if fails:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    assert is_lost(torch.device("cuda")) is lost
    assert not is_lost(torch.device("cpu"))
