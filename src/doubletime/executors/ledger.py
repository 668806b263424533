"""The tokens of every sequence, and how it samples: the only place where token ids and sequences meet."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.decoding.sampling import Sampling


class Ledger:
    """Tokens and Sampling by sequence."""

    def __init__(self) -> None:
        self._tokens: dict[int, list[int]] = {}
        self._sampling: dict[int, Sampling] = {}

    def __contains__(self, seq: int) -> bool:
        return seq in self._tokens

    def admit(self, seq: int, tokens: Sequence[int], sampling: Sampling) -> None:
        self._tokens[seq] = list(tokens)
        self._sampling[seq] = sampling

    def append(self, seq: int, tokens: Sequence[int]) -> None:
        """More tokens at the end. Nothing happens if the sequence has ended."""
        if seq in self._tokens:
            self._tokens[seq].extend(tokens)

    def put(self, seq: int, at: int, token: int) -> None:
        """The sequence ends with `token` at position `at`; what stood at or after it is gone."""
        own = self._tokens[seq]
        if at > len(own):
            raise LookupError(f"sequence {seq} has {len(own)} tokens: none can be put at {at}")
        own[at:] = [token]

    def truncate(self, seq: int, kept: int) -> None:
        """Only the first `kept` tokens stay."""
        if seq in self._tokens:
            del self._tokens[seq][kept:]

    def forget(self, seq: int) -> None:
        self._tokens.pop(seq, None)
        self._sampling.pop(seq, None)

    def read(self, seq: int, start: int, end: int) -> list[int]:
        """Tokens [start, end). Raises LookupError, naming the sequence, where they are not known."""
        tokens = self._tokens[seq][start:end]
        if len(tokens) != end - start:
            have = len(self._tokens[seq])
            raise LookupError(f"sequence {seq} has {have} tokens; [{start}, {end}) was to be computed")
        return tokens

    def sampling(self, seq: int) -> Sampling:
        return self._sampling[seq]
