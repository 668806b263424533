"""The tokens of every sequence, and how it samples: the only place where token ids and sequences meet."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.decoding.sampling import Sampling
from doubletime.decoding.sampling_history import History


class Ledger:
    """Tokens and Sampling by sequence."""

    def __init__(self) -> None:
        self._tokens: dict[int, list[int]] = {}
        self._sampling: dict[int, Sampling] = {}
        self._prompts: dict[int, int] = {}  # tokens that were given, not drawn
        self._histories: dict[int, History] = {}  # what follows from the tokens; made where it is needed

    def __contains__(self, seq: int) -> bool:
        return seq in self._tokens

    def admit(self, seq: int, tokens: Sequence[int], sampling: Sampling) -> None:
        self._tokens[seq] = list(tokens)
        self._sampling[seq] = sampling
        self._prompts[seq] = len(tokens)
        self._histories.pop(seq, None)

    def append(self, seq: int, tokens: Sequence[int]) -> None:
        """More tokens at the end. Nothing happens if the sequence has ended."""
        if seq in self._tokens:
            self._tokens[seq].extend(tokens)
            self._prompts[seq] = len(self._tokens[seq])
            self._histories.pop(seq, None)

    def put(self, seq: int, at: int, token: int) -> None:
        """The sequence ends with `token` at position `at`; what stood at or after it is gone."""
        own = self._tokens[seq]
        if at > len(own):
            raise LookupError(f"sequence {seq} has {len(own)} tokens: none can be put at {at}")
        own[at:] = [token]
        self._cut(seq, at)

    def truncate(self, seq: int, kept: int) -> None:
        """Only the first `kept` tokens stay."""
        if seq in self._tokens:
            del self._tokens[seq][kept:]
            self._cut(seq, kept)

    def forget(self, seq: int) -> None:
        for own in (self._tokens, self._sampling, self._prompts, self._histories):
            own.pop(seq, None)

    def read(self, seq: int, start: int, end: int) -> list[int]:
        """Tokens [start, end). Raises LookupError, naming the sequence, where they are not known."""
        tokens = self._tokens[seq][start:end]
        if len(tokens) != end - start:
            have = len(self._tokens[seq])
            raise LookupError(f"sequence {seq} has {have} tokens; [{start}, {end}) was to be computed")
        return tokens

    def sampling(self, seq: int) -> Sampling:
        return self._sampling[seq]

    def history(self, seq: int, end: int) -> History | None:
        """What tokens [0, end) mean for the draw of token `end`; None if the sequence's logits stay as they are."""
        adjust = self._sampling[seq].adjust
        if adjust is None:
            return None
        self._cut(seq, end)
        prompt = min(self._prompts[seq], end)
        history = self._histories.get(seq)
        if history is None:
            history = self._histories[seq] = History(self.read(seq, 0, prompt), adjust)
        history.extend(self.read(seq, history.length, end))
        return history

    def _cut(self, seq: int, length: int) -> None:
        """Tokens at or after `length` are gone, and with them what was made of them."""
        if seq in self._histories and self._histories[seq].length > length:
            del self._histories[seq]
