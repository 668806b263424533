from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from doubletime.decoding.chat import ChatTemplate, ChatTemplateError
from doubletime.decoding.tokenizer import Tokenizer

CHATML = """{{ bos_token }}{% for message in messages %}
{% if message.role not in ['system', 'user', 'assistant'] %}{{ raise_exception('no role ' + message.role) }}{% endif %}
<|{{ message['role'] }}|>{% generation %}{{ message['content'] | trim }}{% endgeneration %}

{% if loop.index > 30 %}{% break %}{% endif %}
{% endfor %}
{{ {'a<b': messages | length, 'é': tools} | tojson }}
{% if add_generation_prompt %}<|assistant|>{% endif %}"""
MESSAGES = [
    {"role": "system", "content": " be brief "},
    {"role": "user", "content": "hi <b>"},
    {"role": "assistant", "content": "ho"},
]


@pytest.mark.parametrize("generation_prompt", [True, False])
def test_prompts_are_those_of_transformers(checkpoint: Path, generation_prompt: bool) -> None:
    (checkpoint / "chat_template.jinja").write_text(CHATML)
    oracle = PreTrainedTokenizerFast.from_pretrained(checkpoint)
    expected = oracle.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=generation_prompt)
    template = ChatTemplate.load(Tokenizer(checkpoint))
    assert template.render(MESSAGES, add_generation_prompt=generation_prompt) == expected
    assert "<bos>" in expected


@pytest.mark.parametrize(
    "declared", ["{{ messages[0].content }}", [{"name": "default", "template": "{{ messages[0].content }}"}]]
)
def test_the_template_may_be_in_the_tokenizer_config(checkpoint: Path, declared: object) -> None:
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({"chat_template": declared}))
    assert ChatTemplate.load(Tokenizer(checkpoint)).render(MESSAGES) == " be brief "


def test_a_checkpoint_without_a_template_says_so(checkpoint: Path) -> None:
    with pytest.raises(ChatTemplateError, match="has no chat template"):
        ChatTemplate.load(Tokenizer(checkpoint))


def test_what_the_template_refuses_reaches_the_user() -> None:
    with pytest.raises(ChatTemplateError, match="no role tool"):
        ChatTemplate(CHATML).render([{"role": "tool", "content": ""}])


def test_a_broken_template_is_an_error_when_it_is_loaded() -> None:
    with pytest.raises(ChatTemplateError, match="broken"):
        ChatTemplate("{% for %}")


@pytest.mark.parametrize(
    "source", ["{{ messages.append(1) }}", "{{ ''.__class__.__mro__ }}", "{{ 1 + 'a' }}", "{{ 1 // 0 }}"]
)
def test_a_template_can_do_no_harm(source: str) -> None:
    with pytest.raises(ChatTemplateError, match="refuses"):
        ChatTemplate(source).render(MESSAGES)


def test_the_date_is_at_hand() -> None:
    assert ChatTemplate("{{ strftime_now('%Y') }}").render([]).isdigit()


def test_the_variables_that_a_template_reads_are_known() -> None:
    template = ChatTemplate("{% set own = 1 %}{% for m in messages %}{{ own }}{{ m }}{% endfor %}{{ enable_thinking }}")
    assert template.reads == {"messages", "enable_thinking"}


def test_the_last_message_may_be_left_open() -> None:
    template = ChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content | trim }};{% endfor %}{{ x }}")
    assert template.render_open(MESSAGES, x=1) == "<system>be brief;<user>hi <b>;<assistant>ho"
    with pytest.raises(ChatTemplateError, match="does not show the last message"):
        ChatTemplate("{{ messages[0].content }}").render_open(MESSAGES)


@pytest.mark.parametrize("in_files", [True, False])
def test_a_checkpoint_may_have_templates_by_name(checkpoint: Path, in_files: bool) -> None:
    if in_files:
        (checkpoint / "chat_template.jinja").write_text("plain")
        (checkpoint / "additional_chat_templates").mkdir()
        (checkpoint / "additional_chat_templates" / "tool_use.jinja").write_text("tools")
    else:
        named = [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"}]
        (checkpoint / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    tokenizer = Tokenizer(checkpoint)
    assert ChatTemplate.load(tokenizer, "tool_use").render(MESSAGES) == "tools"
    assert (
        ChatTemplate.load(tokenizer, "rag").render(MESSAGES) == ChatTemplate.load(tokenizer).render(MESSAGES) == "plain"
    )
