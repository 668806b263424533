"""Step 1: facts, words, tokenizer and the token stream. `python -m training.prepare`"""

from __future__ import annotations

import json
import random

import numpy as np
from tokenizers import Tokenizer

from doubletime.lab import recall
from training import chat, paths, phrasings
from training.config import MODELS, Special
from training.corpus import held_out_texts, training_texts
from training.stdlib_docs import collect
from training.tokenizer import common_words, single_token_words, train_tokenizer

FACTS, WORDS, HELD_OUT_WORDS, SEED = 1_040, 1_400, 250, 7


def _samples(facts: list[tuple[str, str]], words: list[str]) -> list[str]:
    """Chats as the model will see them, so that their words get tokens of their own."""
    rng = random.Random(SEED)
    helps = [chat.user(rng.choice(phrasings.FORWARD_SEEN).format(n=n)) + chat.answer(s) for n, s in facts]
    lists = ["".join(recall.line(w, rng.choice(recall.VALUES)) for w in words) for _ in range(60)]
    asked = [chat.user(recall.question(w)) for w in words]
    return helps * 2 + lists + asked


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Words for training and words that are keys in the evaluation only."""
    shuffled = random.Random(SEED).sample(words, len(words))
    return sorted(shuffled[HELD_OUT_WORDS:]), sorted(shuffled[:HELD_OUT_WORDS])


def _stream(tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    end = tokenizer.token_to_id(Special.END_OF_TEXT)
    shuffled = random.Random(SEED).sample(texts, len(texts))
    ids = [np.array([end, *e.ids], dtype=np.uint16) for e in tokenizer.encode_batch(shuffled)]
    return np.concatenate(ids)


def main() -> None:
    paths.OUT.mkdir(parents=True, exist_ok=True)
    facts, texts = collect(FACTS), training_texts()
    words = common_words(texts, WORDS)
    tokenizer = train_tokenizer([*texts, *_samples(facts, words)], MODELS["small"].vocab)
    trained, held_out = _split(single_token_words(tokenizer, words))
    stream = _stream(tokenizer, texts)
    tokenizer.save(str(paths.TOKENIZER))
    np.save(paths.STREAM, stream)
    paths.DATA.write_text(
        json.dumps(
            {
                "facts": facts,
                "words": trained,
                "held_out_words": held_out,
                "held_out_texts": held_out_texts(),
            },
            indent=1,
        )
    )
    print(f"{len(facts)} facts, {len(trained)} + {len(held_out)} words, {len(stream):,} tokens of text")


if __name__ == "__main__":
    main()
