"""Grammars of requests, compiled beside the engine: its loop and its forward thread do not wait for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from doubletime.decoding.structured.compiler import Compiler
from doubletime.decoding.structured.matcher import Grammar
from doubletime.decoding.structured.spec import Structured
from doubletime.engine.messages import Submit

_THREADS = 2  # so that a grammar which takes a second does not hold up all others


@dataclass(frozen=True, slots=True)
class Compiled:
    """The grammar of a request is ready, or `error` says why there is none."""

    submit: Submit
    grammar: Grammar | None
    error: str = ""


class Grammars:
    """Answers each `ask` through `put`, from a thread of its own."""

    def __init__(self, compiler: Compiler | None, put: Callable[[Compiled], None]) -> None:
        self._compiler = compiler
        self._put = put
        self._threads = ThreadPoolExecutor(_THREADS, "grammar")

    def ask(self, submit: Submit, spec: Structured) -> None:
        """Compiles what a request asks for. Raises ValueError if this model cannot have structured outputs."""
        if self._compiler is None:
            raise ValueError("a structured output needs a tokenizer, and this model has none")
        self._threads.submit(self._compile, self._compiler, submit, spec)

    def close(self) -> None:
        """What is not begun is not compiled."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _compile(self, compiler: Compiler, submit: Submit, spec: Structured) -> None:
        try:
            self._put(Compiled(submit, compiler.compile(spec)))
        except Exception as error:
            self._put(Compiled(submit, None, str(error)))
