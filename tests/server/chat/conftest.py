"""Models that write calls and thoughts in the known styles, and an engine that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai
import pytest
from starlette.testclient import TestClient
from tokenizers import AddedToken

from doubletime.decoding.tokenizer import Tokenizer
from doubletime.server.app import create_app
from doubletime.server.prompts import ServedModel
from tests.decoding.conftest import byte_level
from tests.server.fake import FakeClient

SHOWN = "{% if tools %}Tools: {{ tools | tojson }}\n{% endif %}"
PROMPT = "{% if add_generation_prompt %}<assistant>{% endif %}"
THINKING = "{% if add_generation_prompt %}<assistant>{% if open is defined %}<think>\n{% endif %}{% endif %}"
HERMES = (
    SHOWN
    + '{# <tool_call>{"name": …, "arguments": …}</tool_call> #}'
    + "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
    + "{% if m.reasoning_content %}[{{ m.reasoning_content }}]{% endif %}"
    + "{% for c in m.tool_calls %}<tool_call>"
    + '{{ {"name": c.function.name, "arguments": c.function.arguments} | tojson }}</tool_call>{% endfor %};'
    + "{% endfor %}"
)
STYLES = {
    "plain": "{% for m in messages %}<{{ m.role }}>{{ m.content }};{% endfor %}" + PROMPT,
    "hermes": HERMES + THINKING,
    "llama3": (
        SHOWN
        + "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls %}"
        + '{"name": "{{ c.function.name }}", "parameters": {{ c.function.arguments | tojson }}}<|python_tag|>'
        + "{% endfor %};{% endfor %}"
        + PROMPT
    ),
    "mistral": (
        SHOWN
        + "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% if m.tool_calls %}[TOOL_CALLS]["
        + '{% for c in m.tool_calls %}{% if c.id | length != 9 %}{{ raise_exception("ids have nine") }}{% endif %}'
        + '{{ {"name": c.function.name, "arguments": c.function.arguments, "id": c.id} | tojson }}{% endfor %}'
        + "]{% endif %};{% endfor %}"
        + PROMPT
    ),
}
CALLS = {
    "hermes": '<tool_call>\n{"name": "look", "arguments": {"at": "the sky"}}\n</tool_call>',
    "llama3": '{"name": "look", "parameters": {"at": "the sky"}}',
    "mistral": '[TOOL_CALLS][{"name": "look", "arguments": {"at": "the sky"}}]',
}
PARAMETERS = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
LOOK: Any = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": PARAMETERS}}
ADD: Any = {"type": "function", "function": {"name": "add"}}
TOOLS = [LOOK, ADD]
ASK: list[Any] = [{"role": "user", "content": "What is up?"}]


@dataclass
class Chat:
    """A server in this process, the engine behind it, and clients of it."""

    model: ServedModel
    engine: FakeClient = field(default_factory=FakeClient)

    def __post_init__(self) -> None:
        app = create_app(self.model, self.engine)
        self.http = TestClient(app)
        self.openai = openai.OpenAI(
            base_url="http://testserver/v1", api_key="none", max_retries=0, http_client=self.http
        )
        self.asynchronous = openai.AsyncOpenAI(
            base_url="http://testserver/v1", api_key="none", max_retries=0,
            http_client=httpx.AsyncClient(transport=httpx.ASGITransport(app)),
        )  # fmt: skip

    def says(self, text: str, size: int = 3) -> None:
        """The next answers are this text, in pieces of some characters."""
        self.engine.reset()
        self.engine.pieces = [text[at : at + size] for at in range(0, len(text), size)] or [""]

    def ask(self, **fields: Any) -> Any:
        """One answer of OpenAI's client: a choice, or a list of the choices of all chunks of a stream."""
        reply = self.openai.chat.completions.create(**{"model": "tiny", "messages": ASK, **fields})
        if fields.get("stream"):
            return [chunk.choices[0] for chunk in reply]
        return reply.choices[0]

    def prompt(self) -> str:
        """What the engine was asked last."""
        ids, _ = self.engine.asked[-1]
        return self.model.text_tokenizer.decode(ids, skip_special_tokens=False)


MakeChat = Callable[..., Chat]


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    """By style; the marks of Mistral's style are special tokens."""
    made = {}
    for style, template in STYLES.items():
        folder = tmp_path_factory.mktemp(style)
        backend = byte_level()
        if style == "mistral":
            backend.add_special_tokens([AddedToken("[TOOL_CALLS]", special=True)])
        backend.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<eos>", "chat_template": template}))
        made[style] = Tokenizer(folder)
    return made


@pytest.fixture
def chat(tokenizers: dict[str, Tokenizer]) -> Iterator[MakeChat]:
    def make(style: str = "hermes", **settings: Any) -> Chat:
        return Chat(ServedModel(("tiny",), 4096, 402, 0, tokenizers[style], **settings))

    return make
