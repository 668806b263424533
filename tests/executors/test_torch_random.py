"""Random schedules: sequences cut anyhow by tokens and by depth, stopped at random operators. The tokens stay."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("transformers")

from doubletime.core.vocabulary import Open, Slab
from tests.checkpoints import FAMILIES, first_difference, random_prompts
from tests.executors.test_torch_stops import Stopper

OUTPUT = 10


class Progress:
    """One sequence on its way: how many tokens have KV at full depth, its open slab, its output."""

    def __init__(self, seq: int, prompt: list[int]) -> None:
        self.seq = seq
        self.prompt = prompt
        self.text: list[int] = []
        self.done = 0
        self.open: Open | None = None

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.text)

    def next_slab(self, chance: random.Random, layers: int, points: int) -> Slab:
        """From where it is, some tokens, to the end of some layer."""
        start, top = (self.open.start, self.open.depth) if self.open else (self.done, 0)
        tokens = self.open.tokens if self.open else chance.randint(1, self.length - self.done)
        bottom = points * chance.choice([layers, layers, chance.randint(top // points + 1, layers)])
        samples = int(bottom == points * layers and start + tokens == self.length)
        return Slab(self.seq, start, tokens, top, bottom, samples)

    def ran(self, slab: Slab, reached: int | None, total: int) -> None:
        depth = slab.bottom if reached is None else min(slab.bottom, reached)
        if depth == total:
            self.done, self.open = slab.end, None
        elif depth > slab.top:
            self.open = Open(slab.start, slab.tokens, depth)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", FAMILIES)
def test_random_schedules(name: str, seed: int) -> None:
    chance = random.Random(seed)
    sequences = [Progress(seq, prompt) for seq, prompt in enumerate(random_prompts(5, [3, 40, 21, 8], seed))]
    stopper = Stopper(name)
    with stopper.driver as driver:
        depth = driver.limits.depth
        for each in sequences:
            driver.admit(each.seq, each.prompt)
        while unfinished := [each for each in sequences if len(each.text) < OUTPUT]:
            chosen = chance.sample(unfinished, chance.randint(1, len(unfinished)))
            slabs = {each.seq: each.next_slab(chance, depth.layers, depth.points) for each in chosen}
            stopper.at(chance.randint(1, 2 * depth.total))
            output = driver.step(*slabs.values())
            for each in chosen:
                each.ran(slabs[each.seq], output.reached, depth.total)
                driver.slide(each.seq, each.done)
            for sampled in output.sampled:
                sequences[sampled.seq].text.append(sampled.token)
    for each in sequences:
        first_difference(name, each.prompt, each.text)
