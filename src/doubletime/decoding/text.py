"""The text of one output as it grows: detokenized, and ended before the first stop string."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from doubletime.decoding.detokenizer import Vocabulary
from doubletime.decoding.stop import StopMatcher


class OutputText:
    """Push every token but a final eos, `finish` at the end; the pieces, joined, are the text of the output.

    `context`: the last prompt tokens (see `Vocabulary.detokenizer`). `vocabulary` None: there is no text.
    `include_stop`: the stop string that ends the text belongs to it.
    """

    def __init__(
        self,
        vocabulary: Vocabulary | None,
        stops: Sequence[str] = (),
        context: Sequence[int] = (),
        *,
        include_stop: bool = False,
        skip_special: bool = True,
    ) -> None:
        if vocabulary is None and stops:
            raise ValueError("stop strings need a tokenizer, and this model has none")
        self._detokenizer = vocabulary.detokenizer(context, skip_special) if vocabulary else None
        self._matcher = StopMatcher(stops, include_stop)

    @property
    def stop(self) -> str | None:
        """The stop string that has ended the text; the sequence should finish, and what is pushed is dropped."""
        return self._matcher.matched

    def push(self, tokens: Iterable[int], armed: bool = True) -> str:
        """The text that is certain now. Nothing after the token that completes a stop string is looked at.

        Not `armed`: these tokens complete no stop string.
        """
        pieces: list[str] = []
        for token in tokens:
            if self._detokenizer is None or self.stop is not None:
                break
            pieces.append(self._matcher.push(self._detokenizer.push(token), armed))
        return "".join(pieces)

    def finish(self) -> str:
        """What was held back; empty after a stop string."""
        if self._detokenizer is None or self.stop is not None:
            return ""
        return self._matcher.push(self._detokenizer.flush()) + self._matcher.flush()
