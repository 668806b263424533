"""The request fields that reach the chat template, or say what is told of thoughts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doubletime.server import fields as f
from doubletime.server.chat.schemas import check_json
from doubletime.server.declare import Declared, optional
from doubletime.server.errors import bad

_OWN = ("messages", "tools", "documents", "add_generation_prompt", "reasoning_effort")  # set by other fields, or never


def _variables(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad(name, f"{name} must be a JSON object")
    check_json(name, value)
    for key in value:
        if key in _OWN:
            raise bad(f"{name}.{key}", f"{name} cannot set {key}")
    return value


VARIABLES = f.Kind(_variables, {"type": "object"})
EFFORT = f.one_of("none", "minimal", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, kw_only=True)
class TemplateFields(Declared):
    chat_template_kwargs: Mapping[str, Any] | None = optional(VARIABLES, None, "variables that the chat template reads")
    reasoning_effort: str | None = optional(EFFORT, None, "for templates that read it")
    include_reasoning: bool = optional(f.flag, True, "tell the model's thoughts, as reasoning_content")
    add_generation_prompt: bool | None = optional(
        f.flag, None, "whether the prompt opens an answer; else true, unless the last message is continued"
    )
    continue_final_message: bool = optional(f.flag, False, "go on with the last message, an assistant's")

    @property
    def variables(self) -> dict[str, Any]:
        """What the template is given beside messages and tools."""
        effort = {"reasoning_effort": self.reasoning_effort} if self.reasoning_effort else {}
        return {**(self.chat_template_kwargs or {}), **effort}
