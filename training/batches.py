"""Training batches: token ids and labels for each skill; a label of -100 carries no loss."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from doubletime.lab import recall
from training import chat, paths, phrasings
from training.stdlib_docs import reversible

IGNORED = -100
Segment = tuple[str, bool]  # text, and whether the model is trained to write it


@dataclass(frozen=True, slots=True)
class Batch:
    """ids and labels [rows, time]; labels[i, t] is the token to predict after ids[i, t]."""

    ids: Tensor
    labels: Tensor


class Data:
    """What `prepare` wrote, and the makers of batches."""

    def __init__(self) -> None:
        stored = json.loads(paths.DATA.read_text())
        self.facts = [(n, s) for n, s in stored["facts"]]
        self.reversible = reversible(self.facts)
        self.words: list[str] = stored["words"]
        self.held_out_words: list[str] = stored["held_out_words"]
        self.held_out_texts: dict[str, str] = stored["held_out_texts"]
        self.stream = np.load(paths.STREAM)
        self.tokenizer = Tokenizer.from_file(str(paths.TOKENIZER))
        self.keys = self._keys()
        self.encode = lru_cache(200_000)(lambda text: tuple(self.tokenizer.encode(text).ids))

    def _keys(self) -> list[str]:
        """Whatever is one token after a space and not held out: rare pieces too, so that lookup works for any key."""
        pieces = (p[1:] for p in self.tokenizer.get_vocab() if p.startswith("Ġ"))
        held_out = set(self.held_out_words)
        return sorted(p for p in pieces if p.isascii() and p.isalpha() and len(p) > 1 and p not in held_out)

    def code(self, rng: random.Random, rows: int, time: int) -> Batch:
        """Windows of the text at random places."""
        starts = [rng.randrange(len(self.stream) - time - 1) for _ in range(rows)]
        windows = np.stack([self.stream[s : s + time + 1] for s in starts]).astype(np.int64)
        tokens = torch.from_numpy(windows)
        return Batch(tokens[:, :-1], tokens[:, 1:])

    def help(self, rng: random.Random, rows: int, time: int) -> Batch:
        """Chats about the standard library, packed; loss on the answers."""
        return self._batch(rows, time, lambda: chain.from_iterable(self._help_chat(rng) for _ in iter(int, 1)))

    def recall(self, rng: random.Random, rows: int, time: int) -> Batch:
        """One context a row with many questions; loss on the values."""
        return self._batch(rows, time, lambda: self._recall_row(rng, time))

    def _help_chat(self, rng: random.Random) -> list[Segment]:
        if rng.random() < 0.2:
            name, sentence = rng.choice(self.reversible)
            asked, told = rng.choice(phrasings.REVERSE_SEEN).format(s=sentence), f"`{name}`"
        else:
            name, told = rng.choice(self.facts)
            asked = rng.choice(phrasings.FORWARD_SEEN).format(n=name)
        opening = chat.system("You are a helpful assistant.") if rng.random() < 0.05 else ""
        return [(opening + chat.user(asked), False), (chat.answer(told), True), ("\n", False)]

    def _recall_row(self, rng: random.Random, time: int) -> Iterator[Segment]:
        kind = rng.random()
        if kind < 0.2:
            return self._copy_row(rng, time)
        return self._lookup_row(rng, time, listed=kind < 0.4)

    def _copy_row(self, rng: random.Random, time: int) -> Iterator[Segment]:
        while True:
            task = recall.copy(rng, self.keys, rng.randint(4, max(5, min(100, time // 8))))
            yield chat.user(task.prompt), False
            yield chat.answer(task.answer), True
            yield "\n", False

    def _lookup_row(self, rng: random.Random, time: int, listed: bool) -> Iterator[Segment]:
        """Lines, then the same keys asked again in another order: as a list of lines, or as turns of a chat."""
        share = rng.uniform(0.3, 0.92) if not listed else rng.uniform(0.3, 0.6)
        pairs = max(4, min(len(self.keys), int(time * share) // 5))
        keys = rng.sample(self.keys, pairs)
        values = {k: rng.choice(recall.VALUES) for k in keys}
        lines = [(recall.line(k, v), False) for k, v in values.items()]
        if listed:
            yield from lines
            for key in rng.sample(keys, pairs):
                yield f"- {key}=", False
                yield str(values[key]), True
                yield "\n", False
            return
        yield "<|im_start|>user\n", False
        yield from lines
        opening = len("<|im_start|>user\n")
        for i, key in enumerate(rng.sample(keys, pairs)):
            turn = chat.user(recall.question(key))
            yield turn[opening:] if i == 0 else turn, False
            yield chat.answer(str(values[key])), True
            yield "\n", False

    def _batch(self, rows: int, time: int, segments: Callable[[], Iterator[Segment]]) -> Batch:
        filled = [self._fill(segments(), time + 1) for _ in range(rows)]
        ids, labels = (torch.tensor([row[part] for row in filled]) for part in (0, 1))
        return Batch(ids[:, :-1], labels[:, 1:])

    def _fill(self, segments: Iterator[Segment], length: int) -> tuple[list[int], list[int]]:
        """The first `length` tokens of the segments (padded if they end early), and their labels."""
        ids: list[int] = []
        labels: list[int] = []
        for text, trained in segments:
            piece = self.encode(text)
            ids.extend(piece)
            labels.extend(piece if trained else [IGNORED] * len(piece))
            if len(ids) >= length:
                break
        padding = length - len(ids)
        return (ids + [0] * padding)[:length], (labels + [IGNORED] * padding)[:length]
