"""Offline generation: the same engine in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from doubletime.decoding.chat import ChatTemplate
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.build import build
from doubletime.engine.config import EngineConfig
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.models import AnyModel
from doubletime.progress import Progress
from doubletime.units import parse_bytes

Prompt = str | Mapping[str, Any]


@dataclass(slots=True)
class Logprob:
    """The log-probability of a token at its position, at temperature 1 and unfiltered."""

    logprob: float


@dataclass(slots=True)
class CompletionOutput:
    """One choice. `finish_reason` is "stop", "length" or "error"; `stop_reason` the stop string or the eos token id."""

    index: int
    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    cumulative_logprob: float | None = None
    logprobs: list[dict[int, Logprob]] | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    error: str | None = None


@dataclass(slots=True)
class RequestOutput:
    """A prompt and its choices."""

    prompt: str | None
    prompt_token_ids: list[int]
    outputs: list[CompletionOutput]

    @property
    def finished(self) -> bool:
        return all(output.finish_reason is not None for output in self.outputs)


class LLM:
    """Loads a model and generates. Use it as a context manager, or call `close`, to end its forward thread.

    Parameters are those of `doubletime serve`; `kv_memory` takes bytes or text like "64MB". Raises ValueError or
    OSError that says what is wrong.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        tokenizer: str | None = None,
        dtype: str = "auto",
        device: str = "auto",
        quantize: str | None = None,
        kv_dtype: str = "auto",
        kernels: str = "auto",
        threads: int | None = None,
        policy: str = "fcfs",
        kv_memory: int | str | None = None,
        max_model_len: int | None = None,
        max_seats: int | None = None,
        max_rows: int | None = None,
        in_flight: int | None = None,
        seed: int = 0,
        record: str | None = None,
    ) -> None:
        memory = parse_bytes(kv_memory) if isinstance(kv_memory, str) else kv_memory
        config = EngineConfig(
            model, tokenizer, dtype, device, quantize, kv_dtype, kernels, threads, policy, memory, max_model_len,
            max_seats, max_rows, in_flight, seed, record,
        )  # fmt: skip
        self._news: list[Update] = []
        self._running = build(config, self._news.extend)
        self._handles = 0

    @property
    def model(self) -> AnyModel:
        """The loaded model."""
        return self._running.model

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The checkpoint's tokenizer, None if it has none."""
        return self._running.tokenizer

    @property
    def max_model_len(self) -> int:
        """Tokens of prompt and output that one request may have."""
        return self._running.limits.max_length

    def generate(
        self,
        prompts: Prompt | Sequence[Prompt],
        sampling_params: SamplingParams | Sequence[SamplingParams] | None = None,
        *,
        priority: Sequence[int] | None = None,
        progress: bool = True,
    ) -> list[RequestOutput]:
        """Generates for every prompt, in their order. A prompt is text or {"prompt_token_ids": […]}.

        One `SamplingParams` for all or one each; smaller `priority` goes first under `--policy priority`. Raises
        ValueError for a prompt that can never run, before any runs.
        """
        texts = [prompts] if isinstance(prompts, str | Mapping) else list(prompts)
        params = _one_each(sampling_params or SamplingParams(), len(texts), "sampling_params", SamplingParams)
        priorities = _one_each(0 if priority is None else priority, len(texts), "priority", int)
        tokens = [self._tokens(prompt) for prompt in texts]
        for number, (ids, wanted) in enumerate(zip(tokens, params, strict=True)):
            self._check(number, ids, wanted)
        outputs = [_empty(*each) for each in zip(texts, tokens, params, strict=True)]
        first = self._handles
        self._handles += len(texts)
        for number, ids in enumerate(tokens):
            self._running.host.inbox.put(Submit(first + number, ids, params[number], priorities[number]))
        try:
            self._collect(outputs, first, progress)
        except BaseException:  # also an interrupt: what still runs must not outlive the call
            for handle in range(first, self._handles):
                self._running.host.inbox.put(Abort(handle))
            raise
        return outputs

    def chat_prompt(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
        """A conversation as a prompt, through the checkpoint's chat template. Raises ValueError if it has none."""
        tokenizer = self._running.tokenizer
        if tokenizer is None:
            raise ValueError("this model has no tokenizer, so it cannot chat")
        text = ChatTemplate.load(tokenizer).render([dict(message) for message in messages])
        return {"prompt_token_ids": tokenizer.encode(text, add_special_tokens=False)}

    def close(self) -> None:
        """Ends the engine. What it has generated stays valid."""
        self._running.host.inbox.put(Close())
        self._running.engine.run()
        self._running.close()

    def __enter__(self) -> LLM:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tokens(self, prompt: Prompt) -> tuple[int, ...]:
        if isinstance(prompt, str):
            if self._running.tokenizer is None:
                raise ValueError('this model has no tokenizer: give {"prompt_token_ids": […]}, or tokenizer=FOLDER')
            return tuple(self._running.tokenizer.encode(prompt))
        if set(prompt) != {"prompt_token_ids"}:
            raise ValueError(f"a prompt is text or {{'prompt_token_ids': […]}}, not a mapping with {sorted(prompt)}")
        return tuple(prompt["prompt_token_ids"])

    def _check(self, number: int, tokens: tuple[int, ...], params: SamplingParams) -> None:
        vocab, longest = self._running.model.shape.vocab, self.max_model_len
        if not tokens:
            raise ValueError(f"prompt {number} is empty")
        if not all(isinstance(token, int) and 0 <= token < vocab for token in tokens):
            raise ValueError(f"prompt {number} has a token id outside [0, {vocab})")
        if params.stops and self._running.tokenizer is None:
            raise ValueError(f"prompt {number}: stop strings need a tokenizer, and this model has none")
        if len(tokens) + params.max_tokens > longest:
            raise ValueError(
                f"prompt {number} has {len(tokens)} tokens and asks for {params.max_tokens}; the model holds {longest}"
            )

    def _collect(self, outputs: list[RequestOutput], first: int, progress: bool) -> None:
        living = sum(len(output.outputs) for output in outputs)
        with Progress("generating", living, shown=progress) as bar:
            while living:
                self._running.engine.turn()
                self._running.host.tell()
                living -= self._take_news(outputs, first, bar)

    def _take_news(self, outputs: list[RequestOutput], first: int, bar: Progress) -> int:
        finished = 0
        news = [update for update in self._news if update.handle >= first]  # the rest is of a call that was interrupted
        self._news.clear()
        for update in news:
            if update.refused:
                raise ValueError(update.error)
            _add(outputs[update.handle - first].outputs[update.choice], update)
            if update.finish is not None:
                finished += 1
                bar.advance()
        return finished


def _one_each(value: Any, count: int, name: str, kind: type) -> list[Any]:
    if isinstance(value, kind):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{len(value)} {name} for {count} prompts")
    return list(value)


def _empty(prompt: Prompt, tokens: tuple[int, ...], params: SamplingParams) -> RequestOutput:
    text = prompt if isinstance(prompt, str) else None
    outputs = [CompletionOutput(index) for index in range(params.n)]
    if params.logprobs is not None:
        for output in outputs:
            output.logprobs, output.cumulative_logprob = [], 0.0
    return RequestOutput(text, list(tokens), outputs)


def _add(output: CompletionOutput, update: Update) -> None:
    output.text += update.text
    output.token_ids += update.tokens
    for token, (logprob, top) in zip(update.tokens, update.logprobs, strict=False):
        assert output.logprobs is not None
        assert output.cumulative_logprob is not None
        output.cumulative_logprob += logprob
        output.logprobs.append({token: Logprob(logprob)} | {other: Logprob(value) for other, value in top})
    if update.finish is not None:
        output.finish_reason = update.finish.value
        output.stop_reason = update.stop_reason
        output.error = update.error or None
