"""Tokens are transformers', whatever runs beside them and however the work is cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("transformers")

from doubletime.core.vocabulary import Finish
from doubletime.decoding.params import SamplingParams
from tests.checkpoints import FAMILIES
from tests.parity.conditions import POLICIES, Condition, covers_all_pairs, full, pairwise
from tests.parity.judge import expected, prompts
from tests.parity.matrix import Matrix, check, really_happened
from tests.parity.run import Run


@pytest.mark.parametrize("family", FAMILIES)
def test_the_oracle_varies(family: str) -> None:
    """A model that repeats one token would hide bugs."""
    assert min(len(set(tokens[:40])) for tokens in expected(family).values()) >= 10


def test_the_small_table_covers_all_pairs() -> None:
    assert covers_all_pairs(pairwise())
    assert len(pairwise()) < 48


@pytest.mark.parametrize("family", FAMILIES)
def test_alone(family: str, matrix: Matrix) -> None:
    condition = Condition(family, arrivals="alone", hits=False)
    matrix.add(condition, *check(condition))


@pytest.mark.parametrize("condition", pairwise(), ids=str)
def test_under_load(condition: Condition, matrix: Matrix) -> None:
    verdict, outcome = check(condition)
    matrix.add(condition, verdict, outcome)
    really_happened(condition, outcome)


@pytest.mark.parametrize("family", FAMILIES)
def test_sampled_tokens_are_those_of_the_request_alone(family: str) -> None:
    """With a seed; stopped, preempted, forked and overlapped on one side, nothing of the kind on the other."""
    sampling = [
        SamplingParams(
            n=3 if at % 3 == 0 else 1, temperature=0.6 + 0.1 * (at % 5), top_p=0.9 if at % 2 else 1.0,
            top_k=30 if at % 4 == 1 else 0, seed=100 + at, max_tokens=24, ignore_eos=True,
            min_p=0.02 if at % 5 == 1 else 0.0, logit_bias={at: 2.0, 200: -100.0} if at % 5 == 2 else None,
            presence_penalty=0.5 if at % 3 == 0 else 0.0, frequency_penalty=0.5 if at % 3 == 1 else 0.0,
            repetition_penalty=1.3 if at % 4 == 0 else 1.0,
        )
        for at in range(10)
    ]  # fmt: skip
    requests = list(zip(prompts(), sampling, strict=False))
    alone = Condition(family, arrivals="alone", hits=False)
    loaded = replace(alone, policy="sarathi:budget=32", in_flight=2, memory="tight", arrivals="stops", hits=True)
    quiet, busy = Run(alone, requests)(), Run(loaded, requests)()
    assert busy.stops
    for at, text in quiet.texts.items():
        assert text.finish is Finish.LENGTH
        assert text.tokens == busy.texts[at].tokens, at
    assert len({tuple(quiet.texts[0, choice].tokens) for choice in range(3)}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_combination(family: str, policy: str, matrix: Matrix) -> None:
    for condition in full():
        if (condition.family, condition.policy) == (family, policy):
            matrix.add(condition, *check(condition))
