"""Chat messages to the prompt that a checkpoint was trained with, by the checkpoint's own template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, meta, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from doubletime.decoding.tokenizer import Tokenizer

_END = "\ue000end\ue001"  # in no text: these characters have no meaning


class ChatTemplateError(ValueError):
    """There is no template, it is broken, or it refuses these messages; the text says which."""


class ChatTemplate:
    """A compiled template. `special_tokens` (bos_token, …) are variables in it; `reads` are all that it looks at."""

    def __init__(self, source: str, special_tokens: Mapping[str, str] | None = None) -> None:
        self._special_tokens = dict(special_tokens or {})
        environment = _environment()
        try:
            self.reads = frozenset(meta.find_undeclared_variables(environment.parse(source)))
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise ChatTemplateError(f"the checkpoint's chat template is broken: {error}") from error

    @classmethod
    def load(cls, tokenizer: Tokenizer, name: str = "default") -> ChatTemplate:
        """The template that the checkpoint has beside its tokenizer; the default one if it has none of that name."""
        source = tokenizer.chat_templates.get(name, tokenizer.chat_template)
        if source is None:
            raise ChatTemplateError(
                f"{tokenizer.folder} has no chat template (chat_template.jinja, or chat_template in "
                "tokenizer_config.json): send it plain prompts instead"
            )
        return cls(source, tokenizer.special_tokens)

    def render(
        self, messages: Sequence[Mapping[str, Any]], add_generation_prompt: bool = True, **variables: Any
    ) -> str:
        """The prompt; encode it without adding special tokens, the template has written them."""
        values = {**self._special_tokens, "tools": None, "documents": None, **variables}
        try:
            return self._template.render(messages=list(messages), add_generation_prompt=add_generation_prompt, **values)
        except Exception as error:  # a template is a program, and not ours
            raise ChatTemplateError(f"the chat template refuses these messages: {error}") from error

    def render_open(self, messages: Sequence[Mapping[str, Any]], **variables: Any) -> str:
        """The prompt up to the end of the last message's content, for the model to go on with it."""
        *others, last = messages
        marked = {**last, "content": f"{last['content']}{_END}"}
        prompt, end, _ = self.render([*others, marked], add_generation_prompt=False, **variables).rpartition(_END)
        if not end:
            raise ChatTemplateError("the chat template does not show the last message")
        return prompt


class _Generation(Extension):
    """`{% generation %}…{% endgeneration %}` marks what an assistant wrote, for training; here it means its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    """The environment of Hugging Face's apply_chat_template."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    """JSON as is: jinja2's own filter would escape it for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)
