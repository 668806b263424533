"""Compiles grammars for the vocabulary of one model."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from threading import Lock
from typing import Any

from doubletime.decoding.structured.grammar import llguidance
from doubletime.decoding.structured.matcher import Grammar
from doubletime.decoding.structured.spec import Structured
from doubletime.decoding.tokenizer import Tokenizer

_KEPT = 64  # grammars; servers see the same few again and again


class Compiler:
    """Safe to use from several threads. `vocab`: the model's, which may be larger than the tokenizer's."""

    def __init__(self, tokenizer: Tokenizer, vocab: int, eos: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._vocab = vocab
        self._eos = eos
        self._kept: OrderedDict[Structured, Grammar] = OrderedDict()
        self._lock = Lock()

    def compile(self, spec: Structured) -> Grammar:
        """A grammar, compiled once while it is in use. Raises ValueError for one that cannot be used."""
        with self._lock:
            grammar, vocabulary = self._kept.pop(spec, None), self._vocabulary
        if grammar is None:
            grammar = Grammar(spec, vocabulary, self._eos)
        with self._lock:
            self._kept[spec] = grammar
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return grammar

    @cached_property
    def _vocabulary(self) -> Any:
        """The tokens as llguidance sees them. Built once, which takes about a second for 150,000 of them."""
        if not self._eos:
            raise ValueError("a structured output needs an eos token, and this model has none")
        try:
            return llguidance().LLTokenizer(self._tokenizer.backend.to_str(), self._vocab, sorted(self._eos))
        except ValueError as error:
            raise ValueError(f"structured outputs do not work with this model's tokenizer: {error}") from error
