"""The matrix of all conditions that were run, printed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.notes import add_note

if TYPE_CHECKING:
    from tests.parity.matrix import Matrix


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    from tests.parity.matrix import MOST_TIES, Matrix

    matrix = Matrix()
    yield matrix
    add_note(request.config, "parity with transformers", list(matrix.lines()))
    assert matrix.total.ties <= 1 + MOST_TIES * matrix.total.positions
