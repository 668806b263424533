"""Log-probabilities in the three shapes in which clients expect them."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.decoding.detokenizer import Detokenizer
from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.server.fields import Json
from doubletime.server.token_text import TokenText

LEAST = -9999.0  # JSON has no -inf; vLLM's floor
Pairs = Sequence[tuple[int, TokenLogprobs | None]]  # tokens with what is known of them


class Offsets:
    """Where tokens begin in a text, in characters. A token that begins inside a character begins where that does."""

    def __init__(self, detokenizer: Detokenizer | None) -> None:
        self._detokenizer = detokenizer
        self._at = 0

    def of(self, token: int) -> int:
        """Tokens come in order."""
        before = self._at
        if self._detokenizer is not None:
            self._at += len(self._detokenizer.push(token))
        return before


def completion_logprobs(pairs: Pairs, texts: TokenText, offsets: Offsets) -> Json:
    """The four lists of /v1/completions; the sampled token is always among the best, as in OpenAI's."""
    return {
        "tokens": [_name(texts, token) for token, _ in pairs],
        "token_logprobs": [known and _floored(known.logprob) for _, known in pairs],
        "top_logprobs": [known and _best(token, known, texts) for token, known in pairs],
        "text_offset": [offsets.of(token) for token, _ in pairs],
    }


def chat_logprobs(pairs: Pairs, texts: TokenText) -> Json:
    """The `logprobs` of a chat choice."""
    return {"content": [_content(token, known, texts) for token, known in pairs if known is not None], "refusal": None}


def prompt_logprobs(pairs: Pairs, texts: TokenText) -> list[Json | None]:
    """vLLM's `prompt_logprobs`: for each prompt token, itself and the likeliest; nothing for the first."""
    return [None if known is None else _ranked(token, known, texts) for token, known in pairs]


def _content(token: int, known: TokenLogprobs, texts: TokenText) -> Json:
    return _entry(token, known.logprob, texts) | {
        "top_logprobs": [_entry(other, logprob, texts) for other, logprob in known.top]
    }


def _entry(token: int, logprob: float, texts: TokenText) -> Json:
    raw = texts.raw(token)
    return {
        "token": texts.text(token),
        "logprob": _floored(logprob),
        "bytes": None if raw is None else list(raw),
    }


def _best(token: int, known: TokenLogprobs, texts: TokenText) -> dict[str, float]:
    """A name that two tokens share keeps the likelier one's value."""
    found = {_name(texts, token): _floored(known.logprob)}
    for other, logprob in known.top:
        name = _name(texts, other)
        found[name] = max(_floored(logprob), found.get(name, LEAST))
    return found


def _ranked(token: int, known: TokenLogprobs, texts: TokenText) -> Json:
    ranked = {other: (logprob, rank) for rank, (other, logprob) in enumerate(known.top, 1)}
    ranked.setdefault(token, (known.logprob, known.rank or 0))
    return {
        str(other): {"logprob": _floored(logprob), "rank": rank or None, "decoded_token": texts.text(other)}
        for other, (logprob, rank) in ranked.items()
    }


def _name(texts: TokenText, token: int) -> str:
    return texts.text(token, "bytes:")


def _floored(logprob: float) -> float:
    return max(logprob, LEAST)
