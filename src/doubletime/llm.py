"""Offline generation: the same engine in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from doubletime.completion import CompletionOutput, RequestOutput
from doubletime.decoding.chat import ChatTemplate
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.pooling import Pooling, PoolingParams
from doubletime.decoding.structured.grammar import check
from doubletime.decoding.structured.spec import Structured
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.embedding import EmbeddingRequestOutput
from doubletime.engine.build import build
from doubletime.engine.config import EngineConfig
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.models import AnyModel
from doubletime.progress import Progress
from doubletime.units import parse_bytes

Prompt = str | Mapping[str, Any]
Take = Callable[[int, Update], None]  # number of the prompt, news of it


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
        bar = Progress("generating", sum(each.n for each in params), shown=progress)
        self._run(tokens, params, priorities, lambda at, update: outputs[at].take(update, self._name), bar)
        return outputs

    def embed(
        self,
        prompts: Prompt | Sequence[Prompt],
        *,
        pooling: Pooling = "last",
        dimensions: int | None = None,
        normalize: bool = True,
        priority: Sequence[int] | None = None,
        progress: bool = True,
    ) -> list[EmbeddingRequestOutput]:
        """A vector for every prompt, in their order: the final hidden state of its last token, or the mean of all.

        See `PoolingParams`. Raises ValueError for a prompt that can never run, before any runs.
        """
        params = PoolingParams(pooling, dimensions, normalize)
        texts = [prompts] if isinstance(prompts, str | Mapping) else list(prompts)
        priorities = _one_each(0 if priority is None else priority, len(texts), "priority", int)
        tokens = [self._tokens(prompt) for prompt in texts]
        hidden = self._running.model.shape.hidden
        if dimensions is not None and dimensions > hidden:
            raise ValueError(f"dimensions must be at most {hidden}, not {dimensions}")
        for number, ids in enumerate(tokens):
            self._check_prompt(number, ids, 0)
        outputs = [EmbeddingRequestOutput(*_named(*each)) for each in zip(texts, tokens, strict=True)]
        bar = Progress("embedding", len(texts), shown=progress)
        self._run(tokens, [params] * len(texts), priorities, lambda at, update: outputs[at].take(update), bar)
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

    @property
    def _name(self) -> Callable[[int], str] | None:
        """The text of one token."""
        tokenizer = self._running.tokenizer
        return None if tokenizer is None else lambda token: tokenizer.decode([token], skip_special_tokens=False)

    def _check(self, number: int, tokens: tuple[int, ...], params: SamplingParams) -> None:
        wish = "stop strings need" if params.stops else "a structured output needs" if params.structured else ""
        if wish and self._running.tokenizer is None:
            raise ValueError(f"prompt {number}: {wish} a tokenizer, and this model has none")
        if params.structured is not None:
            _check_structured(number, params.structured)
        self._check_prompt(number, tokens, params.max_tokens)

    def _check_prompt(self, number: int, tokens: tuple[int, ...], max_tokens: int) -> None:
        vocab, longest = self._running.model.shape.vocab, self.max_model_len
        if not tokens:
            raise ValueError(f"prompt {number} is empty")
        if not all(isinstance(token, int) and 0 <= token < vocab for token in tokens):
            raise ValueError(f"prompt {number} has a token id outside [0, {vocab})")
        if len(tokens) + max_tokens > longest:
            raise ValueError(
                f"prompt {number} has {len(tokens)} tokens and asks for {max_tokens}; the model holds {longest}"
            )

    def _run(
        self,
        prompts: Sequence[tuple[int, ...]],
        params: Sequence[SamplingParams] | Sequence[PoolingParams],
        priorities: Sequence[int],
        take: Take,
        bar: Progress,
    ) -> None:
        """Submits them, and hands on the news until all have ended."""
        first = self._handles
        self._handles += len(prompts)
        for at, ids in enumerate(prompts):
            self._running.host.inbox.put(Submit(first + at, ids, params[at], priorities[at]))
        living = sum(each.n for each in params)
        try:
            with bar:
                while living:
                    self._running.engine.turn()
                    self._running.host.tell()
                    living -= self._take_news(take, first, bar)
        except BaseException:  # also an interrupt: what still runs must not outlive the call
            for handle in range(first, self._handles):
                self._running.host.inbox.put(Abort(handle))
            raise

    def _take_news(self, take: Take, first: int, bar: Progress) -> int:
        finished = 0
        news = [update for update in self._news if update.handle >= first]  # the rest is of a call that was interrupted
        self._news.clear()
        for update in news:
            if update.refused:
                raise ValueError(update.error)
            take(update.handle - first, update)
            if update.finish is not None:
                finished += 1
                bar.advance()
        return finished


def _check_structured(number: int, structured: Structured) -> None:
    try:
        check(structured)
    except ValueError as error:
        raise ValueError(f"prompt {number}: {error}") from error


def _one_each(value: Any, count: int, name: str, kind: type) -> list[Any]:
    if isinstance(value, kind):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{len(value)} {name} for {count} prompts")
    return list(value)


def _empty(prompt: Prompt, tokens: tuple[int, ...], params: SamplingParams) -> RequestOutput:
    outputs = [CompletionOutput(index) for index in range(params.n)]
    if params.logprobs is not None:
        for output in outputs:
            output.logprobs, output.cumulative_logprob = [], 0.0
    return RequestOutput(*_named(prompt, tokens), outputs)


def _named(prompt: Prompt, tokens: tuple[int, ...]) -> tuple[str | None, list[int]]:
    """The text of a prompt if it had one, and its tokens."""
    return prompt if isinstance(prompt, str) else None, list(tokens)
