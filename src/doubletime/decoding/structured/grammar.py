"""From what a request asks for to a grammar as llguidance reads it, and whether it can be used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from doubletime.decoding.structured.spec import Structured

if TYPE_CHECKING:
    from types import ModuleType

# Between the parts of a JSON text: nothing, one space, or a new line with its indentation. Unbounded white space, which
# JSON allows, would let a model that has lost its way go on with it for ever.
WHITESPACE = r"( |\n[ \t]{0,40})?"

_NAMES = {"json": "JSON schema", "regex": "regular expression", "grammar": "grammar", "choice": "list of choices"}


def llguidance() -> ModuleType:
    """The library. Raises ValueError that says how to get it."""
    try:
        import llguidance
    except ImportError as error:
        raise ValueError("structured outputs need llguidance: pip install 'doubletime[serve]'") from error
    return llguidance


def check(spec: Structured) -> None:
    """Raises ValueError that says what is wrong with a schema, a regular expression or a grammar.

    Needs no model, and takes about a millisecond: the HTTP process asks it before the engine hears of a request.
    """
    reason = llguidance().LLMatcher.validate_grammar(grammar_of(spec), limits=limits())
    if reason:
        raise ValueError(broken(spec, reason))


def broken(spec: Structured, reason: str) -> str:
    """What to tell the user of a grammar that llguidance refuses."""
    return f"the {_NAMES.get(spec.kind, spec.kind)} cannot be used: {reason.strip()}"


def limits() -> Any:
    """Bounds on what a grammar may cost, with errors that do not print the state of the parser.

    The fuel is half of llguidance's own, with which nested repetitions take seconds before they fail.
    """
    return llguidance().LLParserLimits(initial_lexer_fuel=500_000, verbose_errors=False)


def grammar_of(spec: Structured) -> str:
    """A JSON text that llguidance reads. Raises ValueError for a schema that is not JSON."""
    match spec.kind:
        case "json":
            return _json({"json_schema": _schema(spec.text)})
        case "json_object":
            return _json({"json_schema": _schema('{"type": "object"}')})
        case "regex":
            return str(llguidance().LLMatcher.grammar_from_regex(spec.text))
        case "choice":
            # a terminal, which costs the lexer a tree of letters; of rules the parser would follow all at once
            words = " | ".join(json.dumps(choice) for choice in spec.choices)
            return _json({"lark_grammar": f"start: CHOICE\nCHOICE: {words}"})
        case "grammar":
            return _json({"lark_grammar": spec.text})


def _json(grammar: dict[str, Any]) -> str:
    return json.dumps({"grammars": [grammar]})


def _schema(text: str) -> Any:
    """The schema with what JSON texts may have for white space, unless it says so itself."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the JSON schema is not JSON: {error}") from error
    if schema is True:
        schema = {}
    if isinstance(schema, dict):
        return {"x-guidance": {"whitespace_pattern": WHITESPACE}} | schema
    return schema
