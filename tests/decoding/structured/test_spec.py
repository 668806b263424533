from __future__ import annotations

import pickle
from typing import Any

import pytest

from doubletime.decoding.structured.spec import Structured


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        (("xml",), ValueError, "one of json, json_object, regex, choice, grammar, not 'xml'"),
        (("json",), ValueError, "needs a schema"),
        (("regex", ""), ValueError, "needs a regular expression"),
        (("grammar",), ValueError, "needs a grammar"),
        (("json_object", "{}"), ValueError, "takes no text"),
        (("choice",), ValueError, "if, and only if"),
        (("regex", "a", ("b",)), ValueError, "if, and only if"),
        (("choice", "", ("a", "")), TypeError, "not empty"),
        (("choice", "", ("a", 5)), TypeError, "must be strings"),
        (("regex", 5), TypeError, "must be text"),
    ],
)
def test_what_is_wrong_at_first_sight_is_refused(fields: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        Structured(*fields)


def test_a_schema_may_be_text_or_an_object() -> None:
    assert Structured.schema({"type": "integer"}) == Structured("json", '{"type": "integer"}')
    assert Structured.schema('{"type": "integer"}') == Structured("json", '{"type": "integer"}')
    assert Structured.schema(True).text == "true"


def test_it_travels_between_processes_and_is_a_key() -> None:
    spec = Structured("choice", choices=["a", "b"])  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert len({spec, Structured("choice", choices=("a", "b"))}) == 1
