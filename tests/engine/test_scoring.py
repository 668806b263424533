"""Scores of given tokens equal those of transformers."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from doubletime.engine.scoring import Scorer, agreement  # noqa: E402
from doubletime.models import load_model  # noqa: E402
from tests.checkpoints import checkpoint  # noqa: E402

TOKENS = [(7 * i * i + 3 * i + 1) % 90 for i in range(50)]


@pytest.fixture(scope="module")
def folder() -> Path:
    return checkpoint("llama")


def test_logprobs_are_those_of_transformers(folder: Path) -> None:
    scorer = Scorer(load_model(str(folder)), 64)
    oracle = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        logits = oracle(torch.tensor([TOKENS])).logits[0].log_softmax(-1)
    expected = logits[:-1].gather(1, torch.tensor(TOKENS[1:])[:, None])[:, 0].tolist()
    assert scorer.logprobs(TOKENS) == pytest.approx(expected, abs=1e-4)


def test_a_window_does_not_see_the_one_before(folder: Path) -> None:
    scorer = Scorer(load_model(str(folder)), 64)
    first = scorer.logprobs(TOKENS[:20])
    scorer.logprobs(TOKENS)
    assert scorer.logprobs(TOKENS[:20]) == first


def test_a_model_agrees_with_itself_and_less_with_its_rounded_weights(folder: Path) -> None:
    exact = Scorer(load_model(str(folder), "float32"), 64)
    rounded = Scorer(load_model(str(folder), "bfloat16"), 64)
    assert agreement(exact, exact, [TOKENS]) == {"token_match": 1.0, "kl": 0.0}
    compared = agreement(rounded, exact, [TOKENS, TOKENS[:30]])
    assert 0 < compared["kl"] < 1
    assert compared["token_match"] <= 1.0
