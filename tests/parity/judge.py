"""transformers says what the tokens must be; where its two best logits tie, either will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

import torch

from tests.checkpoints import TIE, oracle, random_prompts

NEW = 48
LENGTHS = (33, 1, 60, 16, 5, 17, 47)
"""Few lengths, so that the oracle generates for several prompts at a time without padding."""


@dataclass
class Verdict:
    """What was compared, and how often a token differed where the oracle ties."""

    positions: int = 0
    logprobs: int = 0
    near: list[str] = field(default_factory=list)

    def __iadd__(self, other: Verdict) -> Verdict:
        self.positions += other.positions
        self.logprobs += other.logprobs
        self.near += other.near
        return self

    @property
    def ties(self) -> int:
        return len(self.near)


@cache
def prompts() -> tuple[tuple[int, ...], ...]:
    """Twenty of mixed length; of the later ones most begin as an earlier one does, some are one whole."""
    texts = [tuple(text) for text in random_prompts(20, LENGTHS, seed=21)]
    longest = texts[2]
    for at in (9, 14, 16, 17):
        texts[at] = longest[: len(texts[at])]
    texts[19] = texts[12][:16]
    texts[7] = texts[0][:20] + texts[7][20:]
    texts[18] = texts[0][:32] + texts[13][:15]
    return tuple(texts)


@cache
def expected(family: str) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Prompt → the oracle's greedy continuation, whatever the tokens are (no end token)."""
    by_length: dict[int, list[tuple[int, ...]]] = {}
    for prompt in dict.fromkeys(prompts()):
        by_length.setdefault(len(prompt), []).append(prompt)
    found = {}
    for batch in by_length.values():
        found.update(zip(batch, _generate(family, batch), strict=True))
    return found


def judge(family: str, prompt: tuple[int, ...], got: Sequence[int]) -> Verdict:
    """Compares greedy tokens with transformers' `generate`. At a difference and from there on the oracle is asked
    for its choice at each position of our own text; an AssertionError names the first token that is no near tie.
    """
    verdict = Verdict(positions=len(got))
    if tuple(got) != expected(family)[prompt]:
        verdict.near = _ties(family, prompt, tuple(got))
    return verdict


def judge_logprobs(family: str, prompt: tuple[int, ...], got: Sequence[int], logprobs: Sequence[float]) -> Verdict:
    """Log-probabilities of the tokens `got` are the oracle's to 1e-4."""
    theirs = logits(family, prompt + tuple(got), len(got)).log_softmax(-1)
    chosen = theirs[torch.arange(len(got)), torch.tensor(got)]
    worst = float((chosen - torch.tensor(logprobs)).abs().max())
    assert worst <= 1e-4, f"{family}: a log-probability differs by {worst}"
    return Verdict(logprobs=len(got))


@lru_cache(maxsize=512)
@torch.inference_mode()
def logits(family: str, text: tuple[int, ...], count: int) -> torch.Tensor:
    """The oracle's logits for each of the last `count` tokens of `text`, [count, vocab]."""
    return oracle(family)(torch.tensor([text[:-1]])).logits[0, -count:].float()


def _ties(family: str, prompt: tuple[int, ...], got: tuple[int, ...]) -> list[str]:
    near = []
    best, ids = logits(family, prompt + got, len(got)).topk(2)
    for at, token in enumerate(got):
        if token == int(ids[at, 0]):
            continue
        gap = float(best[at, 0] - best[at, 1])
        where = f"{family}, prompt of {len(prompt)} tokens: token {at} is {token}, the oracle's {ids[at].tolist()}"
        assert gap <= TIE, f"{where}, gap {gap}"
        assert token == int(ids[at, 1]), where
        near.append(f"{where}, gap {gap}")
    return near


def _generate(family: str, batch: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    ids = torch.tensor(batch)
    out = oracle(family).generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=NEW,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    return [tuple(row) for row in out[:, ids.shape[1] :].tolist()]
