"""A stop lands between any two operators, keeps what was begun, and revokes what was planned without knowing of it."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")

from doubletime.core.vocabulary import Slab
from tests.checkpoints import FAMILIES, first_difference, random_prompts
from tests.executors.torch_driver import KERNELS, Driver, model_of, token_of
from tests.watched import watched

LONG, SHORT = random_prompts(2, [30, 9], seed=5)


class Stopper:
    """Stops step `step` when it has reached `depth`."""

    def __init__(self, name: str, kernels: str = "torch") -> None:
        self.step, self.depth = -1, -1
        self.driver = Driver(name, model=watched(model_of(name, kernels), self._tell))

    def at(self, depth: int) -> None:
        """The next step will be stopped at `depth`."""
        self.step, self.depth = self.driver.steps, depth

    def _tell(self, depth: int) -> None:
        if depth == self.depth:
            self.driver.executor.stop(self.step)
            self.depth = -1


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", FAMILIES)
def test_stopped_at_every_operator_and_resumed(name: str, kernels: str) -> None:
    """A prefill is stopped at every point in turn, always beside a decode, which stays open too."""
    stopper = Stopper(name, kernels)
    with stopper.driver as driver:
        driver.admit(0, LONG)
        driver.admit(1, SHORT)
        first = driver.step(driver.slab(1, 0, len(SHORT), samples=1)).sampled[0].token
        for point in range(1, driver.total):
            stopper.at(point)
            both = driver.slab(0, 0, 30, point - 1, samples=1), driver.slab(1, len(SHORT), 1, point - 1, samples=1)
            output = driver.step(*both)
            assert (output.reached, output.sampled) == (point, ())
        ends = [driver.slab(0, 0, 30, driver.total - 1, samples=1), driver.slab(1, 9, 1, driver.total - 1, samples=1)]
        output = driver.step(*ends)
        tokens = [token_of(output, 0), *driver.decode(0, 30, 10)]
        others = [first, token_of(output, 1), *driver.decode(1, 10, 10)]
    first_difference(name, LONG, tokens)
    first_difference(name, SHORT, others)


@pytest.mark.parametrize("name", FAMILIES)
def test_resumed_at_another_depth_than_its_neighbours(name: str) -> None:
    """After a stop in the middle of a layer, the open prefill goes on beside new work of full depth."""
    for point in (1, 7, 12):
        stopper = Stopper(name)
        with stopper.driver as driver:
            driver.admit(0, LONG)
            driver.admit(1, SHORT)
            stopper.at(point)
            assert driver.step(driver.slab(0, 0, 30, samples=1)).reached == point
            output = driver.step(driver.slab(0, 0, 30, point, samples=1), driver.slab(1, 0, 9, samples=1))
            tokens = [token_of(output, 0), *driver.decode(0, 30, 6)]
            others = [token_of(output, 1), *driver.decode(1, 9, 6)]
        first_difference(name, LONG, tokens)
        first_difference(name, SHORT, others)


def test_a_stop_completes_what_ended_above_it_and_leaves_what_begins_below() -> None:
    """Three slabs in one step, stopped at 7: one ends at 5, one goes through, one (open at 10) begins at 10."""
    stopper = Stopper("llama")
    with stopper.driver as driver:
        prompts = random_prompts(3, [6, 8, 10], seed=6)
        for seq, prompt in enumerate(prompts):
            driver.admit(seq, prompt)
        driver.step(driver.slab(2, 0, 10, 0, 10))
        stopper.at(7)
        slabs = [driver.slab(0, 0, 6, 0, 5), driver.slab(1, 0, 8, samples=1), driver.slab(2, 0, 10, 10, samples=1)]
        assert driver.step(*slabs).reached == 7
        rest = [driver.slab(0, 0, 6, 5, samples=1), driver.slab(1, 0, 8, 7, samples=1), slabs[2]]
        output = driver.step(*rest)
        texts = [[token_of(output, seq), *driver.decode(seq, len(prompts[seq]), 5)] for seq in range(3)]
    for prompt, text in zip(prompts, texts, strict=True):
        first_difference("llama", prompt, text)


def test_a_stop_revokes_plans_that_did_not_know_of_it() -> None:
    stopper = Stopper("llama")
    with stopper.driver as driver:
        driver.admit(0, LONG)
        driver.admit(1, SHORT)
        stopper.at(4)
        driver.send(driver.slab(0, 0, 30, samples=1))
        driver.send(driver.slab(0, 30, 1, samples=1), driver.slab(1, 0, 9, samples=1))
        outputs = [driver.answer(), driver.answer()]
        assert [(each.reached, each.revoked, each.sampled) for each in outputs] == [(4, False, ()), (None, True, ())]
        output = driver.step(driver.slab(0, 0, 30, 4, samples=1))
        tokens = [token_of(output, 0), *driver.decode(0, 30, 5)]
    first_difference("llama", LONG, tokens)


def test_a_revoked_plan_still_does_its_bookkeeping() -> None:
    stopper = Stopper("llama")
    with stopper.driver as driver:
        driver.admit(0, LONG)
        driver.admit(1, SHORT)
        stopper.at(4)
        driver.send(driver.slab(0, 0, 30, samples=1))
        driver.send(driver.slab(1, 0, 9, samples=1))  # its blocks reach the executor with this plan only
        assert [driver.answer().revoked, driver.answer().revoked] == [False, True]
        tokens = [driver.step(driver.slab(1, 0, 9, samples=1)).sampled[0].token, *driver.decode(1, 9, 5)]
    first_difference("llama", SHORT, tokens)


def test_a_dropped_open_slab_starts_again() -> None:
    stopper = Stopper("llama")
    with stopper.driver as driver:
        driver.admit(0, LONG)
        stopper.at(8)
        driver.step(driver.slab(0, 0, 30, samples=1))
        driver.pending["drops"].append(0)
        output = driver.step(driver.slab(0, 0, 30, samples=1))
        assert driver.executor.runner.walker.open == {}
        tokens = [token_of(output, 0), *driver.decode(0, 30, 5)]
    first_difference("llama", LONG, tokens)


def test_a_stop_for_another_step_does_nothing() -> None:
    stopper = Stopper("llama")
    with stopper.driver as driver:
        driver.admit(0, LONG)
        driver.executor.stop(-1)
        assert driver.step(driver.slab(0, 0, 30, samples=1)).reached is None
        driver.executor.stop(0)
        assert driver.step(driver.slab(0, 30, 1, samples=1)).reached is None


def test_a_stop_during_the_last_operator_comes_too_late() -> None:
    stopper = Stopper("llama")
    with stopper.driver as driver:
        driver.admit(0, LONG)
        stopper.at(driver.total)
        output = driver.step(driver.slab(0, 0, 30, samples=1))
        assert output.reached is None
        assert len(output.sampled) == 1


def test_a_stop_that_comes_before_its_step_begins() -> None:
    """The step ends at its first point, and nothing has run."""
    with Driver("llama") as driver:
        driver.admit(0, LONG)
        driver.step(driver.slab(0, 0, 30, 0, 5))
        driver.executor.stop(driver.steps)
        slab = Slab(0, 0, 30, 5, driver.total, 1)
        assert driver.step(slab).reached == 5
        tokens = [driver.step(slab).sampled[0].token, *driver.decode(0, 30, 5)]
    first_difference("llama", LONG, tokens)
