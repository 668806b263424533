from __future__ import annotations

import asyncio
import dataclasses

import pytest

from doubletime.decoding.chat import ChatTemplate
from doubletime.server.chat.fields import ChatRequest
from doubletime.server.chat.jobs import chat_work
from doubletime.server.completions.fields import CompletionRequest
from doubletime.server.completions.jobs import completion_jobs
from doubletime.server.declare import read
from doubletime.server.errors import ApiError
from doubletime.server.prompts import ServedModel


def test_a_model_without_a_tokenizer_takes_token_ids_only(model: ServedModel) -> None:
    bare = dataclasses.replace(model, tokenizer=None)
    (job,) = asyncio.run(completion_jobs(bare, read(CompletionRequest, {"model": "tiny", "prompt": [1, 2]})))
    assert job.prompt == [1, 2]
    with pytest.raises(ApiError, match="no tokenizer"):
        asyncio.run(completion_jobs(bare, read(CompletionRequest, {"model": "tiny", "prompt": "text"})))
    for more in ({"stop": "x"}, {"echo": True}, {"guided_regex": "x"}):
        with pytest.raises(ApiError, match=f"{next(iter(more))} needs a tokenizer"):
            asyncio.run(completion_jobs(bare, read(CompletionRequest, {"model": "tiny", "prompt": [1]} | more)))
    messages = [{"role": "user", "content": "hi"}]
    with pytest.raises(ApiError, match="no tokenizer"):
        asyncio.run(chat_work(bare, read(ChatRequest, {"model": "tiny", "messages": messages})))


def test_what_a_chat_template_refuses_is_the_fault_of_the_messages(model: ServedModel) -> None:
    picky = dataclasses.replace(model)
    vars(picky)["template"] = ChatTemplate("{{ raise_exception('only users may speak') }}")
    request = read(ChatRequest, {"model": "tiny", "messages": [{"role": "system", "content": "hi"}]})
    with pytest.raises(ApiError, match="only users may speak") as caught:
        asyncio.run(chat_work(picky, request))
    assert (caught.value.status, caught.value.param) == (400, "messages")


def test_a_prompt_of_no_tokens_is_refused(model: ServedModel) -> None:
    silent = dataclasses.replace(model)
    vars(silent)["template"] = ChatTemplate("")
    with pytest.raises(ApiError, match="messages is empty"):
        asyncio.run(
            chat_work(silent, read(ChatRequest, {"model": "tiny", "messages": [{"role": "user", "content": ""}]}))
        )


def test_a_long_text_is_tokenized_as_a_short_one(model: ServedModel) -> None:
    roomy = dataclasses.replace(model, max_model_len=100_000)
    text = "the fox " * 2000
    (job,) = asyncio.run(completion_jobs(roomy, read(CompletionRequest, {"model": "tiny", "prompt": text})))
    assert job.prompt == model.text_tokenizer.encode(text)
