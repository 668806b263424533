"""Policies by name: one published technique a file. `load("sarathi:tbt=0.05+priority")` makes a stack of parts."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from pathlib import Path
from typing import Any

from doubletime.core.policy import Policy

NAMES = ("fcfs", "flow", "layered", "priority", "sarathi")


class UnknownPolicy(ValueError):
    """A name, a knob or a knob's value that no policy has."""


def load(spec: str) -> tuple[Policy, ...]:
    """Parts joined by +, each `name` or `name:knob=value,knob=value`; a name may be a file that defines one policy."""
    return tuple(_part(text.strip()) for text in spec.split("+"))


def policy_class(name: str) -> type[Policy]:
    """The policy of a name or of a Python file. Raises UnknownPolicy."""
    if name.endswith(".py"):
        return _only_policy(_import_file(Path(name)), name)
    if name not in NAMES:
        raise UnknownPolicy(f"no policy is named {name!r}; there are {', '.join(NAMES)} (or give a .py file)")
    return _only_policy(importlib.import_module(f"doubletime.policies.{name}"), name)


def knobs(cls: type[Policy]) -> dict[str, inspect.Parameter]:
    """A policy's constructor parameters: name → parameter with type and default."""
    if cls.__init__ is object.__init__:
        return {}
    return dict(inspect.signature(cls, eval_str=True).parameters)


def _part(text: str) -> Policy:
    name, _, settings = text.partition(":")
    cls = policy_class(name)
    known = knobs(cls)
    values = {}
    for setting in filter(None, settings.split(",")):
        knob, _, value = setting.partition("=")
        if knob not in known:
            raise UnknownPolicy(f"policy {name} has no knob {knob!r}; it has {', '.join(known) or 'none'}")
        values[knob] = _convert(name, known[knob], value)
    try:
        return cls(**values)
    except ValueError as error:
        raise UnknownPolicy(f"policy {name}: {error}") from None


def _convert(policy: str, knob: inspect.Parameter, value: str) -> Any:
    kind = type(knob.default)
    try:
        return kind(value)
    except ValueError:
        raise UnknownPolicy(f"policy {policy}: {knob.name} takes a {kind.__name__}, not {value!r}") from None


def _only_policy(module: Any, name: str) -> type[Policy]:
    found = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Policy) and item.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise UnknownPolicy(f"{name} must define exactly one subclass of Policy, it defines {len(found)}")
    return found[0]


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise UnknownPolicy(f"there is no policy file {path}")
    spec = importlib.util.spec_from_file_location(f"doubletime_policy_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
