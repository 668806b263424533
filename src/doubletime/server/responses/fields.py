"""The body of /v1/responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from doubletime.decoding.structured.spec import Structured
from doubletime.server import fields as f
from doubletime.server.chat.messages import Message
from doubletime.server.chat.template_fields import EFFORT
from doubletime.server.chat.tools import ToolChoice
from doubletime.server.declare import Declared, nested, optional, required
from doubletime.server.errors import UNSUPPORTED, bad
from doubletime.server.metadata_fields import MetadataFields
from doubletime.server.responses.items import INPUT
from doubletime.server.responses.tools import CHOICE, TOOLS, FunctionTool
from doubletime.server.sampling_fields import LIMIT, TOP
from doubletime.server.structured_fields import SCHEMA

LOGPROBS = "message.output_text.logprobs"


def never(why: str) -> f.Kind[bool]:
    """A flag that may be false only."""

    def read(name: str, value: Any) -> bool:
        if f.flag(name, value):
            raise bad(name, f"{name} must be false: {why}", UNSUPPORTED)
        return False

    return f.Kind(read, {"type": "boolean", "const": False})


@dataclass(frozen=True, kw_only=True)
class TextFormat(Declared):
    type: str = required(f.one_of("text", "json_object", "json_schema"), "json_object is any JSON object")
    name: str | None = optional(f.text, None, "what the schema is called; no effect on the answer")
    schema: Structured | None = optional(SCHEMA, None, "the JSON schema; the answer always follows it")  # noqa: RUF009
    strict: bool = optional(f.flag, False, "the answer follows the schema with true and with false")
    description: str | None = optional(f.text, None, "for the reader of the request; no effect on the answer")

    def __post_init__(self) -> None:
        if (self.type == "json_schema") != (self.schema is not None):
            raise bad("text.format.schema", "text.format.schema belongs to the type json_schema")


@dataclass(frozen=True, kw_only=True)
class TextFields(Declared):
    REFUSED: ClassVar[Mapping[str, str]] = {"verbosity": "say it in the input"}

    format: TextFormat | None = optional(nested(TextFormat), None, "text, json_object or json_schema")  # noqa: RUF009


@dataclass(frozen=True, kw_only=True)
class ReasoningFields(Declared):
    REFUSED: ClassVar[Mapping[str, str]] = {
        "summary": "thoughts are told as they are",
        "generate_summary": "thoughts are told as they are",
    }

    effort: str | None = optional(EFFORT, None, "for chat templates that read it")


@dataclass(frozen=True, kw_only=True)
class ResponseStreamOptions(Declared):
    include_obfuscation: bool = optional(never("it pads nothing"), False, "false")


@dataclass(frozen=True, kw_only=True)
class ResponseRequest(MetadataFields):
    REFUSED: ClassVar[Mapping[str, str]] = {
        "previous_response_id": "it stores no answers: send the whole conversation as input",
        "conversation": "it stores no conversations: send the whole one as input",
        "prompt": "it stores no prompts: send the text as input",
        "max_tool_calls": "it runs no tools itself",
        "context_management": "it never shortens a conversation",
        "moderation": "it does not moderate",
        "prompt_cache_retention": "prompts are cached as long as there is room",
        "prompt_cache_options": "prompts are cached as long as there is room",
    }

    model: str = required(f.text, "one of the names that /v1/models lists")
    input: tuple[Message, ...] = required(INPUT, "a text, or a list of items")
    instructions: str | None = optional(f.text, None, "a system message before the input")
    max_output_tokens: int | None = optional(LIMIT, None, "the most tokens of the answer; else as many as fit")
    temperature: float = optional(f.number(0, 2), 1.0, "0 is greedy")
    top_p: float = optional(f.number(0, 1, above=True), 1.0, "the smallest set of tokens with at least this mass")
    text: TextFields | None = optional(nested(TextFields), None, "what the answer must look like")  # noqa: RUF009
    tools: tuple[FunctionTool, ...] = optional(TOOLS, (), "functions that the model may call")
    tool_choice: ToolChoice | None = optional(  # noqa: RUF009
        CHOICE, None, "auto, none, required, or {type, name}; else auto with tools, none without"
    )
    parallel_tool_calls: bool | None = optional(f.flag, None, "whether an answer may have several calls; else true")
    reasoning: ReasoningFields | None = optional(nested(ReasoningFields), None, "how much to think")  # noqa: RUF009
    include: tuple[str, ...] = optional(f.list_of(f.one_of(LOGPROBS), 1), (), "log-probabilities of the answer")
    top_logprobs: int | None = optional(TOP, None, "log-probabilities of the answer, with so many best tokens each")
    truncation: str = optional(f.one_of("disabled"), "disabled", "a long input is refused, never cut")
    background: bool = optional(never("it stores no answers"), False, "false")
    stream: bool = optional(f.flag, False, "answer in pieces, as server-sent events")
    stream_options: ResponseStreamOptions | None = optional(nested(ResponseStreamOptions), None, "only with stream")  # noqa: RUF009

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stream_options is not None and not self.stream:
            raise bad("stream_options", "stream_options is allowed only when stream is true")

    @property
    def logprobs(self) -> bool:
        return bool(self.include) or self.top_logprobs is not None

    @property
    def format(self) -> TextFormat:
        """With the default resolved."""
        return (self.text and self.text.format) or TextFormat(type="text")
