"""Structured outputs of a model that knows nothing of them: they hold, beside others and under pressure too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")
pytest.importorskip("llguidance")
pytest.importorskip("jsonschema")

import jsonschema
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubletime import LLM, SamplingParams, Structured
from doubletime.completion import CompletionOutput
from doubletime.core.log import LoggedPlan, read_log
from doubletime.decoding import sampling_adjust
from tests.served import EOS, VOCAB, checkpoint

torch.set_num_threads(1)
PROMPT = "The quick brown fox"
WORDS = ("yes", "no", 'perhaps "so"', "ä\n")
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 6},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "tags": {"type": "array", "items": {"enum": ["a", "é"]}, "maxItems": 2},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def llm() -> Iterator[LLM]:
    with LLM(kv_memory="16MB", max_model_len=512) as made:
        yield made


def one(llm: LLM, spec: Structured, **fields: Any) -> CompletionOutput:
    params = SamplingParams(**{"max_tokens": 300, "seed": 1, "structured": spec, **fields})
    return llm.generate(PROMPT, params, progress=False)[0].outputs[0]


def leaves() -> st.SearchStrategy[dict[str, Any]]:
    """Schemas whose values are short."""
    return st.one_of(
        st.just({"type": "boolean"}),
        st.just({"type": "null"}),
        st.builds(lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more},
                  st.integers(-500, 500), st.integers(0, 500)),
        st.builds(lambda most: {"type": "string", "maxLength": most}, st.integers(0, 5)),
        st.builds(lambda words: {"enum": words}, st.lists(st.text("aé\n\"\\🤖 ", max_size=4), min_size=1, max_size=3)),
    )  # fmt: skip


def nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(
            lambda fields: {
                "type": "object", "properties": fields, "required": list(fields), "additionalProperties": False
            },
            st.dictionaries(st.text("ab_é", min_size=1, max_size=4), inner, max_size=3),
        ),
        st.builds(lambda item, most: {"type": "array", "items": item, "maxItems": most}, inner, st.integers(0, 3)),
        st.builds(lambda some: {"anyOf": some}, st.lists(inner, min_size=1, max_size=2)),
    )  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(leaves(), nested, max_leaves=4), st.integers(0, 1000))
def test_json_is_valid_whatever_the_schema_and_the_draws(llm: LLM, schema: dict[str, Any], seed: int) -> None:
    """At temperature 1, from a model that was never taught to write JSON."""
    choice = one(llm, Structured.schema(schema), seed=seed, max_tokens=480)
    assert (choice.finish_reason, choice.stop_reason) == ("stop", None)
    jsonschema.validate(json.loads(choice.text), schema)


def test_every_kind_is_what_it_says(llm: LLM) -> None:
    specs = [
        Structured("json_object"), Structured("regex", r"\d{4}-\d{2}"), Structured("choice", choices=WORDS),
        Structured("grammar", 'start: WORD "!" WORD\nWORD: /[x-z]{2}/'), Structured.schema(PERSON),
    ]  # fmt: skip
    params = [SamplingParams(n=2, max_tokens=400, seed=5, structured=spec) for spec in specs]
    outputs = llm.generate([PROMPT] * len(specs), params, progress=False)
    texts = [[choice.text for choice in output.outputs] for output in outputs]
    assert {choice.finish_reason for output in outputs for choice in output.outputs} == {"stop"}
    assert all(isinstance(json.loads(text), dict) for text in texts[0])
    assert all(re.fullmatch(r"\d{4}-\d{2}", text) for text in texts[1])
    assert set(texts[2]) <= set(WORDS)
    assert all(re.fullmatch("[x-z]{2}![x-z]{2}", text) for text in texts[3])
    assert texts[3][0] != texts[3][1], "each choice has a grammar of its own"
    for text in texts[4]:
        jsonschema.validate(json.loads(text), PERSON)


def test_rows_that_ask_for_nothing_are_the_same_beside_those_that_do(llm: LLM) -> None:
    free = [SamplingParams(max_tokens=24, seed=at, logprobs=2, ignore_eos=True, temperature=at / 2) for at in range(3)]
    bound = [
        SamplingParams(max_tokens=24, seed=9, structured=Structured.schema(PERSON)),
        SamplingParams(max_tokens=24, seed=9, presence_penalty=1.0, min_p=0.1, min_tokens=20),
    ]
    alone = llm.generate([PROMPT] * 3, free, progress=False)
    mixed = llm.generate([PROMPT] * 5, [bound[0], *free, bound[1]], progress=False)
    again = [llm.generate(PROMPT, each, progress=False)[0] for each in bound]
    assert [output.outputs for output in mixed[1:4]] == [output.outputs for output in alone], "log-probabilities too"
    assert [mixed[0].outputs, mixed[4].outputs] == [output.outputs for output in again]


@pytest.mark.parametrize("kernels", [pytest.param("torch", marks=pytest.mark.slow), "native"])
def test_preempted_and_recomputed_outputs_are_those_of_the_request_alone(tmp_path: Path, kernels: str) -> None:
    """What is known of the tokens so far is made of the tokens, so it comes back with them."""
    wishes: list[dict[str, Any]] = [
        {"structured": Structured.schema(PERSON)},
        {"repetition_penalty": 1.3, "frequency_penalty": 0.5, "ignore_eos": True},
        {"structured": Structured("regex", "([a-f]{3} ){20}"), "presence_penalty": 1.0},
        {"min_tokens": 40, "logit_bias": {EOS: 5.0, 40: 3.0}},
    ]
    params = [SamplingParams(n=1 + at % 2, max_tokens=48, seed=at, **wishes[at % 4]) for at in range(8)]
    prompts = [{"prompt_token_ids": list(range(3, 30 + at))} for at in range(8)]
    record = tmp_path / "log"
    settings = {"max_model_len": 128, "kernels": kernels, "threads": 1}
    with LLM(str(checkpoint()), kv_memory="16MB", **settings) as roomy:
        alone = [
            roomy.generate(each, own, progress=False)[0].outputs for each, own in zip(prompts, params, strict=True)
        ]
    with LLM(str(checkpoint()), kv_memory="250kB", record=str(record), in_flight=2, **settings) as busy:
        together = [output.outputs for output in busy.generate(prompts, params, progress=False)]
    with record.open() as lines:
        plans = [item.plan for item in read_log(lines) if isinstance(item, LoggedPlan)]
    assert sum(len(plan.preempted) for plan in plans) > 0
    for one_alone, loaded in zip(alone, together, strict=True):
        assert [choice.token_ids for choice in one_alone] == [choice.token_ids for choice in loaded]
    assert all(choice.error is None for outputs in together for choice in outputs)


def test_min_tokens_puts_off_the_end_where_the_grammar_leaves_a_choice(llm: LLM) -> None:
    words = Structured("regex", "(ab )*")
    assert len(one(llm, words, min_tokens=12, max_tokens=200).token_ids) > 12
    short = one(llm, Structured("choice", choices=("yes",)), min_tokens=50)
    assert (short.text, short.finish_reason) == ("yes", "stop"), "the end of the grammar ends the output"


def test_a_stop_string_ends_a_structured_output_too(llm: LLM) -> None:
    choice = one(llm, Structured("regex", "(one|two) and three"), stop=" and")
    assert choice.text in ("one", "two")
    assert choice.stop_reason == " and"


def test_a_grammar_that_fails_on_the_way_ends_its_own_output_only(llm: LLM, monkeypatch: pytest.MonkeyPatch) -> None:
    params = [
        SamplingParams(max_tokens=20, seed=at, structured=Structured("regex", pattern))
        for at, pattern in enumerate(["[0-9]{15}", "[a-c]{15}"])
    ]
    sound = llm.generate([PROMPT] * 2, params, progress=False)
    real, calls = sampling_adjust.masks, iter(range(1000))

    def breaking(matchers: Any, vocab: int) -> Any:
        if next(calls) == 4:
            matchers[0].extend(llm.tokenizer.encode("?", add_special_tokens=False))  # type: ignore[union-attr]
        return real(matchers, vocab)

    monkeypatch.setattr(sampling_adjust, "masks", breaking)
    broken, whole = (output.outputs[0] for output in llm.generate([PROMPT] * 2, params, progress=False))
    assert (broken.finish_reason, whole.finish_reason) == ("error", "stop")
    assert (broken.error or "").startswith("the grammar failed")
    assert whole == sound[1].outputs[0]
    monkeypatch.undo()
    assert llm.generate([PROMPT] * 2, params, progress=False) == sound


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (Structured("json", "{"), "prompt 0: the JSON schema is not JSON"),
        (Structured("regex", "["), "(?s)prompt 0: the regular expression cannot be used"),
    ],
)
def test_a_bad_one_is_refused_before_anything_runs(llm: LLM, spec: Structured, told: str) -> None:
    steps = llm._running.engine.steps
    with pytest.raises(ValueError, match=told):
        one(llm, spec)
    assert llm._running.engine.steps == steps


def test_a_foreign_token_in_a_bias_is_refused() -> None:
    with (
        LLM(str(checkpoint()), kv_memory="4MB", max_model_len=64) as small,
        pytest.raises(ValueError, match=r"token ids must be in \[0, 401\)"),
    ):
        small.generate(PROMPT, SamplingParams(logit_bias={VOCAB: 1.0}), progress=False)


def test_without_a_tokenizer_there_are_none(tmp_path: Path) -> None:
    from tests.checkpoints import checkpoint as bare

    with (
        LLM(str(bare("llama")), kv_memory="4MB", max_model_len=64) as silent,
        pytest.raises(ValueError, match="a structured output needs a tokenizer"),
    ):
        silent.generate({"prompt_token_ids": [5]}, SamplingParams(structured=Structured("json_object")))
