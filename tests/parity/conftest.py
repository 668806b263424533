"""The matrix of all conditions that were run, printed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.parity.matrix import Matrix

_KEY = pytest.StashKey["Matrix"]()


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    from tests.parity.matrix import MOST_TIES, Matrix

    matrix = request.config.stash[_KEY] = Matrix()
    yield matrix
    assert matrix.total.ties <= 1 + MOST_TIES * matrix.total.positions


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if matrix := config.stash.get(_KEY, None):
        terminalreporter.section("parity with transformers")
        for line in matrix.lines():
            terminalreporter.write_line(line)
