"""The order of things: in each round every engine once, and each round begins with another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.peerbench.engines.engine import Engine
from benchmarks.peerbench.others import Others
from benchmarks.peerbench.points import Model, Precision
from benchmarks.peerbench.process import PeerFailed
from benchmarks.peerbench.records import Failure, Record

Measure = Callable[[Engine, Model, Precision], Iterable[tuple[str, float, str, bool]]]
"""(what, value, unit, more is better) of one engine in one round. Raises PeerFailed."""


@dataclass(slots=True)
class Book:
    """All that was measured so far."""

    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def rotated(engines: Sequence[Engine], rounds: int) -> Iterator[tuple[int, Engine]]:
    """(round, engine): heat, other work and the like hit every engine alike."""
    for number in range(rounds):
        first = number % len(engines)
        for engine in [*engines[first:], *engines[:first]]:
            yield number, engine


def measure_rounds(
    section: str,
    engines: Sequence[Engine],
    model: Model,
    precision: Precision,
    rounds: int,
    measure: Measure,
    book: Book,
) -> None:
    """Fills the book. An engine that fails is not asked again; the others go on."""
    able = []
    for engine in engines:
        if (why := engine.lacks(model, precision)) is None:
            able.append(engine)
        else:
            book.failures.append(Failure(section, model.name, precision, engine.name, None, why))
    failed: set[str] = set()
    for number, engine in rotated(able, rounds) if able else ():
        if engine.name in failed:
            continue
        where = (section, model.name, precision, engine.name)
        _say(f"{section} · {model.name} · {precision} bit · {engine.name} · round {number + 1} of {rounds}")
        others = Others()
        try:
            found = list(measure(engine, model, precision))
            cores = others.cores  # now that all of ours have ended: only those count as ours
            for what, value, unit, more in found:
                book.records.append(Record(*where, what, number, value, unit, more, cores))
        except (PeerFailed, OSError) as error:
            failed.add(engine.name)
            book.failures.append(Failure(*where, number, str(error)))
            _say(f"  failed: {error}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
