"""Kinds of values that speak of tokens and stop strings."""

from __future__ import annotations

from typing import Any

from doubletime.decoding.params import MAX_BIAS
from doubletime.server import fields as f
from doubletime.server.errors import bad

MAX_STOPS = 16
MAX_STOP_LENGTH = 256  # characters
MAX_BIASED = 1024
MAX_STOP_TOKENS = 1024
WHOLE = 1 << 31


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


def _biases(name: str, value: Any) -> dict[int, float]:
    if not isinstance(value, dict):
        raise bad(name, f"{name} must be an object of token ids and biases")
    if len(value) > MAX_BIASED:
        raise bad(name, f"{name} must hold at most {MAX_BIASED} tokens, not {len(value)}")
    return {_token(name, key): f.number(-MAX_BIAS, MAX_BIAS)(f"{name}.{key}", bias) for key, bias in value.items()}


def _token(name: str, key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        raise bad(name, f"the keys of {name} must be token ids, not {key[:20]!r}")
    return int(key)


def _token_ids(name: str, value: Any) -> tuple[int, ...]:
    return f.list_of(f.whole(0, WHOLE), MAX_STOP_TOKENS)(name, value) if value != [] else ()


def _tokens(name: str, value: Any) -> tuple[int, ...]:
    """All looked at in one go: there may be many."""
    ids = value if value == [] else f.items(name, value, f.MAX_ITEMS)
    if any(type(item) is not int for item in ids):
        raise bad(name, f"{name} must hold token ids only")
    return tuple(ids)


_STOP = {"type": "string", "minLength": 1, "maxLength": MAX_STOP_LENGTH}
STOPS = f.Kind(_stops, {"anyOf": [_STOP, {"type": "array", "items": _STOP, "maxItems": MAX_STOPS}]})
STOP_TOKENS = f.Kind(
    _token_ids, {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": MAX_STOP_TOKENS}
)
BIASES = f.Kind(
    _biases,
    {
        "type": "object",
        "maxProperties": MAX_BIASED,
        "propertyNames": {"pattern": "^[0-9]{1,9}$"},
        "additionalProperties": {"type": "number", "minimum": -MAX_BIAS, "maximum": MAX_BIAS},
    },
)
TOKENS = f.Kind(_tokens, {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": f.MAX_ITEMS})
LIMIT = f.whole(1, WHOLE)
