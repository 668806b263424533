"""The judge itself: strict where the oracle is sure, lenient only where it ties."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")

import torch

from tests.parity import judge as module
from tests.parity.judge import NEW, expected, judge, judge_logprobs, logits, prompts

PROMPT = prompts()[4]


def other_path(at: int, gap: float, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tokens that leave the oracle's path at `at`, where its two best logits are now `gap` apart."""
    path = list(expected("llama")[PROMPT])
    path[at] = int(logits("llama", (*PROMPT, *path), NEW)[at].topk(2).indices[1])

    def edited(family: str, text: tuple[int, ...], count: int) -> torch.Tensor:
        values = logits(family, text, count).clone()
        best = values.argmax(-1)
        for row, token in enumerate(path[at:], start=at):  # behind the difference it agrees with our text
            if row == at:
                values[row, token] = values[row, best[row]] - gap
            else:
                values[row, token] = values[row].max() + 1
        return values

    monkeypatch.setattr(module, "logits", edited)
    return path


def test_the_oracle_s_own_tokens_pass() -> None:
    verdict = judge("llama", PROMPT, expected("llama")[PROMPT])
    assert (verdict.positions, verdict.ties) == (NEW, 0)


def test_a_near_tie_is_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judge("llama", PROMPT, other_path(20, 5e-6, monkeypatch))
    assert verdict.ties == 1
    assert "token 20" in verdict.near[0]


def test_any_other_difference_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="token 20 is"):
        judge("llama", PROMPT, other_path(20, 1e-4, monkeypatch))


def test_a_difference_after_a_near_tie_fails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    path = other_path(20, 5e-6, monkeypatch)
    got = [*path[:30], (path[30] + 1) % 256, *path[31:]]
    with pytest.raises(AssertionError, match="token 30 is"):
        judge("llama", PROMPT, got)


def test_log_probabilities_are_compared_to_1e_4() -> None:
    path = expected("llama")[PROMPT]
    theirs = logits("llama", PROMPT + path, NEW).log_softmax(-1)
    exact = [float(row[token]) for row, token in zip(theirs, path, strict=True)]
    assert judge_logprobs("llama", PROMPT, path, exact).logprobs == NEW
    with pytest.raises(AssertionError, match="log-probability differs"):
        judge_logprobs("llama", PROMPT, path, [exact[0] + 2e-4, *exact[1:]])
