"""What an output must look like, as a request asks for it. Data only: nothing here knows how it is enforced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["json", "json_object", "regex", "choice", "grammar"]


@dataclass(frozen=True, slots=True)
class Structured:
    """`text`: the JSON schema, the regular expression or the Lark grammar. `choices`: of "choice", one is the output.

    "json_object" is any JSON object and needs neither. Raises ValueError or TypeError for what is wrong at first sight;
    `decoding.structured.check` looks into schemas and grammars.
    """

    kind: Kind
    text: str = ""
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"a structured output is one of {', '.join(get_args(Kind))}, not {self.kind!r}")
        if not isinstance(self.text, str):
            raise TypeError(f"the {self.kind} of a structured output must be text, not {self.text!r}")
        object.__setattr__(self, "choices", tuple(self.choices))
        if not all(isinstance(choice, str) and choice for choice in self.choices):
            raise TypeError("the choices of a structured output must be strings that are not empty")
        if bool(self.choices) != (self.kind == "choice"):
            raise ValueError("a structured output has choices if, and only if, it is of the kind 'choice'")
        if bool(self.text) != (self.kind in ("json", "regex", "grammar")):
            raise ValueError(f"a structured output of the kind {self.kind!r} {_TEXT[self.kind]}")

    @staticmethod
    def schema(schema: str | bool | Mapping[str, Any]) -> Structured:
        """JSON that a schema allows."""
        return Structured("json", schema if isinstance(schema, str) else json.dumps(schema))


_TEXT: dict[Kind, str] = {
    "json": "needs a schema",
    "json_object": "takes no text",
    "regex": "needs a regular expression",
    "choice": "takes no text",
    "grammar": "needs a grammar",
}
