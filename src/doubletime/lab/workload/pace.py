"""The same TRACE, faster or slower: other arrivals, the same requests."""

from __future__ import annotations

from doubletime.lab.workload.synthetic import KINDS


def at_rate(trace: str, rate: float) -> str:
    """`rate` requests a second: a spec's own `rate`; a file's requests as a Poisson process. Raises ValueError."""
    kind, keys = _spec(trace)
    _need_open_loop(trace, kind, keys)
    for key in ("scale", "concurrency"):
        keys.pop(key, None)
    return _text(kind, keys | {"rate": f"{rate:.10g}"})


def at_scale(trace: str, scale: float) -> str:
    """`scale` times as many requests a second as now, arrivals alike but for that. Raises ValueError."""
    kind, keys = _spec(trace)
    _need_open_loop(trace, kind, keys)
    if "concurrency" in keys:
        raise ValueError(f"{trace}: a closed loop has no arrivals that a scale could change")
    key = "rate" if "rate" in keys else "scale"
    return _text(kind, keys | {key: f"{_number(trace, keys.get(key, '1')) * scale:.10g}"})


def rate_of(trace: str) -> float | None:
    """The requests a second that a spec asks for itself; None where recorded times say when they come."""
    keys = _spec(trace)[1]
    return _number(trace, keys["rate"]) if "rate" in keys else None


def _spec(trace: str) -> tuple[str, dict[str, str]]:
    """A file becomes a `replay` of it."""
    kind, colon, rest = trace.partition(":")
    if not colon or kind not in (*KINDS, "replay"):
        return "replay", {"path": trace}
    items = (item.partition("=") for item in rest.split(",") if item)
    return kind, {key: value for key, _, value in items}


def _text(kind: str, keys: dict[str, str]) -> str:
    return f"{kind}:" + ",".join(f"{key}={value}" for key, value in keys.items())


def _need_open_loop(trace: str, kind: str, keys: dict[str, str]) -> None:
    if kind == "closed":
        raise ValueError(f"{trace}: in a closed loop the users ask when they are answered; it has no rate to change")
    if kind != "replay" and "rate" not in keys:
        raise ValueError(f"{trace}: rate= is needed")


def _number(trace: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{trace}: {text!r} is not a number") from None
