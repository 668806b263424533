"""Texts that tokenizers differ on: many scripts, emoji, runs of spaces, newlines, digits, contractions, code."""

from __future__ import annotations

import random

_PIECES = [
    "The quick brown fox", "doesn't", "WE'LL", "I'm they've", " ", "  ", "    ", "\t",
    "\n", "\n\n", "\r\n", " \n ", "a", "1",
    "12", "123456", "3.14", "1,000,000", "½", "²", "zwölf Boxkämpfer", "ÄÖÜß",
    "naïve café", "今日は良い天気", "你好，世界",  # noqa: RUF001
    "안녕하세요", "Привет, мир", "مرحبا", "नमस्ते", "😀", "👩🏽‍💻", "🇩🇪", "…", "—", "«»", "!?",
    "...", "()", "[]{}", "==", "->", "`x`",
    "def f(x):", "return self._a", "http://example.org/a?b=c", "<b>", "</b>", "_",
    "__init__", "CamelCase", "x_y", "\u200b", "\u00a0",
    "$5", "+", "^", "~", "|", "'", '"', "''", "\\n", "ﬁ", "ǅ", "Ⅷ", "٣", "\u3000",
]  # fmt: skip
_WHOLE = [
    "", " ", "Hello, world!", " leading", "trailing ", "two  spaces",
    "tab\tand\nnewline\n", "\n\n\n", "a\r\nb",
    "def add(a, b):\n    return a + b\n", "It's 12345 o'clock, y'all'd've",
    "日本語とEnglishの混在", "😀😀 😀", "x" * 70, " " * 20, "ends with spaces   ", "▁ is a piece",
    "<0x41>", "<s> hi </s>",
]  # fmt: skip


def samples(count: int) -> list[str]:
    """The same texts at every call."""
    chosen = random.Random(0)
    mixed = ("".join(chosen.choices(_PIECES, k=chosen.randint(1, 8))) for _ in range(count - len(_WHOLE)))
    return [*_WHOLE, *mixed]
