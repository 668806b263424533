"""What the time of each operator is made of: its kernels, and counts whose coefficients `doubletime profile` fits.

seconds = coefficients · features. The first two features are times of measured kernels, with coefficients near 1: of
products with their weights in a cache and what memory adds to that, or of decodes and of prefills. The profile fits to
the operators of real steps with the functions below, the rehearsal predicts with the same ones.
"""

from __future__ import annotations

from typing import NamedTuple

from doubletime.hardware.cpu.kernels import Kernels
from doubletime.hardware.cpu.work import Attended, Segment
from doubletime.shapes import ModelShape, parameters
from doubletime.shapes.model_shape import MoE

Features = tuple[float, ...]
FITS_CACHE = 1 << 18  # numbers: above it an intermediate leaves the core's own cache


class Priced(NamedTuple):
    """A shape with what its weights do to the caches.

    `footprint`: bytes that a step of one row reads; `whole`: those of all experts too, which take turns. `cold`: the
    share of `footprint` that no cache holds. Where weights push everything else out of the caches, every operator
    starts cold: it takes longer by a constant.
    """

    shape: ModelShape
    footprint: float
    whole: float
    cold: float


def priced(shape: ModelShape, kernels: Kernels) -> Priced:
    embedding = 0 if shape.tied else shape.vocab * shape.hidden  # one that is not the head too is read by row
    whole, footprint = kernels.element * (parameters(shape) - embedding), 0.0
    if shape.moe is not None:
        idle = shape.moe.experts - shape.moe.top_k
        sparse = sum(shape.is_sparse(layer) for layer in range(shape.layers))
        footprint = -kernels.element * sparse * idle * 3 * shape.hidden * shape.moe.intermediate
    footprint += whole
    return Priced(shape, footprint, whole, kernels.cold(footprint))


def begin(priced: Priced, segment: Segment, views: tuple[Attended, ...], entering: bool) -> Features:
    """Layouts and rotary tables of a segment, embedding of its rows. `views`: by KV group."""
    slots = sum(count * length for view in views for count, length in view.buckets)
    keys = sum(part.keys for view in views for part in view.parts)
    masks = sum(part.rows * part.keys for view in views for part in view.parts if not part.plain)
    buckets, parts = sum(len(view.buckets) for view in views), sum(len(view.parts) for view in views)
    rows = segment.rows
    embedded = rows * priced.shape.hidden if entering else 0
    return (0.0, 0.0, 1, priced.cold, len(views), segment.slabs, rows, buckets, slots, parts, keys, masks, embedded)


def project(kernels: Kernels, priced: Priced, rows: int) -> Features:
    """Norm, query, key and value, norms on heads, rope, write to the cache."""
    shape = priced.shape
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    dense = _products(kernels, priced.footprint, (1, rows, query, shape.hidden), (2, rows, key, shape.hidden))
    turned = rows * (query + key)
    normed = turned if shape.qk_norm else 0
    size = rows * (shape.hidden + query)
    return (
        *dense,
        1,
        priced.cold,
        rows * shape.hidden,
        turned,
        rows * key,
        float(shape.qk_norm),
        normed,
        _above(size),
    )


def attend(kernels: Kernels, priced: Priced, view: Attended) -> Features:
    """Attention of one layer."""
    shape = priced.shape
    heads, kv_heads, dim = shape.heads, shape.kv_heads, shape.head_dim
    decodes = sum(kernels.decode(count, length, heads, kv_heads, dim).seconds for count, length in view.buckets)
    prefills = sum(kernels.prefill(part, heads, dim).seconds for part in view.parts)
    gathered = [kv_heads * count * length * dim for count, length in view.buckets]
    gathered += [kv_heads * part.keys * dim for part in view.parts]
    read = sum(gathered)
    buckets, parts = len(view.buckets), len(view.parts)
    return (decodes, prefills, 1, priced.cold, buckets, parts, priced.cold * read)


def output(kernels: Kernels, priced: Priced, rows: int) -> Features:
    """Back to the residual stream, with a norm in between where the shape has one."""
    shape = priced.shape
    dense = _products(kernels, priced.footprint, (1, rows, shape.hidden, shape.heads * shape.head_dim))
    return _residual(dense, priced, rows)


def gate(kernels: Kernels, priced: Priced, rows: int) -> Features:
    """Norm, gate and up, activation."""
    shape = priced.shape
    dense = _products(kernels, priced.footprint, (2, rows, shape.intermediate, shape.hidden))
    inner = rows * shape.intermediate
    return (*dense, 1, priced.cold, rows * shape.hidden, inner, _above(inner))


def down(kernels: Kernels, priced: Priced, rows: int) -> Features:
    shape = priced.shape
    dense = _products(kernels, priced.footprint, (1, rows, shape.hidden, shape.intermediate))
    return _residual(dense, priced, rows)


def route(kernels: Kernels, priced: Priced, rows: int, moe: MoE) -> Features:
    """Norm and router."""
    dense = _products(kernels, priced.footprint, (1, rows, moe.experts, priced.shape.hidden))
    return (*dense, 1, priced.cold, rows * priced.shape.hidden, rows * moe.experts)


def experts(kernels: Kernels, priced: Priced, rows: int, moe: MoE) -> Features:
    """Only visited experts run, one after another: as many as balanced routing visits in expectation."""
    hidden, inner = priced.shape.hidden, moe.intermediate
    visited = moe.experts * (1 - (1 - moe.top_k / moe.experts) ** rows)
    each = max(1, round(rows * moe.top_k / visited))
    dense = _products(kernels, priced.whole, (2 * visited, each, inner, hidden), (visited, each, hidden, inner))
    sent = rows * moe.top_k
    return (*dense, 1, priced.cold, visited, sent * inner, sent * hidden, visited * sent)


def sample(kernels: Kernels, priced: Priced, rows: int) -> Features:
    """The head over the rows that sample, and the choice of their tokens."""
    shape = priced.shape
    dense = _products(kernels, priced.footprint, (1, rows, shape.vocab, shape.hidden))
    return (*dense, 1, priced.cold, rows, rows * shape.vocab)


def dot(coefficients: Features, features: Features) -> float:
    """Seconds."""
    return sum(a * b for a, b in zip(coefficients, features, strict=True))


def _products(kernels: Kernels, footprint: float, *each: tuple[float, int, int, int]) -> tuple[float, float]:
    """(how many, m, n, k) of each: seconds of all with weights in a cache, and what memory adds."""
    parts = [(count, kernels.parts(m, n, k, footprint)) for count, m, n, k in each]
    return sum(count * hot for count, (hot, _) in parts), sum(count * more for count, (_, more) in parts)


def _residual(dense: tuple[float, float], priced: Priced, rows: int) -> Features:
    size, normed = rows * priced.shape.hidden, float(priced.shape.sandwich_norms)
    return (*dense, 1, priced.cold, size, normed, normed * size, _above(size))


def _above(size: int) -> int:
    return max(0, size - FITS_CACHE)
