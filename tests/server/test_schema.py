"""schemathesis makes requests from the schema, right and wrong: no reply is a 5xx, each is one that it tells of."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("schemathesis")

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from doubletime.server.openapi.document import document
from tests.server.fake import FakeClient

PATIENCE = 10  # seconds
COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
schema = schemathesis.openapi.from_dict(document())


@schema.parametrize()
@settings(max_examples=5, derandomize=True, **COMMON)
def test_a_few_requests(case: Any, url: str, only_engine: FakeClient) -> None:
    ask(case, url, only_engine)


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=1000, **COMMON)
def test_many_requests(case: Any, url: str, only_engine: FakeClient) -> None:
    ask(case, url, only_engine)


def ask(case: Any, url: str, engine: FakeClient) -> None:
    """/live with `stream` ends with its client only. A schema cannot tell all: what obeys it may be refused. And a null
    is an absent field, also one that nobody knows."""
    engine.reset()
    nulls = isinstance(case.body, dict) and None in case.body.values()
    excluded = [positive_data_acceptance, *([negative_data_rejection] if nulls else [])]
    if case.path != "/live":
        case.call_and_validate(base_url=url, timeout=PATIENCE, excluded_checks=excluded)
