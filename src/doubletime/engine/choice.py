"""One sequence on the host: its tokens become text, block keys, and the decision to stop."""

from __future__ import annotations

from doubletime.core.vocabulary import Finish
from doubletime.decoding.keys import KeyChain
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.text import OutputText
from doubletime.engine.messages import TokenLogprobs, Update
from doubletime.executors.output import PromptPart, Sampled


class Choice:
    """`push` takes one sampled token; nothing is pushed after a finish."""

    def __init__(
        self, handle: int, index: int, params: SamplingParams, eos: frozenset[int], text: OutputText, keys: KeyChain
    ) -> None:
        self.handle = handle
        self.index = index
        self._params = params
        self._eos = frozenset() if params.ignore_eos else eos
        self._stop_tokens = frozenset(params.stop_token_ids)
        self._text = text
        self._keys = keys
        self._count = 0
        asked = params.prompt_logprobs is not None and index == 0
        self._prompt: list[TokenLogprobs | None] = [None] if asked else []

    def read(self, part: PromptPart) -> Update | None:
        """Takes what was read out of the prompt; the news if that was all. Comes before `push` of the same step."""
        self._prompt += part.logprobs
        if not part.ends:
            return None
        return Update(self.handle, self.index, finish=Finish.LENGTH, prompt_logprobs=self._take_prompt())

    def push(self, sampled: Sampled) -> tuple[Update, tuple[int, ...]]:
        """The news, and the block keys that the token completes. A failure ends this choice and no other."""
        if sampled.error:
            return self.end(Finish.ERROR, sampled.error), ()
        try:
            return self._push(sampled)
        except Exception as error:
            failed = Update(self.handle, self.index, (), "", Finish.ERROR, error=f"{type(error).__name__}: {error}")
            return failed, ()

    def _push(self, sampled: Sampled) -> tuple[Update, tuple[int, ...]]:
        self._count += 1
        token = sampled.token
        silent = self._ends(token) and not self._params.include_stop_str_in_output
        text = "" if silent else self._text.push([token], armed=self._count >= self._params.min_tokens)
        finish, reason = self._finish(token)
        if finish is not None:
            text += self._text.finish()
        logprobs = () if sampled.logprob is None else (TokenLogprobs(sampled.logprob, sampled.top, sampled.rank),)
        update = Update(
            self.handle, self.index, (token,), text, finish, reason, logprobs, prompt_logprobs=self._take_prompt()
        )
        return update, self._keys.extend([token])

    def end(self, finish: Finish, error: str = "") -> Update:
        """Ended from outside; what was held back is told."""
        return Update(self.handle, self.index, (), self._text.finish(), finish, error=error)

    def _take_prompt(self) -> tuple[TokenLogprobs | None, ...]:
        taken, self._prompt = tuple(self._prompt), []
        return taken

    def _ends(self, token: int) -> bool:
        return token in self._eos or token in self._stop_tokens

    def _finish(self, token: int) -> tuple[Finish | None, str | int | None]:
        """How the token ends the output, and the stop token or string that did; eos is no reason of its own."""
        if self._ends(token):
            return Finish.STOP, token if token in self._stop_tokens else None
        if self._text.stop is not None:
            return Finish.STOP, self._text.stop
        return (Finish.LENGTH if self._count >= self._params.max_tokens else None), None
