"""The command line that led to a result, written out again, so that a report can say how to repeat it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import Any

from doubletime.core.vocabulary import SECOND, SLO


def command(name: str, args: argparse.Namespace, add_arguments: Callable[[argparse.ArgumentParser], None]) -> str:
    """All options of `name` that differ from their defaults, in the order in which the command declares them."""
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    words = ["doubletime", name]
    for action in parser._actions:
        value = getattr(args, action.dest)
        if value == action.default or value is None:
            continue
        words.append(action.option_strings[0])
        if action.nargs != 0:
            words.append(_text(value))
    return shlex.join(words)


def _text(value: Any) -> str:
    if isinstance(value, SLO):
        named = (("ttft", value.ttft), ("tpot", value.tpot))
        return ",".join(f"{name}={time / SECOND:g}" for name, time in named if time is not None)
    if isinstance(value, dict):
        return ",".join(f"{key}={_text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
