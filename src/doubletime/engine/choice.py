"""One sequence on the host: its tokens become text, block keys, and the decision to stop."""

from __future__ import annotations

from doubletime.core.vocabulary import Finish
from doubletime.decoding.keys import KeyChain
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.text import OutputText
from doubletime.engine.messages import TokenLogprobs, Update
from doubletime.executors.output import Sampled


class Choice:
    """`push` takes one sampled token; nothing is pushed after a finish."""

    def __init__(
        self, handle: int, index: int, params: SamplingParams, eos: frozenset[int], text: OutputText, keys: KeyChain
    ) -> None:
        self.handle = handle
        self.index = index
        self._params = params
        self._eos = frozenset() if params.ignore_eos else eos
        self._text = text
        self._keys = keys
        self._count = 0

    def push(self, sampled: Sampled) -> tuple[Update, tuple[int, ...]]:
        """The news, and the block keys that the token completes. A failure ends this choice and no other."""
        try:
            return self._push(sampled)
        except Exception as error:
            failed = Update(self.handle, self.index, (), "", Finish.ERROR, error=f"{type(error).__name__}: {error}")
            return failed, ()

    def _push(self, sampled: Sampled) -> tuple[Update, tuple[int, ...]]:
        self._count += 1
        token = sampled.token
        ends = token in self._eos
        text = "" if ends else self._text.push([token])
        finish, reason = self._finish(token, ends)
        if finish is not None:
            text += self._text.finish()
        logprobs = () if sampled.logprob is None else (TokenLogprobs(sampled.logprob, sampled.top),)
        update = Update(self.handle, self.index, (token,), text, finish, reason, logprobs)
        return update, self._keys.extend([token])

    def end(self, finish: Finish, error: str = "") -> Update:
        """Ended from outside; what was held back is told."""
        return Update(self.handle, self.index, (), self._text.finish(), finish, error=error)

    def _finish(self, token: int, ends: bool) -> tuple[Finish | None, str | int | None]:
        if ends:
            return Finish.STOP, token
        if self._text.stop is not None:
            return Finish.STOP, self._text.stop
        return (Finish.LENGTH if self._count >= self._params.max_tokens else None), None
