"""/v1/completions and /v1/chat/completions, asked by OpenAI's own client."""

from __future__ import annotations

import openai
import pytest

from doubletime.decoding.params import SamplingParams
from doubletime.server.prompts import ServedModel
from tests.server.fake import FakeClient

MESSAGES = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "hi"}]},
]
PROMPT = "<system>Be brief.\n<user>hi\n<a>"


def test_a_completion(client: openai.OpenAI, engine: FakeClient, model: ServedModel) -> None:
    reply = client.completions.create(model="tiny", prompt="The fox")
    ids = model.text_tokenizer.encode("The fox")
    assert ids[0] == 0
    assert (reply.object, reply.model, reply.id[:5]) == ("text_completion", "tiny", "cmpl-")
    (choice,) = reply.choices
    assert (choice.index, choice.text, choice.finish_reason) == (0, "Hello wörld", "stop")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (len(ids), 4)
    assert reply.usage.total_tokens == len(ids) + 4
    assert engine.asked == [(ids, SamplingParams(max_tokens=16))]


def test_every_parameter_reaches_the_engine(client: openai.OpenAI, engine: FakeClient) -> None:
    extra = {"top_k": 5, "ignore_eos": True}
    client.completions.create(
        model="alias", prompt=[5, 6], max_tokens=2, temperature=0, top_p=0.5, seed=-3, n=2, stop="x", extra_body=extra
    )
    expected = SamplingParams(
        n=2, temperature=0.0, top_p=0.5, top_k=5, seed=-3, max_tokens=2, stop=["x"], ignore_eos=True
    )
    assert engine.asked == [([5, 6], expected)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ([[5, 6], [7]], [[5, 6], [7]]),
        ([5, 6], [[5, 6]]),
    ],
)
def test_prompts_come_in_four_shapes(
    client: openai.OpenAI, engine: FakeClient, model: ServedModel, prompt: object, expected: list[object]
) -> None:
    reply = client.completions.create(model="tiny", prompt=prompt, n=2, max_tokens=1)
    encode = model.text_tokenizer.encode
    assert [ids for ids, _ in engine.asked] == [encode(item) if isinstance(item, str) else item for item in expected]
    assert [choice.index for choice in reply.choices] == list(range(2 * len(expected)))
    assert {choice.finish_reason for choice in reply.choices} == {"length"}
    assert reply.usage.completion_tokens == 2 * len(expected)


@pytest.mark.parametrize("prompt", ["one", ["one", "two", "three"]])
def test_a_streamed_completion(client: openai.OpenAI, prompt: str | list[str]) -> None:
    stream = client.completions.create(model="tiny", prompt=prompt, n=2, stream=True)
    texts: dict[int, str] = {}
    finished = {}
    for chunk in stream:
        (choice,) = chunk.choices
        assert choice.index not in finished
        assert choice.text or choice.finish_reason
        texts[choice.index] = texts.get(choice.index, "") + choice.text
        if choice.finish_reason:
            finished[choice.index] = choice.finish_reason
    count = 2 if isinstance(prompt, str) else 6
    assert texts == dict.fromkeys(range(count), "Hello wörld")
    assert finished == dict.fromkeys(range(count), "stop")


def test_a_chat(client: openai.OpenAI, engine: FakeClient, model: ServedModel) -> None:
    reply = client.chat.completions.create(model="tiny", messages=MESSAGES, max_completion_tokens=7)
    ids = model.text_tokenizer.encode(PROMPT, add_special_tokens=False)
    assert engine.asked == [(ids, SamplingParams(max_tokens=7))]
    (choice,) = reply.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "Hello wörld", "stop")
    assert reply.object == "chat.completion"
    assert reply.usage.prompt_tokens == len(ids)


def test_a_chat_without_a_limit_may_fill_what_is_left(client: openai.OpenAI, engine: FakeClient) -> None:
    client.chat.completions.create(model="tiny", messages=MESSAGES)
    ((ids, params),) = engine.asked
    assert params.max_tokens == 64 - len(ids)


@pytest.mark.parametrize("usage", [True, False])
def test_a_streamed_chat(client: openai.OpenAI, usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if usage else {}
    chunks = list(client.chat.completions.create(model="tiny", messages=MESSAGES, stream=True, **options))
    if usage:
        last = chunks.pop()
        assert (last.choices, last.usage.completion_tokens) == ([], 4)
    assert all(chunk.usage is None for chunk in chunks)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    assert [delta.content for delta in deltas[1:]] == ["Hel", "lo", " wörld"]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None, None, "stop"]
    assert len({(chunk.id, chunk.created, chunk.object) for chunk in chunks}) == 1


def test_models(client: openai.OpenAI) -> None:
    listed = list(client.models.list())
    assert [(model.id, model.object, model.created) for model in listed] == [
        ("tiny", "model", 1_700_000_000),
        ("alias", "model", 1_700_000_000),
    ]
    assert client.models.retrieve("alias").id == "alias"


def test_a_wrong_request_raises_the_right_exception(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="'gpt' does not exist"):
        client.completions.create(model="gpt", prompt="x")
    with pytest.raises(openai.BadRequestError, match="audio is not supported") as caught:
        client.chat.completions.create(model="tiny", messages=MESSAGES, audio={"voice": "x", "format": "wav"})
    assert (caught.value.param, caught.value.code) == ("audio", "unsupported_parameter")
