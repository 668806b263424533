"""The bodies of /v1/completions and /v1/chat/completions as typed requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from doubletime.decoding.params import SEED_RANGE, SamplingParams
from doubletime.server import fields as f
from doubletime.server.errors import bad

MAX_CHOICES = 128
MAX_PROMPTS = 2048  # also the most choices of all prompts together
MAX_STOPS = 16
MAX_STOP_LENGTH = 256  # characters
MAX_ITEMS = 1 << 24
WHOLE = 1 << 31

Prompt = str | list[int]


@dataclass(frozen=True, slots=True)
class Sampling:
    """What both routes share; `max_tokens` None: as many as fit (chat), or OpenAI's default (completions)."""

    model: str
    temperature: float
    top_p: float
    top_k: int
    seed: int | None
    n: int
    max_tokens: int | None
    stop: tuple[str, ...]
    ignore_eos: bool
    stream: bool
    include_usage: bool

    def params(self, max_tokens: int) -> SamplingParams:
        """The engine's view, with the limit resolved."""
        return SamplingParams(
            n=self.n,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            seed=self.seed,
            max_tokens=max_tokens,
            stop=self.stop,
            ignore_eos=self.ignore_eos,
        )


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    sampling: Sampling
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    sampling: Sampling
    messages: tuple[dict[str, str], ...]


def completion_request(body: Any) -> CompletionRequest:
    """Raises ApiError that names the field."""
    fields = f.Fields(body)
    prompts = fields.need("prompt", _prompts)
    sampling = _sampling(fields, fields.take("max_tokens", f.whole(1, WHOLE), 16))
    fields.done()
    if len(prompts) * sampling.n > MAX_PROMPTS:
        raise bad("n", f"{len(prompts)} prompts with n {sampling.n} are more than {MAX_PROMPTS} choices")
    return CompletionRequest(sampling, prompts)


def chat_request(body: Any) -> ChatRequest:
    """Raises ApiError that names the field."""
    fields = f.Fields(body)
    messages = tuple(_message(f"messages[{at}]", item) for at, item in enumerate(fields.need("messages", _many)))
    sampling = _sampling(fields, _chat_limit(fields))
    fields.done()
    return ChatRequest(sampling, messages)


def _sampling(fields: f.Fields, max_tokens: int | None) -> Sampling:
    stream = fields.take("stream", f.flag, False)
    return Sampling(
        model=fields.need("model", f.text),
        temperature=fields.take("temperature", f.number(0, 2), 1.0),
        top_p=fields.take("top_p", _share, 1.0),
        top_k=fields.take("top_k", f.whole(-1, WHOLE), 0),
        seed=fields.take("seed", f.whole(*SEED_RANGE), None),
        n=fields.take("n", f.whole(1, MAX_CHOICES), 1),
        max_tokens=max_tokens,
        stop=fields.take("stop", _stops, ()),
        ignore_eos=fields.take("ignore_eos", f.flag, False),
        stream=stream,
        include_usage=_include_usage(fields, stream),
    )


def _share(name: str, value: Any) -> float:
    share = f.number(0, 1)(name, value)
    if share == 0:
        raise bad(name, f"{name} must be more than 0")
    return share


def _chat_limit(fields: f.Fields) -> int | None:
    """OpenAI has renamed max_tokens to max_completion_tokens; either may be sent."""
    old = fields.take("max_tokens", f.whole(1, WHOLE), None)
    new = fields.take("max_completion_tokens", f.whole(1, WHOLE), None)
    if old is not None and new is not None and old != new:
        raise bad("max_tokens", f"max_tokens is {old} but max_completion_tokens is {new}: send one of them")
    return old if new is None else new


def _stops(name: str, value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value
    if isinstance(stops, list) and not stops:
        return ()
    return tuple(_stop(name, item) for item in f.items(name, stops, MAX_STOPS))


def _stop(name: str, value: Any) -> str:
    stop = f.text(name, value)
    if not 1 <= len(stop) <= MAX_STOP_LENGTH:
        raise bad(name, f"each stop string must have from 1 to {MAX_STOP_LENGTH} characters, not {len(stop)}")
    return stop


def _include_usage(fields: f.Fields, stream: bool) -> bool:
    def read(name: str, value: Any) -> bool:
        if not stream:
            raise bad(name, f"{name} is allowed only when stream is true")
        options = f.Fields(value, name)
        wanted = options.take("include_usage", f.flag, False)
        options.done()
        return wanted

    return fields.take("stream_options", read, False)


def _prompts(name: str, value: Any) -> tuple[Prompt, ...]:
    """A text, a list of texts, token ids, or a list of lists of token ids."""
    if isinstance(value, str):
        return (f.text(name, value),)
    if not isinstance(value, list) or not value:
        raise bad(name, f"{name} must be a string, a list of strings, token ids or a list of those, and not empty")
    if isinstance(value[0], int):
        return (_token_ids(name, value),)
    f.items(name, value, MAX_PROMPTS)
    if isinstance(value[0], str):
        return tuple(f.text(name, item) for item in value)
    return tuple(_token_ids(name, item) for item in value)


def _token_ids(name: str, value: Any) -> list[int]:
    ids = f.items(name, value, MAX_ITEMS)
    if any(type(item) is not int for item in ids):
        raise bad(name, f"{name} mixes token ids with something else")
    return ids


def _many(name: str, value: Any) -> list[Any]:
    return f.items(name, value, MAX_ITEMS)


def _message(name: str, value: Any) -> dict[str, str]:
    fields = f.Fields(value, name)
    message = {"role": fields.need("role", _role), "content": fields.need("content", _content)}
    fields.done()
    return message


def _role(name: str, value: Any) -> str:
    """OpenAI calls a system message that comes from the developer so; templates know it as system."""
    if value not in ("system", "developer", "user", "assistant"):
        raise bad(name, f"{name} must be system, developer, user or assistant")
    return "system" if value == "developer" else str(value)


def _content(name: str, value: Any) -> str:
    """A text, or a list of parts that are texts."""
    if isinstance(value, str):
        return f.text(name, value)
    return "\n".join(_part(f"{name}[{at}]", item) for at, item in enumerate(f.items(name, value, MAX_ITEMS)))


def _part(name: str, value: Any) -> str:
    fields = f.Fields(value, name)
    if fields.need("type", f.text) != "text":
        raise bad(f"{name}.type", f"{name}.type must be text: this server takes no other content")
    words = fields.need("text", f.text)
    fields.done()
    return words
