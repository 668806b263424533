"""How many numbers a model has, and the bytes of its weights on a rank: for every family, also those that never run."""

from __future__ import annotations

from doubletime.shapes.formats import ELEMENT_BYTES
from doubletime.shapes.model_shape import Latent, ModelShape
from doubletime.shapes.operators import Linear, Mixture, layer_operators
from doubletime.shapes.parallel import WHOLE, Parallel


def parameters(shape: ModelShape) -> int:
    """How many numbers the model has (tied embeddings once)."""
    tables = (1 if shape.tied else 2) * shape.vocab + shape.learned_positions
    layers = sum(_norms(shape) + _attention(shape) + _mlp_or_experts(shape, layer) for layer in range(shape.layers))
    return tables * shape.hidden + _norm(shape, shape.hidden) + layers


def weight_bytes(shape: ModelShape, bytes_per_element: int) -> int:
    return parameters(shape) * bytes_per_element


def bytes_of_rank(shape: ModelShape, split: Parallel = WHOLE, layers: range | None = None) -> int:
    """Bytes of the matrices that one rank holds, in their published formats. Vectors (norms, biases) are left out.

    `layers`: of a pipeline stage; the first has the embedding, the last the head. None: the whole model.
    """
    own = range(shape.layers) if layers is None else layers
    table = -(-shape.vocab // split.tp) * shape.hidden * ELEMENT_BYTES[shape.dtype]
    ends = table * (own.start == 0) + table * (own.stop == shape.layers)
    if shape.tied and own.start == 0 and own.stop == shape.layers:
        ends = table
    ends += shape.learned_positions * shape.hidden * ELEMENT_BYTES[shape.dtype] * (own.start == 0)
    return int(ends + sum(_layer_bytes(shape, layer, split) for layer in own))


def _layer_bytes(shape: ModelShape, layer: int, split: Parallel) -> float:
    found = 0.0
    for operator in layer_operators(shape, layer, split):
        if isinstance(operator, Linear):
            found += operator.n * operator.k * ELEMENT_BYTES[operator.weights]
        elif isinstance(operator, Mixture):
            matrices = (3 if shape.gated else 2) * operator.experts
            found += matrices * operator.hidden * operator.inner * ELEMENT_BYTES[operator.weights]
    return found


def _norm(shape: ModelShape, width: int) -> int:
    return 2 * width if shape.norm_bias else width


def _norms(shape: ModelShape) -> int:
    return (4 if shape.sandwich_norms else 2) * _norm(shape, shape.hidden)


def _attention(shape: ModelShape) -> int:
    if shape.latent is not None:
        return _latent(shape, shape.latent)
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    found = shape.hidden * (wide + 2 * narrow) + wide * shape.hidden
    if shape.attention_bias or shape.qkv_bias:
        found += wide + 2 * narrow
    if shape.attention_bias:
        found += shape.hidden
    if shape.qk_norm:
        found += 2 * shape.head_dim
    return found + (shape.heads if shape.sinks else 0)


def _latent(shape: ModelShape, latent: Latent) -> int:
    query = shape.heads * (latent.nope + latent.rope)
    compressed = latent.q_rank * (shape.hidden + 1 + query)
    found = compressed if latent.q_rank else shape.hidden * query
    found += shape.hidden * latent.width + latent.kv_rank
    found += latent.kv_rank * shape.heads * (latent.nope + latent.value)
    return found + shape.heads * latent.value * shape.hidden


def _mlp_or_experts(shape: ModelShape, layer: int) -> int:
    moe = shape.moe
    if moe is None or not shape.is_sparse(layer):
        return _mlp(shape, shape.intermediate)
    router = moe.experts * (shape.hidden + shape.mlp_bias)
    shared = _mlp(shape, moe.shared) if moe.shared else 0
    return moe.experts * _mlp(shape, moe.intermediate) + router + shared


def _mlp(shape: ModelShape, inner: int) -> int:
    into = 2 if shape.gated else 1
    found = (into + 1) * shape.hidden * inner
    return found + (into * inner + shape.hidden if shape.mlp_bias else 0)
