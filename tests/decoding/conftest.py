"""Small tokenizers, trained on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("tokenizers")

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

TEXT = [
    "The quick brown fox jumps over the lazy dog. The dog sleeps; the fox doesn't.",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "今日は良い天気ですね。明日も晴れるでしょう。",
    "Smile 😀 and wave 👋🏽, family 👨‍👩‍👧‍👦, flag 🇩🇪.",
    "def add(a, b):\n    return a + b\n",
]
SPECIAL = ["<bos>", "<eos>", "<pad>"]


def byte_level() -> Tokenizer:
    """Byte-level BPE of 400 tokens with three special tokens and one added token that is not special."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT * 4, trainer)
    tokenizer.add_tokens([AddedToken("<think of it>", special=False)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    return tokenizer


def sentencepiece_like() -> Tokenizer:
    """BPE with byte fallback and ▁ for spaces, decoded as Llama 2 does (the first space is stripped)."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256))],
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT[:2] * 4, trainer)
    tokenizer = Tokenizer.from_str(_ordinary_bytes(tokenizer.to_str()))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=" ", left=1)]
    )
    return tokenizer


def _ordinary_bytes(serialized: str) -> str:
    """The byte tokens are in the vocabulary, but are not added tokens."""
    data = json.loads(serialized)
    data["added_tokens"] = [token for token in data["added_tokens"] if not token["content"].startswith("<0x")]
    return json.dumps(data)


@pytest.fixture(scope="session")
def bpe() -> Tokenizer:
    return byte_level()


@pytest.fixture(scope="session")
def fallback() -> Tokenizer:
    return sentencepiece_like()


@pytest.fixture
def checkpoint(tmp_path: Path, bpe: Tokenizer) -> Path:
    """A folder with tokenizer.json and a tokenizer_config.json that names the special tokens."""
    bpe.save(str(tmp_path / "tokenizer.json"))
    config = {"bos_token": "<bos>", "eos_token": {"__type": "AddedToken", "content": "<eos>"}, "pad_token": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    return tmp_path
