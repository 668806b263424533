"""Things that are named on a command line: `name` or `name:knob=value,knob=value`."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any, TypeVar

T = TypeVar("T")


def build(kind: str, spec: str, classes: Mapping[str, type[T]]) -> T:
    """A fresh object. `kind` is for messages. Raises ValueError that lists the names, or the knobs, there are."""
    name, _, settings = spec.partition(":")
    if name not in classes:
        raise ValueError(f"no {kind} is named {name!r}; there are {', '.join(classes)}")
    known = knobs(classes[name])
    values = {}
    for setting in filter(None, settings.split(",")):
        knob, _, value = setting.partition("=")
        if knob not in known:
            raise ValueError(f"{kind} {name} has no knob {knob!r}; it has {', '.join(known) or 'none'}")
        values[knob] = _convert(f"{kind} {name}", known[knob], value)
    return classes[name](**values)


def knobs(cls: type[Any]) -> dict[str, Parameter]:
    """Constructor parameters: name → parameter with type and default."""
    return {} if cls.__init__ is object.__init__ else dict(signature(cls, eval_str=True).parameters)


def _convert(who: str, knob: Parameter, value: str) -> Any:
    kind = type(knob.default)
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{who}: {knob.name} takes a number of type {kind.__name__}, not {value!r}") from None
