"""Log-probabilities, token ids and echoes, in whole replies and in streams; both say the same."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from doubletime.server.prompts import ServedModel
from doubletime.server.token_text import TokenText
from tests.server.fake import FakeClient

MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]


def whole_and_streamed(client: openai.OpenAI, **fields: Any) -> tuple[Any, dict[int, list[Any]]]:
    """The reply, and the pieces of each choice of the same reply streamed."""
    create: Any = client.chat.completions.create if "messages" in fields else client.completions.create
    whole = create(model="tiny", **fields)
    pieces: dict[int, list[Any]] = {}
    for event in create(model="tiny", stream=True, **fields):
        for choice in event.choices:
            pieces.setdefault(choice.index, []).append(choice)
    return whole, pieces


def joined(pieces: list[Any], name: str) -> list[Any]:
    """One of the lists of a completion's logprobs, over all its pieces."""
    return [item for piece in pieces if piece.logprobs for item in getattr(piece.logprobs, name)]


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize("prompt", ["The fox", [[5, 6], [7, 8]]])
def test_a_completion_tells_its_log_probabilities(
    client: openai.OpenAI, engine: FakeClient, model: ServedModel, prompt: Any, echo: bool
) -> None:
    whole, pieces = whole_and_streamed(client, prompt=prompt, n=2, logprobs=1, echo=echo)
    decode = model.text_tokenizer.decode
    texts = [prompt] if isinstance(prompt, str) else [decode(ids) for ids in prompt]
    for choice in whole.choices:
        told, own = choice.logprobs, pieces[choice.index]
        prompt_tokens = len(engine.asked[choice.index // 2][0]) if echo else 0
        assert choice.text == (texts[choice.index // 2] if echo else "") + "Hello wörld"
        assert "".join(piece.text for piece in own) == choice.text
        assert len(told.tokens) == prompt_tokens + 4
        assert told.token_logprobs == ([None] if echo else []) + [-1.5] * (len(told.tokens) - echo)
        assert all(len(best) == 2 for best in told.top_logprobs if best)
        for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
            assert joined(own, name) == getattr(told, name)


def test_offsets_point_into_the_text(client: openai.OpenAI, engine: FakeClient) -> None:
    reply: Any = client.completions.create(model="tiny", prompt="The wörld", logprobs=0, echo=True, max_tokens=0)
    (choice,) = reply.choices
    assert (choice.text, choice.finish_reason, reply.usage.completion_tokens) == ("The wörld", "length", 0)
    ends = [*choice.logprobs.text_offset[1:], len(choice.text)]
    for token, begin, end in zip(choice.logprobs.tokens, choice.logprobs.text_offset, ends, strict=True):
        if token not in ("<bos>", "<eos>") and not token.startswith("bytes:"):
            assert choice.text[begin:end] == token


def test_a_chat_tells_its_log_probabilities(client: openai.OpenAI, engine: FakeClient) -> None:
    whole, pieces = whole_and_streamed(client, messages=MESSAGES, logprobs=True, top_logprobs=2)
    content = whole.choices[0].logprobs.content
    assert len(content) == 4
    assert [(entry.logprob, len(entry.top_logprobs)) for entry in content] == [(-1.5, 2)] * 4
    assert all(bytes(entry.bytes).decode(errors="replace") for entry in content)
    assert [item for piece in pieces[0] if piece.logprobs for item in piece.logprobs.content] == content


def test_a_chat_is_asked_for_none_but_the_sampled(client: openai.OpenAI, engine: FakeClient) -> None:
    reply: Any = client.chat.completions.create(model="tiny", messages=MESSAGES, logprobs=True)
    assert [entry.top_logprobs for entry in reply.choices[0].logprobs.content] == [[]] * 4
    plain: Any = client.chat.completions.create(model="tiny", messages=MESSAGES)
    assert plain.choices[0].logprobs is None
    with pytest.raises(openai.BadRequestError, match="only when logprobs is true"):
        client.chat.completions.create(model="tiny", messages=MESSAGES, top_logprobs=2)


def test_minus_infinity_is_a_very_small_number(client: openai.OpenAI, engine: FakeClient) -> None:
    reply: Any = client.completions.create(model="tiny", prompt=[5], logprobs=3)
    assert -9999.0 in reply.choices[0].logprobs.top_logprobs[0].values()


def test_the_log_probabilities_of_a_prompt(client: openai.OpenAI, engine: FakeClient) -> None:
    asked = {"prompt_logprobs": 1}
    completion: Any = client.completions.create(model="tiny", prompt=[[5, 6], [7]], n=2, extra_body=asked)
    known = completion.choices[1].prompt_logprobs
    assert known[0] is None
    assert known[1]["6"] == {"logprob": -1.5, "rank": 2, "decoded_token": known[1]["6"]["decoded_token"]}
    assert known[1]["300"]["rank"] == 1
    assert completion.choices[3].prompt_logprobs == [None]
    chat: Any = client.chat.completions.create(model="tiny", messages=MESSAGES, extra_body=asked)
    assert len(chat.prompt_logprobs) == chat.usage.prompt_tokens


def test_token_ids(client: openai.OpenAI, engine: FakeClient) -> None:
    asked = {"return_token_ids": True}
    whole, pieces = whole_and_streamed(client, prompt=[5, 6], n=2, extra_body=asked)
    assert [(choice.prompt_token_ids, choice.token_ids) for choice in whole.choices] == [([5, 6], [0, 1, 2, 3])] * 2
    for own in pieces.values():
        assert [piece.token_ids for piece in own] == [[0], [1], [2], [3]]
        assert [getattr(piece, "prompt_token_ids", None) for piece in own] == [[5, 6], None, None, None]
    chat, pieces = whole_and_streamed(client, messages=MESSAGES, extra_body=asked)
    assert chat.prompt_token_ids == engine.asked[-1][0]
    assert chat.choices[0].token_ids == [0, 1, 2, 3]
    assert [getattr(piece, "token_ids", None) for piece in pieces[0]] == [None, [0], [1], [2], [3]]


def test_why_it_stopped(client: openai.OpenAI, engine: FakeClient) -> None:
    engine.stop_reason = "x"
    whole, pieces = whole_and_streamed(client, prompt=[5])
    assert whole.choices[0].stop_reason == pieces[0][-1].stop_reason == "x"
    engine.stop_reason = 7
    chat: Any = client.chat.completions.create(model="tiny", messages=MESSAGES)
    assert chat.choices[0].stop_reason == 7


def test_cached_tokens_count_once_a_prompt(client: openai.OpenAI, engine: FakeClient) -> None:
    engine.cached = 2
    reply: Any = client.completions.create(model="tiny", prompt=[[5, 6, 7], [8, 9, 10]], n=2)
    assert reply.usage.prompt_tokens_details.cached_tokens == 4


def test_usage_in_every_piece(client: openai.OpenAI, engine: FakeClient) -> None:
    options: Any = {"include_usage": True, "continuous_usage_stats": True}
    events: list[Any] = list(client.completions.create(model="tiny", prompt=[5], stream=True, stream_options=options))
    assert [event.usage.completion_tokens for event in events] == [1, 3, 4, 4]
    assert [len(event.choices) for event in events] == [1, 1, 1, 0]


def test_a_model_without_a_tokenizer_names_tokens_by_number() -> None:
    bare = TokenText(None)
    assert (bare.text(7), bare.raw(7)) == ("token_id:7", None)


def test_a_token_that_is_not_whole_characters_is_told_as_bytes(model: ServedModel) -> None:
    tokens = model.text_tokenizer.encode("ö", add_special_tokens=False)
    names = [model.token_text.text(token, "bytes:") for token in tokens]
    assert names == ["bytes:\\xc3", "bytes:\\xb6"]
    assert b"".join(model.token_text.raw(token) or b"" for token in tokens).decode() == "ö"
