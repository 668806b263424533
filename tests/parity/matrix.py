"""Runs conditions, judges them, and keeps the matrix that is printed at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from doubletime.core.vocabulary import Fate, Finish
from doubletime.decoding.params import SamplingParams
from doubletime.shapes import POINTS_PER_LAYER, depth_map
from tests.parity.conditions import Condition
from tests.parity.judge import NEW, Verdict, judge, judge_logprobs, prompts
from tests.parity.run import Outcome, Run, model_of

MOST_TIES = 1 / 5_000

Request = tuple[tuple[int, ...], SamplingParams]


@dataclass
class Matrix:
    """Verdicts by condition, and what happened in all runs together."""

    rows: dict[Condition, Verdict] = field(default_factory=dict)
    evidence: Counter[str] = field(default_factory=Counter)

    def add(self, condition: Condition, verdict: Verdict, outcome: Outcome) -> None:
        self.rows[condition] = verdict
        self.evidence.update(happened(outcome))

    @property
    def total(self) -> Verdict:
        total = Verdict()
        for verdict in self.rows.values():
            total += verdict
        return total

    def lines(self) -> Iterable[str]:
        for condition, verdict in self.rows.items():
            told = f"{verdict.ties} near ties" if verdict.ties else "ok"
            yield (
                f"{condition.family:10} {condition.kernels:7}{condition.policy:38} "
                f"in_flight={condition.in_flight} {condition.memory:6} {condition.arrivals:9} "
                f"{'hold' if condition.hold else '-':5}{'hits' if condition.hits else '-':5}"
                f"{'n=3' if condition.forks else 'n=1':4} {told}"
            )
        total = self.total
        yield from (f"near tie: {near}" for near in total.near)
        happened = ", ".join(f"{count:,} {name}" for name, count in self.evidence.items())
        yield (
            f"{len(self.rows)} conditions: {total.positions:,} tokens equal, {total.ties} near ties, "
            f"{total.logprobs:,} log-probabilities within 1e-4; {happened}"
        )


def requests_of(condition: Condition, count: int = 20) -> list[Request]:
    """Greedy, every fourth with log-probabilities, with `forks` every third with n = 3."""
    greedy = partial(SamplingParams, temperature=0.0, max_tokens=NEW, ignore_eos=True)
    return [
        (prompt, greedy(n=3 if condition.forks and at % 3 == 0 else 1, logprobs=0 if at % 4 == 0 else None))
        for at, prompt in enumerate(prompts()[:count])
    ]


def check(condition: Condition, *, device: str = "cpu") -> tuple[Verdict, Outcome]:
    """One run: every choice of every request against the oracle. Raises AssertionError where they differ."""
    requests = requests_of(condition)
    outcome = Run(condition, requests, device=device)()
    total = Verdict()
    for (at, choice), text in outcome.texts.items():
        prompt, params = requests[at]
        assert text.finish is Finish.LENGTH, f"request {at}, choice {choice}: {text.finish} {text.error}"
        assert len(text.tokens) == NEW
        total += judge(condition.family, prompt, text.tokens)
        if params.logprobs is not None:
            total += judge_logprobs(condition.family, prompt, text.tokens, text.logprobs)
    return total, outcome


def happened(outcome: Outcome) -> dict[str, int]:
    """How often what a condition is about took place."""
    return {
        "steps": len(outcome.results),
        "stops": len(outcome.stops),
        "stops inside a layer": sum(reached % POINTS_PER_LAYER > 0 for reached in outcome.stops),
        "revoked steps": sum(result.revoked for result in outcome.results),
        "recomputed": outcome.preempted(Fate.RECOMPUTE),
        "held back": outcome.preempted(Fate.HOLD),
        "prefix hits": outcome.hits,
        "copies on write": outcome.copies,
    }


def really_happened(condition: Condition, outcome: Outcome) -> None:
    """A condition that did not come about proves nothing."""
    counts, flow = happened(outcome), "flow" in condition.policy  # which stops and holds by itself
    assert (counts["stops inside a layer"] > 0) == (condition.arrivals == "stops") or flow, counts
    assert condition.in_flight == 1 or not counts["stops"] or counts["revoked steps"], counts
    assert condition.memory == "ample" or counts["recomputed"], counts
    assert (counts["held back"] > 0) == condition.hold or flow, counts
    assert condition.hits or not counts["prefix hits"], counts
    assert not condition.hits or condition.memory == "tight" or counts["prefix hits"], counts
    assert not condition.forks or condition.memory == "tight" or counts["copies on write"], counts
    assert "one_token" not in condition.policy or outcome.chunks <= {1}, outcome.chunks
    assert "budget=7" not in condition.policy or max(outcome.chunks) == 7, outcome.chunks
    assert "layered" not in condition.policy or outcome.heights & set(cuts(condition)), outcome.heights


def cuts(condition: Condition) -> tuple[int, ...]:
    """The first depths at which a layered policy may cut."""
    depth = depth_map(model_of(condition.family).shape)
    layers = {"per_group=1": (1,), "per_group=20": (2,)}.get(condition.policy.rpartition(",")[2], (depth.layers,))
    return tuple(depth.at_layer(layer) for layer in layers)
