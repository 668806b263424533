"""Least squares for a handful of unknowns, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence

Row = Sequence[float]


def ridge(rows: Sequence[Row], targets: Sequence[float], prior: Row | None = None, weight: float = 1e-9) -> list[float]:
    """The x that minimises |rows · x - targets|² + weight · |scale · (x - prior)|², with each column's own scale.

    A column that never varies from 0 keeps its prior (0 if there is none).
    """
    size = len(rows[0])
    start = list(prior) if prior is not None else [0.0] * size
    scale = [max((abs(row[j]) for row in rows), default=0.0) or 1.0 for j in range(size)]
    scaled = [[row[j] / scale[j] for j in range(size)] for row in rows]
    left = [
        target - sum(a * b for a, b in zip(row, start, strict=True)) for row, target in zip(rows, targets, strict=True)
    ]
    normal = [[sum(row[i] * row[j] for row in scaled) for j in range(size)] for i in range(size)]
    for i in range(size):
        normal[i][i] += weight * len(rows)
    right = [sum(row[i] * rest for row, rest in zip(scaled, left, strict=True)) for i in range(size)]
    return [p + x / s for p, x, s in zip(start, solve(normal, right), scale, strict=True)]


def solve(matrix: Sequence[Row], right: Row) -> list[float]:
    """x with matrix · x = right, by elimination with pivots. Raises ZeroDivisionError for a singular matrix."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for at in range(size):
        pivot = max(range(at, size), key=lambda i: abs(rows[i][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for below in range(at + 1, size):
            factor = rows[below][at] / rows[at][at]
            rows[below] = [low - factor * high for low, high in zip(rows[below], rows[at], strict=True)]
    found = [0.0] * size
    for at in reversed(range(size)):
        known = sum(rows[at][j] * found[j] for j in range(at + 1, size))
        found[at] = (rows[at][size] - known) / rows[at][at]
    return found
