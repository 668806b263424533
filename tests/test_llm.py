"""The Python interface: what it gives, what it refuses, and that one failure stays one failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch

from doubletime import LLM, SamplingParams
from doubletime.completion import RequestOutput
from doubletime.core.events import Arrive
from doubletime.core.log import LoggedEvent, LoggedPlan, read_log
from doubletime.lab.replay import replay
from doubletime.models import State
from tests.served import EOS, VOCAB, checkpoint, with_eos

torch.set_num_threads(1)
GREEDY = SamplingParams(temperature=0, max_tokens=24, ignore_eos=True)
PROMPTS = ["The quick brown fox", "def add(a, b):", "Zwölf Boxkämpfer jagen", "今日は"]


def make(**settings: Any) -> LLM:
    return LLM(str(checkpoint()), **{"kv_memory": "4MB", "max_model_len": 256, **settings})


@pytest.fixture(scope="module")
def llm() -> Iterator[LLM]:
    with make() as made:
        yield made


def tokens_of(outputs: list[RequestOutput]) -> list[list[int]]:
    return [choice.token_ids for output in outputs for choice in output.outputs]


def ids(*tokens: int) -> dict[str, list[int]]:
    return {"prompt_token_ids": list(tokens)}


# ---- what it gives


def test_text_and_token_ids_are_the_same_prompt(llm: LLM) -> None:
    by_text = llm.generate(PROMPTS, GREEDY)
    by_ids = llm.generate([ids(*output.prompt_token_ids) for output in by_text], GREEDY)
    assert tokens_of(by_text) == tokens_of(by_ids)
    assert [output.prompt for output in by_text] == PROMPTS
    assert [output.prompt for output in by_ids] == [None] * 4


def test_the_text_is_the_tokens_decoded(llm: LLM) -> None:
    from doubletime.decoding.tokenizer import Tokenizer

    tokenizer = Tokenizer(checkpoint())
    for output in llm.generate(PROMPTS, GREEDY):
        choice = output.outputs[0]
        assert choice.text == tokenizer.decode(choice.token_ids)
        assert (len(choice.token_ids), choice.finish_reason, choice.stop_reason) == (24, "length", None)
        assert output.finished


def test_one_prompt_need_not_be_a_list(llm: LLM) -> None:
    one = llm.generate(PROMPTS[0], GREEDY)
    same = llm.generate(ids(*one[0].prompt_token_ids), GREEDY)
    assert tokens_of(one) == tokens_of(same)
    assert llm.generate([]) == []


def test_each_prompt_may_have_its_own_params(llm: LLM) -> None:
    params = [SamplingParams(temperature=0, max_tokens=count, n=n, ignore_eos=True) for count, n in ((3, 1), (9, 2))]
    first, second = llm.generate(PROMPTS[:2], params)
    assert [len(choice.token_ids) for choice in first.outputs] == [3]
    assert [len(choice.token_ids) for choice in second.outputs] == [9, 9]
    assert [choice.index for choice in second.outputs] == [0, 1]


def test_a_stop_string_may_lie_across_tokens(llm: LLM) -> None:
    """Two characters, the end of one token and the beginning of the next; the text ends before them."""
    whole = llm.generate(PROMPTS[0], GREEDY)[0].outputs[0]
    prefixes = [llm.generate(PROMPTS[0], _greedy(count))[0].outputs[0].text for count in range(1, 24)]
    stop = next(
        whole.text[len(text) - 1 : len(text) + 1]
        for text in prefixes[5:]
        if 0 < len(text) < len(whole.text) and "\N{REPLACEMENT CHARACTER}" not in text[-1] + whole.text[len(text)]
    )
    params = SamplingParams(temperature=0, max_tokens=24, ignore_eos=True, stop=["never here", stop])
    stopped = llm.generate(PROMPTS[0], params)[0].outputs[0]
    assert stopped.text == whole.text[: whole.text.index(stop)]
    assert (stopped.finish_reason, stopped.stop_reason) == ("stop", stop)
    assert stopped.token_ids == whole.token_ids[: len(stopped.token_ids)]
    assert len(stopped.token_ids) < 24


def _greedy(count: int) -> SamplingParams:
    return SamplingParams(temperature=0, max_tokens=count, ignore_eos=True)


def test_the_end_token_ends_and_is_not_in_the_text(llm: LLM, tmp_path: Path) -> None:
    whole = llm.generate(PROMPTS[0], GREEDY)[0].outputs[0]
    end = whole.token_ids[6]
    first = whole.token_ids.index(end)
    with LLM(str(with_eos(tmp_path, end)), kv_memory="4MB", max_model_len=256) as other:
        ended = other.generate(PROMPTS[0], SamplingParams(temperature=0, max_tokens=24))[0].outputs[0]
        ignoring = other.generate(PROMPTS[0], GREEDY)[0].outputs[0]
    assert (ended.finish_reason, ended.stop_reason) == ("stop", None)
    assert ended.token_ids == whole.token_ids[: first + 1]
    assert whole.text.startswith(ended.text)
    assert ignoring.token_ids == whole.token_ids
    assert end != EOS


def test_log_probabilities_name_the_sampled_and_the_likeliest(llm: LLM) -> None:
    params = SamplingParams(temperature=0, max_tokens=6, ignore_eos=True, logprobs=3)
    choice = llm.generate(PROMPTS[0], params)[0].outputs[0]
    assert choice.logprobs is not None
    for token, entry in zip(choice.token_ids, choice.logprobs, strict=True):
        assert len(entry) == 3
        assert entry[token].logprob == max(each.logprob for each in entry.values()) < 0
    total = sum(entry[token].logprob for token, entry in zip(choice.token_ids, choice.logprobs, strict=True))
    assert choice.cumulative_logprob == pytest.approx(total)
    assert llm.generate(PROMPTS[0], GREEDY)[0].outputs[0].logprobs is None


def test_more_likeliest_tokens_than_there_are_is_all_of_them(llm: LLM) -> None:
    params = SamplingParams(temperature=0, max_tokens=1, logprobs=VOCAB + 100)
    choice = llm.generate(PROMPTS[0], params)[0].outputs[0]
    assert (choice.error, len((choice.logprobs or [{}])[0])) == (None, VOCAB)


def test_a_chat_goes_through_the_template(llm: LLM) -> None:
    prompt = llm.chat_prompt([{"role": "user", "content": "The dog"}])
    assert llm.generate("<user>The dog\n<a>", GREEDY)[0].prompt_token_ids == [0, *prompt["prompt_token_ids"]]


# ---- chance


def test_seeds_reproduce_and_choices_differ(llm: LLM) -> None:
    params = SamplingParams(n=3, seed=5, max_tokens=12, ignore_eos=True)
    once, again = (tokens_of(llm.generate(PROMPTS[0], params)) for _ in range(2))
    assert once == again
    assert len({tuple(tokens) for tokens in once}) == 3


def test_without_a_seed_requests_differ_and_the_engine_s_seed_reproduces_them() -> None:
    runs = []
    for seed in (1, 1, 2):
        with make(seed=seed) as llm:
            params = SamplingParams(max_tokens=12, ignore_eos=True)
            runs.append(tokens_of(llm.generate([PROMPTS[0]] * 3, params)))
    assert runs[0] == runs[1] != runs[2]
    assert len({tuple(tokens) for tokens in runs[0]}) == 3


# ---- what it refuses


@pytest.mark.parametrize(
    ("prompts", "params", "told"),
    [
        ([ids(5), ids()], GREEDY, "prompt 1 is empty"),
        ([ids(5), ids(5, VOCAB)], GREEDY, rf"prompt 1 has a token id outside \[0, {VOCAB}\)"),
        ([ids(5), ids(-1)], GREEDY, "prompt 1 has a token id outside"),
        ([ids(*[5] * 233)], GREEDY, "prompt 0 has 233 tokens and asks for 24; the model holds 256"),
        ([ids(5)], [GREEDY, GREEDY], "2 sampling_params for 1 prompts"),
        ([{"prompt": "x"}], GREEDY, r"not a mapping with \['prompt'\]"),
    ],
)
def test_a_wrong_prompt_is_told_before_any_runs(llm: LLM, prompts: Any, params: Any, told: str) -> None:
    steps = llm._running.engine.steps
    with pytest.raises(ValueError, match=told):
        llm.generate(prompts, params)
    assert llm._running.engine.steps == steps
    assert llm._running.host.idle


def test_wrong_settings_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="no policy is named 'fast'"):
        make(policy="fast")
    with pytest.raises(OSError, match="nowhere"):
        LLM("/nowhere")
    with pytest.raises(ValueError, match="too small"):
        make(kv_memory=1000)
    with pytest.raises(ValueError, match="int4"):
        make(dtype="int4")


def test_a_model_without_a_tokenizer_takes_token_ids_only(tmp_path: Path) -> None:
    from tests.checkpoints import checkpoint as bare

    with LLM(str(bare("llama")), kv_memory="4MB", max_model_len=64) as llm:
        choice = llm.generate(ids(5, 6), SamplingParams(temperature=0, max_tokens=4, ignore_eos=True))[0].outputs[0]
        assert (len(choice.token_ids), choice.text) == (4, "")
        with pytest.raises(ValueError, match="no tokenizer"):
            llm.generate("text", GREEDY)
        with pytest.raises(ValueError, match="stop strings need a tokenizer"):
            llm.generate(ids(5), SamplingParams(stop="x"))
        assert tokens_of(llm.generate(ids(5, 6), _greedy(4))) == [choice.token_ids]


# ---- order, failures, the end


def test_smaller_priority_goes_first(tmp_path: Path) -> None:
    record = tmp_path / "log"
    with make(policy="priority", max_seats=1, in_flight=1, record=str(record)) as llm:
        llm.generate(PROMPTS, _greedy(2), priority=[3, 2, 1, 0])
    with record.open() as lines:
        work = [item.plan.work for item in read_log(lines) if isinstance(item, LoggedPlan)]
    firsts = list(dict.fromkeys(slab.seq for slabs in work for slab in slabs))
    assert firsts[-2:] == [1, 0]  # whichever had arrived when the first step was planned went first
    assert firsts.index(3) < firsts.index(1)


def test_a_failing_forward_pass_ends_the_requests_of_its_step_and_no_other() -> None:
    """One seat, so the three run one after the other; the second one's prefill fails."""
    prompts = [ids(*range(3, 3 + count)) for count in (10, 17, 12)]
    with make(max_seats=1, max_rows=64) as llm:
        sound = tokens_of(llm.generate(prompts, GREEDY))
        model = llm._running.host._torch.runner.model
        run = model.run

        def bomb(state: State, *rest: Any) -> tuple[State, int]:
            if state.rows == 17:
                raise RuntimeError("out of luck")
            return run(state, *rest)

        model.run = bomb
        llm._running.engine.scheduler.memory.drop_cache()
        outputs = [output.outputs[0] for output in llm.generate(prompts, GREEDY)]
        model.run = run
        llm._running.engine.scheduler.memory.drop_cache()
        assert tokens_of(llm.generate(prompts, GREEDY)) == sound
    assert [choice.finish_reason for choice in outputs] == ["length", "error", "length"]
    assert outputs[1].error == "the forward pass failed: RuntimeError: out of luck"
    assert [outputs[0].token_ids, outputs[2].token_ids] == [sound[0], sound[2]]
    assert outputs[1].token_ids == []


