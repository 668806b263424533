"""What is read out of prompts does not depend on how the work is cut, and each row is read once."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

pytest.importorskip("transformers")

import torch

from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.decoding.pooling import PoolingParams
from doubletime.decoding.readout import Readout
from doubletime.executors import prompt_logprobs
from doubletime.executors.output import PromptPart, StepOutput
from tests.checkpoints import oracle, random_prompts
from tests.executors.torch_driver import GREEDY, KERNELS, Driver, model_of

PROMPT = random_prompts(1, [45], seed=1)[0]
LOGPROBS = Readout(logprobs=4)
MEAN = Readout(pooling=PoolingParams("mean"), draws=False)
LAST = Readout(pooling=PoolingParams("last"), draws=False)


@pytest.fixture(params=KERNELS)
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    with Driver("llama", model=model_of("llama", request.param)) as made:
        yield made


def admit(driver: Driver, seq: int, readout: Readout, prompt: Sequence[int] = PROMPT) -> None:
    driver.executor.admit(seq, prompt, GREEDY, readout)


def chunked(driver: Driver, seq: int, size: int, length: int = len(PROMPT)) -> list[StepOutput]:
    cuts = [*range(0, length, size), length]
    return [driver.step(driver.slab(seq, a, b - a, samples=int(b == length))) for a, b in pairwise(cuts)]


def read(outputs: Sequence[StepOutput]) -> list[TokenLogprobs]:
    return [row for output in outputs for part in output.prompts for row in part.logprobs]


def vector(outputs: Sequence[StepOutput]) -> torch.Tensor:
    (made,) = [part.embedding for output in outputs for part in output.prompts if part.embedding is not None]
    return torch.tensor(array("f", made).tolist())


def whole(driver: Driver, readout: Readout) -> list[StepOutput]:
    """By a sequence of its own."""
    seq = 100 + driver.steps
    admit(driver, seq, readout)
    outputs = chunked(driver, seq, len(PROMPT))
    driver.end(seq)
    return outputs


@torch.inference_mode()
def theirs() -> torch.Tensor:
    found: torch.Tensor = oracle("llama")(torch.tensor([PROMPT])).logits[0].float().log_softmax(-1)
    return found


def close(driver: Driver, ours: Sequence[TokenLogprobs], expected: Sequence[TokenLogprobs]) -> None:
    """The same; with torch's kernels up to rounding."""
    if driver.block == 16:
        assert ours == expected
    assert [row.rank for row in ours] == [row.rank for row in expected]
    assert [row.logprob for row in ours] == pytest.approx([row.logprob for row in expected], abs=1e-4)


def test_log_probabilities_are_transformers(driver: Driver) -> None:
    rows, expected = read(whole(driver, LOGPROBS)), theirs()
    assert len(rows) == len(PROMPT) - 1
    for at, row in enumerate(rows):
        best = expected[at].topk(4)
        assert row.logprob == pytest.approx(float(expected[at, PROMPT[at + 1]]), abs=1e-4)
        assert [token for token, _ in row.top] == best.indices.tolist()
        assert [logprob for _, logprob in row.top] == pytest.approx(best.values.tolist(), abs=1e-4)


@pytest.mark.parametrize("size", [1, 7, 44])
def test_chunks_read_the_same_as_the_whole(driver: Driver, size: int) -> None:
    admit(driver, 0, LOGPROBS)
    close(driver, read(chunked(driver, 0, size)), read(whole(driver, LOGPROBS)))


def test_layers_read_the_same_as_the_whole(driver: Driver) -> None:
    admit(driver, 0, LOGPROBS)
    cuts = [*range(0, driver.total, driver.limits.depth.points), driver.total]
    outputs = [
        driver.step(driver.slab(0, 0, len(PROMPT), top, bottom, samples=int(bottom == driver.total)))
        for top, bottom in pairwise(cuts)
    ]
    assert not any(output.prompts for output in outputs[:-1])
    close(driver, read(outputs), read(whole(driver, LOGPROBS)))


