"""The tools of /v1/responses: functions, written flatter than a chat's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doubletime.server import fields as f
from doubletime.server.chat.schemas import PARAMETERS
from doubletime.server.chat.tools import MAX_TOOLS, NAME, Function, Tool, ToolChoice
from doubletime.server.declare import Declared, nested, optional, read, required
from doubletime.server.errors import UNSUPPORTED, bad


@dataclass(frozen=True, kw_only=True)
class FunctionTool(Declared):
    type: str = required(f.one_of("function"), "function")
    name: str = required(NAME, "what the model calls it")
    description: str = optional(f.text, "", "what it does, for the model to read")
    parameters: Mapping[str, Any] | None = optional(PARAMETERS, None, "the JSON schema of its arguments")
    strict: bool = optional(f.flag, False, "forced calls follow the schema with true and with false, others need not")

    def tool(self) -> Tool:
        """As a chat has it."""
        function = Function(
            name=self.name, description=self.description, parameters=self.parameters, strict=self.strict
        )
        return Tool(type="function", function=function)

    def to_json(self) -> f.Json:
        about = {"description": self.description or None, "parameters": self.parameters, "strict": self.strict}
        return {"type": "function", "name": self.name} | about


@dataclass(frozen=True, kw_only=True)
class _Named(Declared):
    type: str = required(f.one_of("function"), "function")
    name: str = required(f.text, "one of the tools")


_MODES = ("auto", "none", "required")


def _choice(name: str, value: Any) -> ToolChoice:
    if isinstance(value, dict):
        return ToolChoice("named", read(_Named, value, name).name)
    match value:
        case "auto" | "none" | "required":
            return ToolChoice(value)
        case _:
            raise bad(name, f"{name} must be auto, none, required, or an object that names a function")


def _tool(name: str, value: Any) -> FunctionTool:
    kind = f.Fields(value, name).need("type", f.text)
    if kind != "function":
        raise bad(f"{name}.type", f"{name}.type must be function: this server runs no tools itself", UNSUPPORTED)
    return read(FunctionTool, value, name)


def _tools(name: str, value: Any) -> tuple[FunctionTool, ...]:
    tools = () if value == [] else f.list_of(f.Kind(_tool, {}), MAX_TOOLS)(name, value)
    names = [tool.name for tool in tools]
    for at, one in enumerate(names):
        if one in names[:at]:
            raise bad(f"{name}[{at}].name", f"{name}: two functions have the name {one!r}")
    return tools


CHOICE = f.Kind(_choice, {"anyOf": [{"type": "string", "enum": list(_MODES)}, nested(_Named).schema]})
TOOLS = f.Kind(_tools, {"type": "array", "items": nested(FunctionTool).schema, "maxItems": MAX_TOOLS})


def choice_json(choice: ToolChoice) -> str | f.Json:
    return {"type": "function", "name": choice.name} if choice.mode == "named" else choice.mode
