"""Bad schemas and grammars are told without a model, in words that say what to mend."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest

pytest.importorskip("llguidance")

from doubletime.decoding.structured.grammar import check
from doubletime.decoding.structured.spec import Structured


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (Structured("json", "{"), "the JSON schema is not JSON"),
        (Structured("json", "[" * 100_000), "the JSON schema is not JSON"),
        (Structured("json", "5"), "the JSON schema cannot be used"),
        (Structured.schema({"type": "strin"}), "cannot be used: Invalid type: strin"),
        (Structured.schema({"not": {"type": "null"}}), r'Unimplemented keys: \["not"\]'),
        (Structured.schema(False), "Unsatisfiable schema"),
        (Structured.schema({"$ref": "#/$defs/none"}), "the JSON schema cannot be used"),
        (Structured("regex", "[a-z"), "the regular expression cannot be used.*unclosed character class"),
        (Structured("regex", r"(a)\1"), "backreferences are not supported"),
        (Structured("grammar", "start: word"), 'the grammar cannot be used.*unknown name: "word"'),
        (Structured("grammar", '{"grammars": []}'), "the grammar cannot be used"),
    ],
)
def test_what_cannot_be_enforced_is_refused(spec: Structured, told: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){told}"):
        check(spec)


@pytest.mark.parametrize(
    "spec",
    [
        Structured("json_object"),
        Structured.schema({}),
        Structured.schema(True),
        Structured.schema(
            {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"enum": [1]}}}
        ),
        Structured("regex", r"/\d{4}-\d{2}/[äé\n\"]+"),
        Structured("choice", choices=('a "b"', "ä\\n", "new\nline", "{}", "/x/")),
        Structured("grammar", 'start: "a" item*\nitem: /[0-9]+/ ";"'),
    ],
)
def test_what_can_be_enforced_is_not(spec: Structured) -> None:
    check(spec)


def test_too_large_a_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="too big"):
        check(Structured.schema({"enum": [f"value {i} {i * 7919}" for i in range(60_000)]}))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "llguidance":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"pip install 'doubletime\[serve\]'"):
        check(Structured("json", json.dumps({})))
