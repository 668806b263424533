"""A model under the yardstick: the engine answers, a scorer scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from doubletime.decoding.params import SamplingParams
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.scoring import Scorer, agreement
from doubletime.lab.quality import WINDOW
from doubletime.llm import LLM
from doubletime.models import load_model


class EngineSubject:
    """Implements `lab.quality.Subject`. The uncompressed model is the same checkpoint in float32."""

    def __init__(self, llm: LLM, reference: str | None) -> None:
        self._llm = llm
        self._reference = reference

    @property
    def longest(self) -> int:
        return self._llm.max_model_len

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def answers(self, questions: Sequence[str], max_tokens: int) -> list[str]:
        prompts = [self._llm.chat_prompt([{"role": "user", "content": question}]) for question in questions]
        outputs = self._llm.generate(prompts, SamplingParams(temperature=0, max_tokens=max_tokens), progress=False)
        return [output.outputs[0].text for output in outputs]

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        return self._scorer.logprobs(tokens)

    def agreement(self, windows: Sequence[Sequence[int]]) -> dict[str, float] | None:
        if self._reference is None:
            return None
        reference = load_model(self._reference, "float32", str(self._llm.model.device))
        return agreement(self._scorer, Scorer(reference, WINDOW + 1), windows)

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self._llm.model, WINDOW + 1)

    @property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = self._llm.tokenizer
        if tokenizer is None:
            raise ValueError("the yardstick asks questions in words, and this model has no tokenizer")
        return tokenizer
