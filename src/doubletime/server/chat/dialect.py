"""How a model writes calls and thoughts: as the server was told, or as its chat template and vocabulary show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from doubletime.decoding.tokenizer import Tokenizer
from doubletime.server.chat.parsing.calls import CallParser
from doubletime.server.chat.parsing.hermes import HermesParser
from doubletime.server.chat.parsing.llama3 import TAG, Llama3Parser
from doubletime.server.chat.parsing.mistral import MARK, MistralParser
from doubletime.server.chat.parsing.think import CLOSING, OPENING

TOOL_PARSERS: Mapping[str, type[CallParser] | None] = {
    "none": None,
    "hermes": HermesParser,
    "llama3": Llama3Parser,
    "mistral": MistralParser,
}
_MARKS = (OPENING, CLOSING, "<tool_call>", "</tool_call>", TAG, MARK, "[ARGS]", "[CALL_ID]")


@dataclass(frozen=True, slots=True)
class Dialect:
    """`calls`: a key of TOOL_PARSERS. `special`: some of the marks are special tokens, which texts leave out."""

    calls: str = "none"
    thinks: bool = False
    special: bool = False


def dialect_of(tokenizer: Tokenizer, tool_parser: str = "auto", reasoning_parser: str = "auto") -> Dialect:
    """The settings as they were given; `auto` looks at the templates, then at the vocabulary."""
    templates = "".join(tokenizer.chat_templates.values()).replace("\\", "")
    known = tokenizer.backend.get_added_tokens_decoder().values()
    special = any(token.special and token.content in _MARKS for token in known)
    marks = {token.content for token in known if token.content in _MARKS}
    calls = _calls(templates, marks) if tool_parser == "auto" else tool_parser
    thinks = _thinks(templates, marks) if reasoning_parser == "auto" else reasoning_parser == "think"
    return Dialect(calls, thinks, special)


def _calls(templates: str, marks: set[str]) -> str:
    """Tags alone do not tell: other formats than Hermes' stand between <tool_call> and </tool_call> too."""
    if MARK in templates or (MARK in marks and "<tool_call>" not in templates):
        return "mistral"
    if "<tool_call>" in templates:
        return "hermes" if '"arguments"' in templates and "<function=" not in templates else "none"
    return "llama3" if TAG in templates or (TAG in marks and '"parameters"' in templates) else "none"


def _thinks(templates: str, marks: set[str]) -> bool:
    return OPENING in templates or CLOSING in templates or {OPENING, CLOSING} <= marks
