"""Multilinear interpolation in one cell, unrolled: it is what a step of a rehearsal waits for.

`values` are those of the corners, the first axis varying fastest; `shares` how far along each axis, 0 to 1 inside.
"""

from __future__ import annotations

from collections.abc import Sequence

Floats = Sequence[float]


def line(values: Floats, shares: Floats) -> float:
    low, high = values
    return low + shares[0] * (high - low)


def plane(values: Floats, shares: Floats) -> float:
    x, y = shares
    a, b, c, d = values
    low = a + x * (b - a)
    return low + y * (c + x * (d - c) - low)


def hypercube(values: Floats, shares: Floats) -> float:
    """Of four axes."""
    x, y, z, w = shares
    a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p = values  # noqa: E741
    a += x * (b - a)
    c += x * (d - c)
    e += x * (f - e)
    g += x * (h - g)
    i += x * (j - i)
    k += x * (l - k)
    m += x * (n - m)
    o += x * (p - o)
    a += y * (c - a)
    e += y * (g - e)
    i += y * (k - i)
    m += y * (o - m)
    a += z * (e - a)
    i += z * (m - i)
    return a + w * (i - a)


BLENDS = {1: line, 2: plane, 4: hypercube}
