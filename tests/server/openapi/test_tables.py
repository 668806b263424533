"""docs/server.md lists every field, and its examples work."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from doubletime.server.openapi.tables import takes, up_to_date
from tests.served import COMMAND, ENVIRONMENT

PAGE = Path(__file__).parents[3] / "docs" / "server.md"


def test_the_tables_of_the_page_are_up_to_date() -> None:
    text = PAGE.read_text()
    assert text == up_to_date(text), "run: python -m doubletime.server.openapi.tables docs/server.md"


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 5}, "whole number from 1 to 5"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "number over 0 to 1"),
        ({"type": "integer", "minimum": -(1 << 63), "maximum": 1 << 63}, "whole number"),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, "text, or list of texts"),
        ({"type": "array"}, "list"),
        ({"type": "object", "properties": {"a": {}}}, "object of `a`"),
        ({"type": "boolean", "const": False}, "`false`"),
    ],
)
def test_a_schema_in_words(schema: dict[str, object], told: str) -> None:
    assert takes(schema) == told


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The model that ships, served."""
    server = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--kv-memory", "64MB"],
        env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    found = None
    while found is None and (line := server.stdout.readline()):
        found = re.search(r"(http://\S+)/v1", line)
    assert found is not None
    yield found[1]
    server.send_signal(signal.SIGTERM)
    server.wait(60)


@pytest.mark.slow
@pytest.mark.parametrize("example", re.findall(r"```(python|sh)\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_an_example_works(base: str, example: tuple[str, str]) -> None:
    language, source = example
    source = source.replace("http://127.0.0.1:8000", base).replace("curl ", "curl -sS --fail-with-body ")
    command = [sys.executable, "-c", source] if language == "python" else ["sh", "-ec", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
