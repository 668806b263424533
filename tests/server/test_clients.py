"""Other people's clients, as they are: OpenAI's (sync and async), LiteLLM and LangChain's ChatOpenAI.

The last two: `pip install 'doubletime[clients]'`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from tests.server.fake import FakeClient

SAID = "Hello wörld"
MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.mark.usefixtures("engine")
class TestOpenAI:
    """The sync client: test_completions.py asks it everything."""

    def test_the_async_client(self, url: str) -> None:
        async def work() -> None:
            async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
                assert [model.id async for model in client.models.list()] == ["tiny", "alias"]
                reply = await client.chat.completions.create(model="tiny", messages=MESSAGES)
                assert reply.choices[0].message.content == SAID
                stream = await client.chat.completions.create(
                    model="tiny", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
                )
                chunks = [chunk async for chunk in stream]
                assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == SAID
                assert chunks[-1].usage is not None
                assert chunks[-1].usage.completion_tokens == 4
                many = [client.completions.create(model="tiny", prompt=[5, at]) for at in range(20)]
                assert {each.choices[0].text for each in await asyncio.gather(*many)} == {SAID}
                with pytest.raises(openai.NotFoundError, match="'gpt' does not exist"):
                    await client.completions.create(model="gpt", prompt="x")

        asyncio.run(work())

    def test_a_stream_that_is_closed_early_is_cancelled(self, url: str, engine: FakeClient) -> None:
        engine.pieces, engine.pause = ["x"] * 50, 0.02

        async def work() -> None:
            async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
                stream = await client.completions.create(model="tiny", prompt="x", max_tokens=50, stream=True)
                async for _ in stream:
                    break
                await stream.close()

        asyncio.run(work())
        deadline = 100
        while not engine.replies[0].cancelled.is_set() and (deadline := deadline - 1):
            asyncio.run(asyncio.sleep(0.02))
        assert deadline


@pytest.mark.usefixtures("engine")
class TestLiteLLM:
    @pytest.fixture
    def ask(self, url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # it would fetch a price list
        pytest.importorskip("litellm", reason="LiteLLM is not installed: pip install 'doubletime[clients]'")
        return {"model": "openai/tiny", "api_base": f"{url}/v1", "api_key": "none", "num_retries": 0}

    def test_chat(self, ask: dict[str, Any]) -> None:
        import litellm

        reply = litellm.completion(messages=MESSAGES, temperature=0, **ask)
        assert reply.choices[0].message.content == SAID
        assert reply.usage.completion_tokens == 4

    def test_a_stream(self, ask: dict[str, Any]) -> None:
        import litellm

        stream = litellm.completion(messages=MESSAGES, stream=True, **ask)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == SAID

    def test_async_and_text(self, ask: dict[str, Any]) -> None:
        import litellm

        async def work() -> None:
            reply = await litellm.acompletion(messages=MESSAGES, **ask)
            assert reply.choices[0].message.content == SAID
            text = await litellm.atext_completion(prompt="x", **ask | {"model": "text-completion-openai/tiny"})
            assert text.choices[0].text == SAID

        asyncio.run(work())

    def test_what_is_wrong_is_its_own_exception(self, ask: dict[str, Any]) -> None:
        import litellm

        with pytest.raises(litellm.NotFoundError, match="does not exist"):
            litellm.completion(messages=MESSAGES, **ask | {"model": "openai/gpt"})
        with pytest.raises(litellm.BadRequestError, match="temperature"):
            litellm.completion(messages=MESSAGES, temperature=3, **ask)


@pytest.mark.usefixtures("engine")
class TestLangChain:
    @pytest.fixture
    def chat(self, url: str) -> Any:
        reason = "LangChain's client is not installed: pip install 'doubletime[clients]'"
        langchain = pytest.importorskip("langchain_openai", reason=reason)
        return langchain.ChatOpenAI(model="tiny", base_url=f"{url}/v1", api_key="none", max_retries=0)

    def test_invoke(self, chat: Any) -> None:
        reply = chat.invoke([("system", "Be brief."), ("human", "hi")])
        assert reply.content == SAID
        assert reply.usage_metadata["output_tokens"] == 4
        assert reply.response_metadata["finish_reason"] == "stop"

    def test_streams_and_batches(self, chat: Any) -> None:
        assert "".join(piece.content for piece in chat.stream("hi")) == SAID
        assert [reply.content for reply in chat.batch(["a", "b", "c"])] == [SAID] * 3

    def test_async(self, chat: Any) -> None:
        async def work() -> None:
            assert (await chat.ainvoke("hi")).content == SAID
            assert "".join([piece.content async for piece in chat.astream("hi")]) == SAID

        asyncio.run(work())
