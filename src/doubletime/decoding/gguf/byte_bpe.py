"""`tokenizer.ggml.model` "gpt2": byte-level BPE, with merges."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models

from doubletime.decoding.gguf.pre_tokenizers import Split
from doubletime.decoding.gguf.vocabulary import GGUFVocabulary


def byte_bpe(vocabulary: GGUFVocabulary, split: Split) -> Tokenizer:
    """The tokenizer without its special tokens. Raises Exception (the library's) where a merge fits no token."""
    vocab = {text: token for token, text in enumerate(vocabulary.texts)}
    made = Tokenizer(models.BPE(vocab, vocabulary.merges, ignore_merges=split.ignore_merges))
    normalizer = split.normalizer()
    if normalizer is not None:
        made.normalizer = normalizer
    made.pre_tokenizer = split.pre_tokenizer()
    made.decoder = decoders.ByteLevel()
    return made
