"""How texts are split before byte-level BPE, by the names that `tokenizer.ggml.pre` has for it.

The patterns are those of the models' own tokenizer.json.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import Regex, normalizers, pre_tokenizers
from tokenizers.normalizers import Normalizer
from tokenizers.pre_tokenizers import PreTokenizer

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+|[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_DIGIT = r"\p{N}"
_FALCON = (r"[\p{P}$+<=>^~|`]+", _GPT2, r"\p{N}+", r"[0-9][0-9][0-9]")


@dataclass(frozen=True, slots=True)
class Split:
    """Patterns applied one after the other; whole words that are tokens may pass the merges by."""

    patterns: tuple[str, ...]
    ignore_merges: bool = False
    bos: bool = False  # a text begins with bos unless the file says otherwise
    nfc: bool = False

    def pre_tokenizer(self) -> PreTokenizer:
        """Every match and what lies between is a piece; then bytes become characters."""
        splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in self.patterns]
        return pre_tokenizers.Sequence([*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])

    def normalizer(self) -> Normalizer | None:
        return normalizers.NFC() if self.nfc else None


_LLAMA3_SPLIT = Split((_LLAMA3,), ignore_merges=True, bos=True)
SPLITS = {
    "default": Split(_FALCON),
    "gpt-2": Split((_GPT2,)),
    "smollm": Split((_DIGIT, _GPT2)),
    "starcoder": Split((_DIGIT, _GPT2)),
    "llama-bpe": _LLAMA3_SPLIT,
    "llama3": _LLAMA3_SPLIT,
    "llama-v3": _LLAMA3_SPLIT,
    "smaug-bpe": Split((_LLAMA3,)),
    "qwen2": Split((_QWEN2,), nfc=True),
    "deepseek-r1-qwen": Split((_QWEN2,), nfc=True),
    "tekken": Split((_TEKKEN,), ignore_merges=True, bos=True),
}


def split(name: str) -> Split:
    """Raises ValueError that lists the known names."""
    if name not in SPLITS:
        raise ValueError(f"pre-tokenizer {name!r} is not supported (supported: {', '.join(SPLITS)})")
    return SPLITS[name]
