"""Fields whose effect only a real engine shows, through a server in a process of its own."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

pytest.importorskip("transformers")

from doubletime import LLM, SamplingParams
from tests.served import EOS, checkpoint
from tests.server.test_serve import Served

PROMPT = "The quick brown fox"
GREEDY: dict[str, Any] = {"model": "tiny", "prompt": PROMPT, "temperature": 0, "max_tokens": 6}
SCHEMA = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    server = Served("--served-model-name", "tiny")
    yield server
    server.end(signal.SIGTERM)


def complete(served: Served, **fields: Any) -> Any:
    reply = httpx.post(f"{served.url}/completions", json=GREEDY | fields, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]


def test_an_echo_with_log_probabilities_is_what_the_engine_says(served: Served) -> None:
    choice = complete(served, echo=True, logprobs=2, ignore_eos=True, return_token_ids=True)
    params = SamplingParams(temperature=0, max_tokens=6, ignore_eos=True, logprobs=2, prompt_logprobs=2)
    with LLM(str(checkpoint()), kv_memory="4MB", max_model_len=1000) as llm:
        (output,) = llm.generate(PROMPT, params)
    assert output.prompt_logprobs is not None
    assert output.outputs[0].logprobs is not None
    known = [*output.prompt_logprobs[1:], *output.outputs[0].logprobs]
    ids = [*choice["prompt_token_ids"], *choice["token_ids"]]
    expected = [about[token].logprob for token, about in zip(ids[1:], known, strict=True) if about is not None]
    assert choice["logprobs"]["token_logprobs"][0] is None
    assert choice["logprobs"]["token_logprobs"][1:] == pytest.approx(expected, abs=1e-3)
    assert choice["text"] == PROMPT + output.outputs[0].text


@pytest.mark.parametrize("n", [1, 3])
def test_a_stream_with_an_echo_says_the_same(served: Served, n: int) -> None:
    fields: dict[str, Any] = {"echo": True, "logprobs": 1, "n": n, "seed": 3, "temperature": 1}
    whole = served.client.completions.create(**GREEDY | fields)
    streamed: dict[int, list[Any]] = {at: [] for at in range(n)}
    for event in served.client.completions.create(**GREEDY | fields, stream=True):
        streamed[event.choices[0].index].append(event.choices[0])
    for choice in whole.choices:
        pieces = streamed[choice.index]
        assert choice.logprobs is not None
        assert "".join(piece.text for piece in pieces) == choice.text
        for name in ("tokens", "token_logprobs", "text_offset"):
            told = [item for piece in pieces for item in getattr(piece.logprobs, name)]
            assert told == pytest.approx(getattr(choice.logprobs, name), abs=1e-3)


def test_nothing_but_an_echo(served: Served) -> None:
    choice = complete(served, echo=True, logprobs=0, max_tokens=0)
    assert (choice["text"], choice["finish_reason"]) == (PROMPT, "length")
    assert len(choice["logprobs"]["tokens"]) > 1


def test_stop_tokens_and_the_fewest_tokens(served: Served) -> None:
    token = httpx.post(served.url.replace("/v1", "/tokenize"), json={"prompt": "x", "add_special_tokens": False}).json()
    (wanted,) = token["tokens"]
    fields = {"logit_bias": {str(wanted): 100}, "stop_token_ids": [wanted], "return_token_ids": True}
    choice = complete(served, **fields)
    assert (choice["token_ids"], choice["stop_reason"], choice["finish_reason"]) == ([wanted], wanted, "stop")
    choice = complete(served, **fields, min_tokens=3)
    assert len(choice["token_ids"]) == 4
    choice = complete(served, logit_bias={str(EOS): 100})
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", None)


def test_a_stop_string_may_be_part_of_the_answer(served: Served) -> None:
    text = complete(served, ignore_eos=True)["text"]
    at = next(at for at in range(len(text) - 1) if text[at : at + 2].isprintable())
    stop = text[at : at + 2]
    cut = complete(served, ignore_eos=True, stop=stop, include_stop_str_in_output=True)
    assert cut["text"] == text[: text.index(stop)] + stop
    assert cut["stop_reason"] == stop


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}},
        {"structured_outputs": {"json": SCHEMA}},
        {"guided_json": json.dumps(SCHEMA)},
    ],
)
def test_an_answer_that_follows_a_schema(served: Served, fields: dict[str, Any]) -> None:
    choice = complete(served, **fields, temperature=1, max_tokens=200)
    assert json.loads(choice["text"])["a"] in (1, 2)


def test_a_response_that_follows_a_schema(served: Served) -> None:
    text: Any = {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}
    reply = served.client.responses.create(model="tiny", input="hi", text=text, max_output_tokens=200)
    assert json.loads(reply.output_text)["a"] in (1, 2)
    events: list[Any] = list(served.client.responses.create(model="tiny", input="hi", text=text, stream=True))
    assert json.loads(events[-1].response.output_text)["a"] in (1, 2)


def test_priorities_are_refused_where_nothing_heeds_them(served: Served) -> None:
    reply = httpx.post(f"{served.url}/completions", json=GREEDY | {"priority": 1})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "priority")
