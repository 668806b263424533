"""Made-up workloads: an arrival process, lengths, shared prefixes, conversations, tenants and classes.

poisson:rate=2,prompt=512,output=128,n=1000,seed=0
gamma:rate=2,cv=3,…    bursty:rate=2,on=5,off=15,…    constant:rate=2,…    closed:concurrency=8,…
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count as counting
from typing import NamedTuple

from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.lab.workload import arrivals, lengths
from doubletime.lab.workload.classes import PeopleSpec, Someone
from doubletime.lab.workload.content import KEY_TOKENS, Blocks, Run
from doubletime.lab.workload.dice import Dice, Stream
from doubletime.lab.workload.job import Job, Session, Workload
from doubletime.lab.workload.options import Options, count, distribution, integer, positive
from doubletime.lab.workload.sizes import Pair, SizeSpec

MakeArrivals = Callable[[int], Iterator[Nanoseconds]]
_OWNER = 1 << 32  # block ids that each shared prefix and each session has for itself


class Spec(NamedTuple):
    """A synthetic workload, read from its text. `prefix`: tokens at the start of each prompt that one of `groups`
    kinds of session has in common; `turns`: of a session, each of which brings the whole conversation so far."""

    arrivals: MakeArrivals
    requests: int
    sizes: SizeSpec
    people: PeopleSpec
    prefix: int
    groups: int
    turns: lengths.Draw
    think: lengths.Draw


def synthetic(kind: str, rest: str, name: str, seed: int) -> Workload:
    """Raises ValueError that names the key which is unknown, missing or wrong. `seed` counts if the spec has none."""
    options = Options(kind, rest)
    make, concurrency = KINDS[kind](options)
    spec = Spec(
        make,
        options.take("n", count, 1000),
        SizeSpec.take(options),
        PeopleSpec.take(options),
        options.take("prefix", count, 0),
        options.take("groups", count, 1),
        options.take("turns", distribution, lengths.parse("turns", "1")),
        options.take("think", distribution, lengths.parse("think", "0")),
    )
    seed = options.take("seed", integer, seed)
    options.done()
    timed = concurrency is None
    return Workload(name, lambda: _sessions(spec, seed), seed, concurrency, spec.requests, timed)


def _poisson(options: Options) -> tuple[MakeArrivals, None]:
    rate = options.need("rate", positive)
    return lambda seed: arrivals.poisson(rate, seed), None


def _gamma(options: Options) -> tuple[MakeArrivals, None]:
    rate, cv = options.need("rate", positive), options.need("cv", positive)
    return lambda seed: arrivals.gamma(rate, cv, seed), None


def _constant(options: Options) -> tuple[MakeArrivals, None]:
    rate = options.need("rate", positive)
    return lambda seed: arrivals.constant(rate), None


def _bursty(options: Options) -> tuple[MakeArrivals, None]:
    rate, on, off = (options.need(key, positive) for key in ("rate", "on", "off"))
    return lambda seed: arrivals.bursty(rate, on, off, seed), None


def _closed(options: Options) -> tuple[MakeArrivals, int]:
    users = options.need("concurrency", count)
    return lambda seed: arrivals.at_once(), users


KINDS: dict[str, Callable[[Options], tuple[MakeArrivals, int | None]]] = {
    "poisson": _poisson,
    "gamma": _gamma,
    "constant": _constant,
    "bursty": _bursty,
    "closed": _closed,
}


def _sessions(spec: Spec, seed: int) -> Iterator[Session]:
    builder = _Builder(spec, seed)
    left = spec.requests
    for number, start in zip(counting(), spec.arrivals(seed), strict=False):
        jobs = builder.jobs(number, left)
        yield Session(start, jobs)
        left -= len(jobs)
        if not left:
            return


class _Builder:
    """Draws the jobs of one session after another."""

    def __init__(self, spec: Spec, seed: int) -> None:
        self._spec = spec
        self._seed = seed
        self._pairs = spec.sizes.pairs(seed)
        self._people = spec.people.people(seed)
        self._turns, self._thinks = Dice(seed, Stream.TURNS), Dice(seed, Stream.THINK)
        self._prefixes, self._more = Dice(seed, Stream.PREFIX), Dice(seed, Stream.MORE)

    def jobs(self, number: int, most: int) -> tuple[Job, ...]:
        spec, who = self._spec, self._people.draw()
        turns = min(most, lengths.whole(spec.turns, self._turns))
        group = self._prefixes.below(spec.groups)
        jobs: list[Job] = []
        while len(jobs) < turns:
            prompt, output = next(self._pairs)
            if jobs:
                prompt = self._more_tokens(prompt) + jobs[-1].prompt + jobs[-1].output
            jobs.append(self._job(number, len(jobs), turns, (prompt, output), group, who))
        return tuple(jobs)

    def _more_tokens(self, prompt: int) -> int:
        more = self._spec.sizes.more
        return lengths.whole(more, self._more) if more else prompt

    def _job(self, number: int, turn: int, turns: int, size: Pair, group: int, who: Someone) -> Job:
        prompt, output = size
        name = f"session-{number}" if turns > 1 else ""
        return Job(
            prompt,
            output,
            think=round(self._spec.think(self._thinks) * SECOND) if turn else 0,
            content=self._content(number, turns, size, group),
            session=name,
            turn=turn,
            priority=who.service.priority,
            tenant=who.tenant,
            program=name,
            slo=who.service.slo,
            slo_class=who.service.name,
        )

    def _content(self, number: int, turns: int, size: Pair, group: int) -> Blocks | None:
        """Whole blocks of the shared prefix, then (in a conversation) the session's own, the answer's among them."""
        prompt, output = size
        shared = min(self._spec.prefix, prompt) // KEY_TOKENS
        runs = [Run(group * _OWNER, shared)] if shared else []
        if turns > 1:
            blocks = -(-(prompt + output) // KEY_TOKENS)
            runs.append(Run((self._spec.groups + number) * _OWNER + shared, blocks - shared))
        return Blocks(self._seed, tuple(runs)) if runs else None
