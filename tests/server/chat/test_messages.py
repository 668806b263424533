"""What the model reads of a conversation with tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.server.chat.conftest import ASK, CALLS, LOOK, TOOLS, MakeChat


@pytest.mark.parametrize("style", CALLS)
def test_a_call_goes_back_to_the_model_as_it_came(chat: MakeChat, style: str) -> None:
    """The message of a reply may be sent again as it is, by OpenAI's client, with the answer of the tool."""
    server = chat(style)
    server.says("Hm.\n" + CALLS[style])
    message = server.ask(tools=TOOLS).message
    answer = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": [{"type": "text", "text": "blue"}]}
    server.ask(messages=[*ASK, message, answer], tools=TOOLS)
    prompt = server.prompt()
    assert '"name": "look"' in prompt
    assert '{"at": "the sky"}' in prompt
    assert prompt.endswith(";<tool>blue;<assistant>")


def test_tools_are_shown_to_the_template(chat: MakeChat) -> None:
    server = chat()
    server.says("Hi.")
    server.ask(tools=TOOLS)
    shown = json.loads(server.prompt().split("\n")[0].removeprefix("Tools: "))
    assert shown == [
        LOOK,
        {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}},
    ]


def test_strict_is_between_client_and_server(chat: MakeChat) -> None:
    server = chat()
    server.says("Hi.")
    tool: Any = {"type": "function", "function": LOOK["function"] | {"strict": True}}
    server.ask(tools=[tool])
    assert "strict" not in server.prompt()


def test_a_checkpoint_may_have_a_template_for_tools(chat: MakeChat, tokenizers: Any) -> None:
    server = chat("plain", tool_parser="hermes")
    templates = server.model.text_tokenizer.chat_templates
    templates["tool_use"] = "With {{ tools | length }} tools."
    try:
        server.says("Hi.")
        server.ask(tools=TOOLS)
        assert server.prompt() == "With 2 tools."
        server.ask()
        assert server.prompt().endswith("<assistant>")
    finally:
        del templates["tool_use"]


def test_names_and_thoughts_reach_the_template(chat: MakeChat) -> None:
    server = chat()
    server.says("Hi.")
    for field in ("reasoning_content", "reasoning"):
        server.ask(messages=[*ASK, {"role": "assistant", "content": "Blue.", field: "Hm."}])
        assert "<assistant>Blue.[Hm.];" in server.prompt()


def test_a_tool_message_has_the_name_of_the_function(chat: MakeChat) -> None:
    from doubletime.server.chat.messages import MESSAGES, for_template

    call = {"id": "1", "function": {"name": "look", "arguments": ""}}
    messages = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "x"},
        {"role": "tool", "tool_call_id": "1", "content": "x", "name": "glance"},
        {"role": "tool", "tool_call_id": "2", "content": "x"},
    ]
    made = for_template(MESSAGES("messages", messages))
    assert made[0]["tool_calls"][0]["function"]["arguments"] == {}
    assert made[0]["content"] == ""
    assert [message.get("name") for message in made] == [None, "look", "glance", None]


@pytest.mark.parametrize("content", ["The sky is ", "The <think>"])
def test_the_last_message_may_be_continued(chat: MakeChat, content: str) -> None:
    server = chat()
    server.says("blue.")
    messages = [*ASK, {"role": "assistant", "content": content}]
    message = server.ask(messages=messages, extra_body={"continue_final_message": True}).message
    assert server.prompt().endswith(f"<assistant>{content}")
    told = message.reasoning_content if "<think>" in content else message.content
    assert told == "blue."


def test_the_prompt_need_not_open_an_answer(chat: MakeChat) -> None:
    server = chat()
    server.says("Hi.")
    server.ask(extra_body={"add_generation_prompt": False})
    assert server.prompt() == "<user>What is up?;"
