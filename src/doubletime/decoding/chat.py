"""Chat messages to the prompt that a checkpoint was trained with, by the checkpoint's own template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from doubletime.decoding.tokenizer import Tokenizer


class ChatTemplateError(ValueError):
    """There is no template, it is broken, or it refuses these messages; the text says which."""


class ChatTemplate:
    """A compiled template. `special_tokens` (bos_token, …) are variables in it."""

    def __init__(self, source: str, special_tokens: Mapping[str, str] | None = None) -> None:
        self._special_tokens = dict(special_tokens or {})
        try:
            self._template = _environment().from_string(source)
        except TemplateError as error:
            raise ChatTemplateError(f"the checkpoint's chat template is broken: {error}") from error

    @classmethod
    def load(cls, tokenizer: Tokenizer) -> ChatTemplate:
        """The template that the checkpoint has beside its tokenizer."""
        source = tokenizer.chat_template
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
        except (TemplateError, TypeError, KeyError, ArithmeticError) as error:
            raise ChatTemplateError(f"the chat template refuses these messages: {error}") from error


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