def test_an_interrupted_call_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with make() as llm:
        expected = tokens_of(llm.generate(PROMPTS[1], GREEDY))
        turn, turns = llm._running.engine.turn, iter(range(100))

        def impatient() -> bool:
            if next(turns) == 5:
                raise KeyboardInterrupt
            return turn()

        monkeypatch.setattr(llm._running.engine, "turn", impatient)
        with pytest.raises(KeyboardInterrupt):
            llm.generate([PROMPTS[0]] * 3, SamplingParams(temperature=0, max_tokens=200, ignore_eos=True))
        monkeypatch.undo()
        assert tokens_of(llm.generate(PROMPTS[1], GREEDY)) == expected
        assert llm._running.host.idle


def test_closing_ends_the_forward_thread_and_the_recording(tmp_path: Path) -> None:
    before = threading.active_count()
    record = tmp_path / "log"
    llm = make(record=str(record))
    assert threading.active_count() == before + 1
    llm.generate(PROMPTS, GREEDY)
    llm.close()
    llm.close()
    assert threading.active_count() == before
    with record.open() as lines:
        report = replay(lines)
    assert (report.complete, report.requests, report.header.about["model"]) == (True, 4, str(checkpoint()))


def test_a_recorded_seed_is_the_one_that_was_drawn(tmp_path: Path) -> None:
    record = tmp_path / "log"
    with make(record=str(record)) as llm:
        llm.generate(PROMPTS[:2], SamplingParams(max_tokens=3))
    with record.open() as lines:
        events = [item.event for item in read_log(lines) if isinstance(item, LoggedEvent)]
    seeds = [event.request.seed for event in events if isinstance(event, Arrive)]
    assert len(set(seeds)) == 2
    assert 0 not in seeds
