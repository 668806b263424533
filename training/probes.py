"""Teacher-forced scores: greedy decoding writes an answer exactly when every one of its tokens is the argmax."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor

from doubletime.lab import recall
from training import chat, phrasings
from training.batches import Data
from training.model import Llama
from training.parallel import workers

Asked = tuple[str, str]  # content of the user's message, expected answer
PAD = 3


def exact(model: Llama, data: Data, asked: Sequence[Asked], rows: int = 32) -> list[bool]:
    """Whether greedy decoding gives each answer and then ends the turn."""
    pairs = [(data.encode(chat.user(q)), data.encode(chat.answer(a))) for q, a in asked]
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    parts = [order[at : at + rows] for at in range(0, len(order), rows)]
    with workers() as pool:
        results = list(pool.map(lambda part: _exact_batch(model, [pairs[i] for i in part]), parts))
    found = dict(zip(chain.from_iterable(parts), chain.from_iterable(results), strict=True))
    return [found[i] for i in range(len(pairs))]


@torch.no_grad()
def _exact_batch(model: Llama, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[bool]:
    longest = max(len(q) + len(a) for q, a in pairs)
    ids = torch.tensor([[*q, *a] + [PAD] * (longest - len(q) - len(a)) for q, a in pairs])
    hidden = model(ids)
    return [_writes(model.logits(hidden[i, len(q) - 1 : len(q) + len(a) - 1]), a) for i, (q, a) in enumerate(pairs)]


def _writes(logits: Tensor, answer: Sequence[int]) -> bool:
    return bool((logits.argmax(-1) == torch.tensor(answer)).all())


def help_questions(data: Data, templates: Sequence[str]) -> list[Asked]:
    """One question per fact, the phrasings taken in turn."""
    return [(templates[i % len(templates)].format(n=n), s) for i, (n, s) in enumerate(data.facts)]


def reverse_questions(data: Data, templates: Sequence[str]) -> list[Asked]:
    return [(templates[i % len(templates)].format(s=s), f"`{n}`") for i, (n, s) in enumerate(data.reversible)]


def recall_questions(data: Data, tokens: int, count: int, seed: int = 11) -> list[Asked]:
    words = data.words + data.held_out_words
    tasks = recall.lookups(seed, data.encode, tokens, count, words, data.held_out_words)
    return [(t.prompt, t.answer) for t in tasks]


@torch.no_grad()
def perplexity(model: Llama, tokens: Sequence[int], window: int = 512) -> float:
    """exp of the mean loss over consecutive windows; each window starts without context."""
    losses, count = 0.0, 0
    for at in range(0, len(tokens) - 1, window):
        piece = torch.tensor([tokens[at : at + window + 1]])
        logits = model.logits(model(piece[:, :-1]))[0]
        losses += float(F.cross_entropy(logits, piece[0, 1:], reduction="sum"))
        count += logits.shape[0]
    return float(torch.tensor(losses / count).exp())


def share(values: Sequence[bool]) -> float:
    return round(sum(values) / max(1, len(values)), 4)


def quick_scores(model: Llama, data: Data) -> dict[str, float]:
    """A cheap sample of each skill for the log."""
    rng = random.Random(3)
    sample: Callable[[list[Asked]], list[Asked]] = lambda asked: rng.sample(asked, 64)  # noqa: E731
    text = next(iter(data.held_out_texts.values()))
    return {
        "help": share(exact(model, data, sample(help_questions(data, phrasings.FORWARD_SEEN)))),
        "help_held_out": share(exact(model, data, sample(help_questions(data, phrasings.FORWARD_HELD_OUT)))),
        "reverse": share(exact(model, data, sample(reverse_questions(data, phrasings.REVERSE_SEEN)))),
        "recall_256": share(exact(model, data, recall_questions(data, 256, 32))),
        "recall_512": share(exact(model, data, recall_questions(data, 512, 32), rows=8)),
        "recall_2048": share(exact(model, data, recall_questions(data, 2048, 10), rows=2)),
        "perplexity": round(perplexity(model, data.encode(text)), 2),
    }