@pytest.mark.parametrize("readout", [LOGPROBS, MEAN])
def test_a_recomputed_row_is_not_read_again(driver: Driver, readout: Readout) -> None:
    """After 20 tokens the sequence loses its memory, and the prompt is computed anew."""
    admit(driver, 0, readout)
    first = driver.step(driver.slab(0, 0, 20))
    again = chunked(driver, 0, 13)
    if readout is LOGPROBS:
        assert [len(read([output])) for output in (first, *again)] == [20, 0, 6, 13, 5]
        close(driver, read([first, *again]), read(whole(driver, LOGPROBS)))
    else:
        torch.testing.assert_close(vector(again), vector(whole(driver, MEAN)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [1, 7, 45])
@pytest.mark.parametrize("readout", [MEAN, LAST])
def test_embeddings_are_transformers(driver: Driver, readout: Readout, size: int) -> None:
    with torch.inference_mode():
        states = oracle("llama").model(torch.tensor([PROMPT])).last_hidden_state[0]
    expected = torch.nn.functional.normalize(states.mean(0) if readout is MEAN else states[-1], dim=0)
    admit(driver, 0, readout)
    outputs = chunked(driver, 0, size)
    torch.testing.assert_close(vector(outputs), expected, atol=1e-5, rtol=0)
    if driver.block == 16:
        assert torch.equal(vector(outputs), vector(whole(driver, readout)))
    assert outputs[-1].prompts[0].ends
    assert not any(output.sampled for output in outputs)


def test_dimensions_cut_before_the_length_is_made_one(driver: Driver) -> None:
    full = vector(whole(driver, Readout(pooling=PoolingParams(normalize=False))))
    cut = vector(whole(driver, Readout(pooling=PoolingParams(dimensions=5))))
    torch.testing.assert_close(cut, torch.nn.functional.normalize(full[:5], dim=0))
    with pytest.raises(ValueError, match="dimensions must be at most 48"):
        admit(driver, 1, Readout(pooling=PoolingParams(dimensions=49)))


def test_beside_others_that_sample(driver: Driver) -> None:
    """Rows are told apart, and who asks for nothing gets nothing."""
    driver.admit(1, PROMPT[:30])
    admit(driver, 2, LOGPROBS)
    admit(driver, 3, MEAN, PROMPT[:9])
    output = driver.step(
        driver.slab(1, 0, 30, samples=1), driver.slab(2, 0, 45, samples=1), driver.slab(3, 0, 9, samples=1)
    )
    assert [sampled.seq for sampled in output.sampled] == [1, 2]
    assert [part.seq for part in output.prompts] == [2, 3]
    close(driver, read([output]), read(whole(driver, LOGPROBS)))
    assert driver.step(driver.slab(1, 30, 1, samples=1), driver.slab(2, 45, 1, samples=1)).prompts == ()


def test_one_token_has_nothing_before_it(driver: Driver) -> None:
    admit(driver, 0, Readout(logprobs=1, draws=False), PROMPT[:1])
    (output,) = chunked(driver, 0, 1, 1)
    assert output.prompts == (PromptPart(0, ends=True),)


def test_logits_are_made_in_pieces(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(whole(driver, LOGPROBS))
    sizes: list[int] = []
    logits = driver.model.logits

    def counted(hidden: torch.Tensor) -> torch.Tensor:
        sizes.append(len(hidden))
        return logits(hidden)

    monkeypatch.setattr(driver.model, "logits", counted)
    monkeypatch.setattr(prompt_logprobs, "PIECE", 10 * 4 * driver.model.shape.vocab)
    close(driver, read(whole(driver, LOGPROBS)), expected)
    assert sizes == [10, 10, 10, 10, 4, 1]  # and one to sample from


def test_a_skipped_row_fails_the_step(driver: Driver) -> None:
    """The core may not start such a sequence from a prefix."""
    driver.admit(0, PROMPT)
    chunked(driver, 0, 45)
    admit(driver, 1, LOGPROBS)
    driver.share(0, 1)
    driver.copy_block(1, 32 // driver.block)
    driver.send(driver.slab(1, 32, 13, samples=1))
    assert "sequence 1 skips the rows from 0 to 32" in (driver.answer().error or "")
