"""Reads out what requests want of their prompts' final hidden states, as slabs get through the depth of the model.

A prompt may come in chunks, from step to step, and again from the start after a preemption: each row is read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from doubletime.core.vocabulary import Slab
from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.decoding.readout import Readout
from doubletime.executors.output import PromptPart
from doubletime.executors.pooled import Mean, finished, last
from doubletime.executors.prompt_logprobs import prompt_logprobs
from doubletime.executors.walk import Bundle
from doubletime.models import AnyModel


@dataclass(slots=True)
class _Reading:
    """A prompt of which the first `read` rows have been read."""

    tokens: Sequence[int]
    readout: Readout
    read: int = 0
    mean: Mean = field(default_factory=Mean)


class Readouts:
    """The prompts that are being read. `silent` are the sequences that sample nothing."""

    def __init__(self, model: AnyModel) -> None:
        self.silent: set[int] = set()
        self._model = model
        self._readings: dict[int, _Reading] = {}

    def admit(self, seq: int, tokens: Sequence[int], readout: Readout) -> None:
        self._readings[seq] = _Reading(tokens, readout)
        if not readout.draws:
            self.silent.add(seq)

    def forget(self, seq: int) -> None:
        self._readings.pop(seq, None)
        self.silent.discard(seq)

    def take(self, bundles: Sequence[Bundle]) -> tuple[PromptPart, ...]:
        """What the slabs of a step, at full depth, add to the prompts that are being read."""
        return tuple(self._parts(bundles)) if self._readings else ()

    def _parts(self, bundles: Sequence[Bundle]) -> Iterator[PromptPart]:
        for bundle in bundles:
            first = 0
            for slab in bundle.slabs:
                reading = self._readings.get(slab.seq)
                if reading is not None:
                    yield self._part(reading, slab, bundle.state.hidden[first : first + slab.tokens])
                first += slab.tokens

    def _part(self, reading: _Reading, slab: Slab, hidden: Tensor) -> PromptPart:
        """Raises LookupError where rows have been left out, as a prefix hit would."""
        readout, start, length = reading.readout, max(slab.start, reading.read), len(reading.tokens)
        if readout.every_row and slab.start > reading.read:
            raise LookupError(f"sequence {slab.seq} skips the rows from {reading.read} to {slab.start}")
        end = min(slab.end, length)
        rows = hidden[start - slab.start : max(start, end) - slab.start]
        logprobs = self._logprobs(reading, start, rows)
        if readout.pooling is not None and readout.pooling.pooling == "mean":
            reading.mean.add(self._model, rows)
        reading.read = max(start, end)
        if reading.read < length:
            return PromptPart(slab.seq, logprobs)
        del self._readings[slab.seq]
        return PromptPart(slab.seq, logprobs, self._embedding(reading, rows), ends=not readout.draws)

    def _logprobs(self, reading: _Reading, start: int, rows: Tensor) -> tuple[TokenLogprobs, ...]:
        """Of the tokens that follow the rows from position `start` on."""
        count = reading.readout.logprobs
        if count is None:
            return ()
        tokens = reading.tokens[start + 1 : start + 1 + len(rows)]
        return tuple(prompt_logprobs(self._model, rows[: len(tokens)], tokens, count))

    def _embedding(self, reading: _Reading, rows: Tensor) -> bytes | None:
        params = reading.readout.pooling
        if params is None:
            return None
        return finished(reading.mean.value() if params.pooling == "mean" else last(self._model, rows), params)
