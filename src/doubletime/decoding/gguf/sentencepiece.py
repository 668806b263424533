"""`tokenizer.ggml.model` "llama": SentencePiece's BPE, whose merges are told by the scores of their results."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, normalizers
from tokenizers.decoders import Decoder

from doubletime.decoding.gguf.vocabulary import GGUFVocabulary, TokenKind

_SPACE = "▁"  # U+2581 stands for a space in pieces


def sentencepiece(vocabulary: GGUFVocabulary) -> Tokenizer:
    """The tokenizer without its special tokens. A character that is no token becomes its bytes."""
    vocab = {text: token for token, text in enumerate(vocabulary.texts)}
    unknown = vocabulary.texts[vocabulary.ids.get("unk", 0)]
    has_bytes = bool(vocabulary.by_kind(TokenKind.BYTE))
    made = Tokenizer(models.BPE(vocab, _merges(vocabulary), unk_token=unknown, fuse_unk=True, byte_fallback=has_bytes))
    prefixed = vocabulary.flags.get("add_space_prefix", True)
    spaces = normalizers.Replace(" ", _SPACE)
    made.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), spaces]) if prefixed else spaces
    made.decoder = _decoder(prefixed)
    return made


def _merges(vocabulary: GGUFVocabulary) -> list[tuple[str, str]]:
    """Every way to make a token of two others: better-scored tokens first, of equal ones the longest left part.

    With that, runs of equally scored spaces grow from the left, as they do in SentencePiece.
    """
    ids = vocabulary.by_kind(TokenKind.NORMAL, TokenKind.USER_DEFINED)
    scored = {vocabulary.texts[token]: vocabulary.scores[token] for token in ids}
    found = [
        (-score, -at, -len(text), text[:at], text[at:])
        for text, score in scored.items()
        for at in range(1, len(text))
        if text[:at] in scored and text[at:] in scored
    ]
    return [(left, right) for *_, left, right in sorted(found)]


def _decoder(prefixed: bool) -> Decoder:
    steps: list[Decoder] = [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if prefixed:
        steps.append(decoders.Strip(content=" ", left=1))
    return decoders.Sequence(steps)
