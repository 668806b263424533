"""/v1/embeddings, asked by OpenAI's own client and by hand."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai
import pytest

from doubletime.core.vocabulary import Finish
from doubletime.decoding.pooling import PoolingParams
from doubletime.engine.messages import Params
from doubletime.server.app import create_app
from doubletime.server.client import Chunk, EngineStopped, Refused
from doubletime.server.prompts import ServedModel
from tests.server.fake import FakeClient


def vector_of(prompt: Sequence[int]) -> list[float]:
    """What the engine below makes of a prompt; float32 holds it exactly."""
    return [float(len(prompt)), prompt[0] / 2, -0.125]


@dataclass
class VectorReply:
    prompt: Sequence[int]
    ends: Finish
    pause: float
    cancelled: bool = False

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        await asyncio.sleep(self.pause)
        if self.ends is Finish.ERROR:
            yield Chunk(0, "the embedding is not finite", finish=Finish.ERROR)
        elif self.ends is Finish.CANCEL:
            raise EngineStopped("the engine has died")
        else:
            yield Chunk(0, "", finish=Finish.STOP, embedding=array("f", vector_of(self.prompt)).tobytes())

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Vectors(FakeClient):
    """`ends`: how the request of that many tokens ends. One of 7 tokens is refused."""

    ends: dict[int, Finish] = field(default_factory=dict)
    wanted: list[tuple[list[int], Params, str]] = field(default_factory=list)
    given: list[VectorReply] = field(default_factory=list)

    async def submit(  # type: ignore[override]
        self, prompt: Sequence[int], params: Params, priority: int = 0, name: str = ""
    ) -> VectorReply:
        if len(prompt) == 7:
            raise Refused("dimensions must be at most 3")
        self.wanted.append((list(prompt), params, name))
        self.given.append(VectorReply(prompt, self.ends.get(len(prompt), Finish.STOP), self.pause))
        return self.given[-1]


@pytest.fixture
def engine() -> Vectors:
    return Vectors()


@pytest.fixture
def ask(model: ServedModel, engine: Vectors) -> Callable[..., httpx.Response]:
    """Posts a body; fields of None are left out."""

    def post(**fields: Any) -> httpx.Response:
        body = {name: value for name, value in ({"model": "tiny"} | fields).items() if value is not None}
        return asyncio.run(_with_app(model, engine, lambda http: http.post("/v1/embeddings", json=body)))

    return post


async def _with_app(model: ServedModel, engine: Vectors, use: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    transport = httpx.ASGITransport(create_app(model, engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
        return await use(http)


def by_openai(model: ServedModel, engine: Vectors, **fields: Any) -> Any:
    async def use(http: httpx.AsyncClient) -> Any:
        client = openai.AsyncOpenAI(base_url="http://here/v1", api_key="none", max_retries=0, http_client=http)
        return await client.embeddings.create(model="alias", **fields)

    return asyncio.run(_with_app(model, engine, use))


@pytest.mark.parametrize("form", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_openai_s_client_gets_the_numbers(model: ServedModel, engine: Vectors, form: dict[str, str]) -> None:
    """Without a format it asks for base64 and decodes that itself."""
    reply = by_openai(model, engine, input=[[5, 6], [8]], user="somebody", **form)
    told = [item.embedding for item in reply.data]
    if form.get("encoding_format") == "base64":
        assert told[0] == "AAAAQAAAIEAAAAC+"
    else:
        assert told == [vector_of([5, 6]), vector_of([8])]
    assert [(item.index, item.object) for item in reply.data] == [(0, "embedding"), (1, "embedding")]
    assert (reply.object, reply.model) == ("list", "alias")
    assert (reply.usage.prompt_tokens, reply.usage.total_tokens) == (3, 3)


def test_inputs_come_in_four_shapes(ask: Callable[..., httpx.Response], engine: Vectors, model: ServedModel) -> None:
    for given in ("ab c", ["ab c", "x"], [5, 6], [[5, 6], [7]]):
        ask(input=given)
    encode = model.text_tokenizer.encode
    asked = [prompt for prompt, _, _ in engine.wanted]
    assert asked == [encode("ab c"), encode("ab c"), encode("x"), [5, 6], [5, 6], [7]]
    names = [name for _, _, name in engine.wanted]
    assert names[0].startswith("embd-")
    assert names[1][:-2] == names[2][:-2]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, PoolingParams("last")),
        ({"pooling": "mean", "normalize": False}, PoolingParams("mean", normalize=False)),
        ({"dimensions": 3}, PoolingParams("last", 3)),
    ],
)
def test_every_field_reaches_the_engine(
    ask: Callable[..., httpx.Response], engine: Vectors, fields: dict[str, Any], expected: PoolingParams
) -> None:
    assert ask(input=[5], **fields).status_code == 200
    assert [params for _, params, _ in engine.wanted] == [expected]


def test_a_prompt_may_fill_the_model(ask: Callable[..., httpx.Response], model: ServedModel) -> None:
    assert ask(input=[5] * model.max_model_len).status_code == 200


@pytest.mark.parametrize(
    ("fields", "param", "told"),
    [
        ({}, "input", "required"),
        ({"input": []}, "input", "not empty"),
        ({"input": [[]]}, "input", "from 1 to"),
        ({"input": [5, "a"]}, "input", "mixes token ids with something else"),
        ({"input": [[5], [6, 401]]}, "input[1]", "there is no token 401"),
        ({"input": [5] * 65}, "input", "this model holds 64 tokens; input has 65"),
        ({"input": [[5]] * 2049}, "input", "from 1 to 2048 items"),
        ({"input": "a", "model": "other"}, "model", "does not exist"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format", "float or base64"),
        ({"input": "a", "dimensions": 0}, "dimensions", "from 1 to"),
        ({"input": "a", "dimensions": True}, "dimensions", "a whole number"),
        ({"input": "a", "pooling": "cls"}, "pooling", "last or mean"),
        ({"input": "a", "user": 5}, "user", "must be a string"),
        ({"input": "a", "truncate_prompt_tokens": 5}, "truncate_prompt_tokens", "send a shorter input"),
        ({"input": "a", "temperature": 1}, "temperature", "not supported"),
        ({"input": [5] * 7, "dimensions": 9}, None, "dimensions must be at most 3"),
    ],
)
def test_what_is_wrong_is_named(
    ask: Callable[..., httpx.Response], engine: Vectors, fields: dict[str, Any], param: str | None, told: str
) -> None:
    reply = ask(**fields)
    error = reply.json()["error"]
    assert reply.status_code == (404 if param == "model" else 400)
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert told in error["message"]
    assert engine.wanted == []


@pytest.mark.parametrize(("end", "status"), [(Finish.ERROR, 500), (Finish.CANCEL, 503)])
def test_when_one_fails_the_request_fails_and_nothing_runs_on(
    ask: Callable[..., httpx.Response], engine: Vectors, end: Finish, status: int
) -> None:
    engine.ends = {2: end}
    reply = ask(input=[[5], [5, 6], [7]])
    assert reply.status_code == status
    assert reply.json()["error"]["type"] == "server_error"
    assert all(each.cancelled for each in engine.given)


def test_a_client_that_hangs_up_cancels_the_work(model: ServedModel, engine: Vectors) -> None:
    engine.pause = 60

    async def use(http: httpx.AsyncClient) -> None:
        post = asyncio.create_task(http.post("/v1/embeddings", json={"model": "tiny", "input": [[5], [6]]}))
        while len(engine.given) < 2:
            await asyncio.sleep(0.001)
        post.cancel()
        await asyncio.gather(post, return_exceptions=True)

    asyncio.run(_with_app(model, engine, use))
    assert all(each.cancelled for each in engine.given)
