"""The `tokenizer.ggml.*` keys of a GGUF file: tokens with their kinds and scores, merges, and special ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from doubletime.shapes.gguf import BadGGUF
from doubletime.shapes.gguf.values import Value

PREFIX = "tokenizer.ggml."
_Item = TypeVar("_Item", str, int, float)


class TokenKind(IntEnum):
    """What a token is for, by its number in files."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3  # <s>, <|im_end|>: part of no text
    USER_DEFINED = 4  # found in a text before it is split
    UNUSED = 5
    BYTE = 6  # <0x0A>


@dataclass(frozen=True, slots=True)
class GGUFVocabulary:
    """Tokens by id, with what files keep beside them. `flags` and `ids` are what the metadata says, if anything."""

    texts: list[str]
    kinds: list[int]
    scores: list[float]
    merges: list[tuple[str, str]]
    ids: Mapping[str, int]  # "bos", "eos", …
    flags: Mapping[str, bool]  # "add_bos_token", …

    def by_kind(self, *kinds: TokenKind) -> list[int]:
        """The ids of all tokens of these kinds."""
        return [token for token, kind in enumerate(self.kinds) if kind in kinds]


_IDS = {
    "bos": "bos_token_id",
    "eos": "eos_token_id",
    "eot": "eot_token_id",
    "eom": "eom_token_id",
    "unk": "unknown_token_id",
    "sep": "seperator_token_id",  # so spelled in files
    "pad": "padding_token_id",
    "mask": "mask_token_id",
}
_SENTENCEPIECE_IDS = {"unk": 0, "bos": 1, "eos": 2}  # where its files say nothing
_FLAGS = ("add_bos_token", "add_eos_token", "add_space_prefix")


def read_vocabulary(metadata: Mapping[str, Value]) -> GGUFVocabulary:
    """Raises BadGGUF for what is missing, of the wrong type, or contradictory."""
    texts = [text or f"[EMPTY_{token}]" for token, text in enumerate(_items(metadata, "tokens", str))]
    if not texts:
        raise BadGGUF(f"{PREFIX}tokens is missing or empty, so there is no vocabulary")
    if len(set(texts)) != len(texts):
        raise BadGGUF(f"{PREFIX}tokens has a token twice")
    kinds = _items(metadata, "token_type", int) or [int(TokenKind.NORMAL)] * len(texts)
    scores = _items(metadata, "scores", float) or [0.0] * len(texts)
    if not len(kinds) == len(scores) == len(texts):
        raise BadGGUF(f"{PREFIX}: {len(texts)} tokens, {len(kinds)} types and {len(scores)} scores")
    merges = [_pair(merge) for merge in _items(metadata, "merges", str)]
    return GGUFVocabulary(texts, kinds, scores, merges, _ids(metadata, len(texts)), _flags(metadata))


def _items(metadata: Mapping[str, Value], name: str, kind: type[_Item]) -> list[_Item]:
    """A list of one type; empty if there is none."""
    found = metadata.get(PREFIX + name, [])
    if not isinstance(found, list):
        raise BadGGUF(f"{PREFIX}{name} is no list")
    items = [each for each in found if isinstance(each, kind)]
    if len(items) != len(found):
        raise BadGGUF(f"{PREFIX}{name} has an entry that is no {kind.__name__}")
    return items


def _pair(merge: str) -> tuple[str, str]:
    """Two tokens with a space between; the first may begin with one."""
    left, _, right = merge[1:].partition(" ")
    if not right:
        raise BadGGUF(f"{PREFIX}merges has {merge!r}, which is no pair of tokens")
    return merge[0] + left, right


def _ids(metadata: Mapping[str, Value], count: int) -> dict[str, int]:
    assumed = _SENTENCEPIECE_IDS if metadata.get(f"{PREFIX}model") == "llama" else {}
    found = {name: token for name, token in assumed.items() if token < count}
    for name, key in _IDS.items():
        value = metadata.get(PREFIX + key)
        if value is None:
            continue
        if not isinstance(value, int) or not 0 <= value < count:
            raise BadGGUF(f"{PREFIX}{key} is {value!r}: no id of {count} tokens")
        found[name] = value
    return found


def _flags(metadata: Mapping[str, Value]) -> dict[str, bool]:
    found = {name: metadata.get(PREFIX + name) for name in _FLAGS}
    return {name: bool(value) for name, value in found.items() if value is not None}
