"""What the tokens of a sequence mean for its next draw. A function of the tokens alone, not of how they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from doubletime.decoding.sampling import Adjust

Ids = NDArray[np.int64]
Values = NDArray[np.float32]


class History:
    """One sequence up to `length`: tokens [0, prompt) are its prompt, the others its output."""

    def __init__(self, prompt: Sequence[int], adjust: Adjust) -> None:
        self.adjust = adjust
        self.prompt = len(prompt)
        self.length = len(prompt)
        self.bias_ids: Ids = np.array([token for token, _ in adjust.bias], dtype=np.int64)
        self.bias: Values = np.array([bias for _, bias in adjust.bias], dtype=np.float32)
        self.counts = TokenCounts(prompt if adjust.repetition != 1 else ()) if adjust.penalizes else None
        self.matcher = adjust.grammar.matcher() if adjust.grammar else None

    def extend(self, tokens: Sequence[int]) -> None:
        """More tokens of the output."""
        self.length += len(tokens)
        if self.counts is not None:
            self.counts.add(tokens)
        if self.matcher is not None:
            self.matcher.extend(tokens)

    @property
    def goes_on(self) -> bool:
        """Whether the next token must not end the output."""
        return self.length - self.prompt < self.adjust.min_tokens


class TokenCounts:
    """How often each token occurs in an output; those that only the prompt has count 0."""

    def __init__(self, prompt: Iterable[int]) -> None:
        self._slots = {token: slot for slot, token in enumerate(dict.fromkeys(prompt))}
        self._ids: Ids = np.fromiter(self._slots, dtype=np.int64, count=len(self._slots))
        self._counts: Values = np.zeros(len(self._slots), dtype=np.float32)

    def add(self, tokens: Iterable[int]) -> None:
        for token in tokens:
            slot = self._slots.setdefault(token, len(self._slots))
            if slot == len(self._ids):
                self._grow()
            self._ids[slot] = token
            self._counts[slot] += 1

    @property
    def ids(self) -> Ids:
        """The tokens, each once."""
        return self._ids[: len(self._slots)]

    @property
    def counts(self) -> Values:
        """Their counts."""
        return self._counts[: len(self._slots)]

    def _grow(self) -> None:
        more = max(64, len(self._ids))
        self._ids = np.concatenate([self._ids, np.zeros(more, dtype=np.int64)])
        self._counts = np.concatenate([self._counts, np.zeros(more, dtype=np.float32)])
