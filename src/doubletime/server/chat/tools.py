"""The request fields of tools: functions that the client can run for the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from doubletime.server import fields as f
from doubletime.server.chat.schemas import PARAMETERS
from doubletime.server.declare import Declared, nested, optional, required
from doubletime.server.errors import bad

MAX_TOOLS = 128
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
_FUNCTION = f.one_of("function")


def _name(name: str, value: Any) -> str:
    text = f.text(name, value)
    if not _NAME.fullmatch(text):
        raise bad(name, f"{name} must have from 1 to 64 letters, digits, dots, dashes or underscores")
    return text


NAME = f.Kind(_name, {"type": "string", "pattern": f"^{_NAME.pattern}$"})


@dataclass(frozen=True, kw_only=True)
class Function(Declared):
    name: str = required(NAME, "what the model calls it")
    description: str = optional(f.text, "", "what it does, for the model to read")
    parameters: Mapping[str, Any] | None = optional(
        PARAMETERS, None, "the JSON schema of its arguments; else it has none"
    )
    strict: bool = optional(f.flag, False, "forced calls follow the schema with true and with false, others need not")

    @property
    def schema(self) -> Mapping[str, Any]:
        return _NO_PARAMETERS if self.parameters is None else self.parameters


@dataclass(frozen=True, kw_only=True)
class Tool(Declared):
    type: str = required(_FUNCTION, "function")
    function: Function = required(nested(Function), "the function")  # noqa: RUF009

    def to_json(self) -> dict[str, Any]:
        """As chat templates read it."""
        function = self.function
        about = {"description": function.description} if function.description else {}
        return {"type": "function", "function": {"name": function.name, **about, "parameters": function.schema}}


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether the model calls tools; `name`: of the one that a named choice demands."""

    mode: Literal["auto", "none", "required", "named"]
    name: str = ""

    @property
    def forced(self) -> bool:
        return self.mode in ("required", "named")


@dataclass(frozen=True, kw_only=True)
class _FunctionName(Declared):
    name: str = required(f.text, "one of the tools")


@dataclass(frozen=True, kw_only=True)
class _NamedChoice(Declared):
    type: str = required(_FUNCTION, "function")
    function: _FunctionName = required(nested(_FunctionName), "the function")  # noqa: RUF009


_NAMED = nested(_NamedChoice)


def _choice(name: str, value: Any) -> ToolChoice:
    if isinstance(value, dict):
        return ToolChoice("named", _NAMED(name, value).function.name)
    match value:
        case "auto" | "none" | "required":
            return ToolChoice(value)
        case _:
            raise bad(name, f"{name} must be auto, none, required, or an object that names a function")


def _tools(name: str, value: Any) -> tuple[Tool, ...]:
    if value == []:
        return ()
    tools = f.list_of(nested(Tool), MAX_TOOLS)(name, value)
    names = [tool.function.name for tool in tools]
    for at, one in enumerate(names):
        if one in names[:at]:
            raise bad(f"{name}[{at}].function.name", f"{name}: two functions have the name {one!r}")
    return tools


_MODES = {"type": "string", "enum": ["auto", "none", "required"]}
CHOICE = f.Kind(_choice, {"anyOf": [_MODES, _NAMED.schema]})
TOOLS = f.Kind(_tools, {"type": "array", "items": nested(Tool).schema, "maxItems": MAX_TOOLS})


@dataclass(frozen=True, kw_only=True)
class ToolFields(Declared):
    tools: tuple[Tool, ...] = optional(TOOLS, (), "functions that the model may call")
    tool_choice: ToolChoice | None = optional(  # noqa: RUF009
        CHOICE, None, "auto, none, required, or {type, function: {name}}; else auto with tools, none without"
    )
    parallel_tool_calls: bool | None = optional(f.flag, None, "whether an answer may have several calls; else true")

    def check_tools(self) -> None:
        """Raises ApiError for fields that do not go together."""
        if self.tools:
            self._check_choice()
            return
        if self.parallel_tool_calls is not None:
            raise bad("parallel_tool_calls", "parallel_tool_calls is allowed only with tools")
        if self.tool_choice is not None and self.tool_choice.mode != "none":
            raise bad("tool_choice", "tool_choice must be none without tools")

    def _check_choice(self) -> None:
        wanted, names = self.choice.name, [tool.function.name for tool in self.tools]
        if wanted and wanted not in names:
            raise bad("tool_choice", f"tool_choice demands {wanted!r}, but the tools are {', '.join(names)}")

    @property
    def choice(self) -> ToolChoice:
        """With the default resolved."""
        return self.tool_choice or ToolChoice("auto" if self.tools else "none")

    @property
    def one_call(self) -> bool:
        """Whether an answer has at most one call."""
        return self.parallel_tool_calls is False or self.choice.mode == "named"
