"""Byte-level BPE with the complete byte alphabet, so that no text has an unknown token."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from training.config import Special


def train_tokenizer(texts: Iterable[str], vocab: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=list(Special.ORDER),
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def common_words(texts: Iterable[str], count: int) -> list[str]:
    """The most frequent lower-case words of four to nine letters: the keys of the recall tasks."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(re.findall(r"(?<= )[a-z]{4,9}(?=[ .,:;)\n])", text))
    taken = {"value", "what", "repeat"}
    return [w for w, _ in counts.most_common(count + len(taken)) if w not in taken][:count]


def single_token_words(tokenizer: Tokenizer, words: Iterable[str]) -> list[str]:
    return [w for w in words if len(tokenizer.encode(f" {w}").ids) == 1]
