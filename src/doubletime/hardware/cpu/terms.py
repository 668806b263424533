"""What the time of each operator is made of: its kernels, and counts whose coefficients `doubletime profile` fits.

seconds = coefficients · features; the first feature is always the time of the measured kernels. The profile fits to the
operators of real steps with the functions below, the rehearsal predicts with the same ones.
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
    return (0.0, 1, priced.cold, len(views), segment.slabs, rows, buckets, slots, parts, keys, masks, embedded)


def project(kernels: Kernels, priced: Priced, rows: int) -> Features:
    """Norm, query, key and value, norms on heads, rope, write to the cache."""
    shape = priced.shape
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    dense = kernels.linear(rows, query, shape.hidden, priced.footprint).seconds
    dense += 2 * kernels.linear(rows, key, shape.hidden, priced.footprint).seconds
    turned = rows * (query + key)
    normed = turned if shape.qk_norm else 0
    size = rows * (shape.hidden + query)
    return (dense, 1, priced.cold, rows * shape.hidden, turned, rows * key, float(shape.qk_norm), normed, _above(size))


def attend(kernels: Kernels, priced: Priced, view: Attended) -> Features:
    """Attention of one layer."""
    shape = priced.shape
    heads, kv_heads, dim = shape.heads, shape.kv_heads, shape.head_dim
    decodes = sum(kernels.decode(count, length, heads, kv_heads, dim).seconds for count, length in view.buckets)
    prefills = sum(kernels.prefill(part, heads, dim).seconds for part in view.parts)
    gathered = [kv_heads * count * length * dim for count, length in view.buckets]
    gathered += [kv_heads * part.keys * dim for part in view.parts]
    read = sum(gathered)
    return (decodes + prefills, 1, priced.cold, len(view.buckets), len(view.parts), read, priced.cold * read)


def output(kernels: Kernels, priced: Priced, rows: int) -> Features:
    """Back to the residual stream, with a norm in between where the shape has one."""
    shape = priced.shape
    dense = kernels.linear(rows, shape.hidden, shape.heads * shape.head_dim, priced.footprint).seconds
    return _residual(dense, priced, rows)


def gate(kernels: Kernels, priced: Priced, rows: int) -> Features:
    """Norm, gate and up, activation."""
    shape = priced.shape
    dense = 2 * kernels.linear(rows, shape.intermediate, shape.hidden, priced.footprint).seconds
    inner = rows * shape.intermediate
    return (dense, 1, priced.cold, rows * shape.hidden, inner, _above(inner))


def down(kernels: Kernels, priced: Priced, rows: int) -> Features:
    shape = priced.shape
    dense = kernels.linear(rows, shape.hidden, shape.intermediate, priced.footprint).seconds
    return _residual(dense, priced, rows)


def route(kernels: Kernels, priced: Priced, rows: int, moe: MoE) -> Features:
    """Norm and router."""
    dense = kernels.linear(rows, moe.experts, priced.shape.hidden, priced.footprint).seconds
    return (dense, 1, priced.cold, rows * priced.shape.hidden, rows * moe.experts)


def experts(kernels: Kernels, priced: Priced, rows: int, moe: MoE) -> Features:
    """Only visited experts run, one after another: as many as balanced routing visits in expectation."""
    hidden, inner = priced.shape.hidden, moe.intermediate
    visited = moe.experts * (1 - (1 - moe.top_k / moe.experts) ** rows)
    each = max(1, round(rows * moe.top_k / visited))
    one = 2 * kernels.linear(each, inner, hidden, priced.whole).seconds
    one += kernels.linear(each, hidden, inner, priced.whole).seconds
    return (
        visited * one,
        1,
        priced.cold,
        visited,
        rows * moe.top_k * inner,
        rows * moe.top_k * hidden,
        visited * rows * moe.top_k,
    )


def sample(kernels: Kernels, priced: Priced, rows: int) -> Features:
    """The head over the rows that sample, and the choice of their tokens."""
    shape = priced.shape
    dense = kernels.linear(rows, shape.vocab, shape.hidden, priced.footprint).seconds
    return (dense, 1, priced.cold, rows, rows * shape.vocab)


def dot(coefficients: Features, features: Features) -> float:
    """Seconds."""
    return sum(a * b for a, b in zip(coefficients, features, strict=True))


def _residual(dense: float, priced: Priced, rows: int) -> Features:
    size, normed = rows * priced.shape.hidden, float(priced.shape.sandwich_norms)
    return (dense, 1, priced.cold, size, normed, normed * size, _above(size))


def _above(size: int) -> int:
    return max(0, size - FITS_CACHE)
