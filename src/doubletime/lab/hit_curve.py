"""How much of a trace's prompts a prefix cache of a given size finds, if requests come one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from doubletime.core.blocks import BlockPool
from doubletime.lab.workload.lines import objects

Prompt = tuple[int, ...]
"""The ids of its blocks: equal ids, equal prefix up to there."""


def hash_ids(path: Path) -> Iterator[Prompt]:
    """The prompts of a trace with block hashes (Mooncake's, Qwen-Bailian's), each block once, the partly filled last
    one too: the published curves count it. An engine does not: what is not full is not shared.
    """
    return (tuple(dict.fromkeys(item["hash_ids"])) for item in objects(path))


def hit_rate(prompts: Iterable[Prompt], blocks: int) -> float:
    """Blocks found among all that were asked for, with one pool of the engine's own for all.

    Each request takes its prefix, computes the rest, publishes it and gives all back before the next one comes; the
    least recently used block goes first, of one request the last. A prompt longer than the whole pool leaves only its
    beginning there.
    """
    pool = BlockPool(blocks)
    found = asked = 0
    for prompt in prompts:
        asked += len(prompt)
        found += _serve(pool, prompt)
    return found / asked if asked else 0.0


def _serve(pool: BlockPool, prompt: Prompt) -> int:
    """One request; how many of its leading blocks were there."""
    held = []
    for key in prompt:
        block = pool.index.get(key)
        if block is None:
            break
        pool.share(block)
        held.append(block)
    hits = len(held)
    for key in prompt[hits : hits + pool.available]:
        block = pool.allocate()
        pool.publish(block, key)
        held.append(block)
    for block in reversed(held):
        pool.release(block, 0.0)
    return hits
