"""A layer as the list of what one rank computes, with sizes: what the cost model adds up. Pure numbers.

Tensor parallelism is Megatron's (arXiv 1909.08053): query, key, value, gate and up are split by columns, output and
down by rows, so that each half of a layer ends in an all-reduce. Expert parallelism gives each rank whole experts.
"""

from __future__ import annotations

from typing import NamedTuple

from doubletime.shapes.formats import ELEMENT_BYTES
from doubletime.shapes.model_shape import ModelShape, MoE
from doubletime.shapes.parallel import WHOLE, Parallel, check_split, kv_heads_of_rank


class Linear(NamedTuple):
    """[rows, k] · [k, n]. `weights` is the number format of the matrix."""

    name: str
    n: int
    k: int
    weights: str


class Attend(NamedTuple):
    """Attention of one layer. `window` 0: all tokens. `latent`: numbers a token caches, 0 where it caches K and V."""

    heads: int
    kv_heads: int
    head_dim: int
    window: int
    latent: int


class Mixture(NamedTuple):
    """The routed experts of one rank: `experts` of `total`, each of width `inner` here.

    `senders`: so many ranks with different tokens send here (data-parallel attention), 1 where all have the same.
    """

    hidden: int
    inner: int
    experts: int
    total: int
    top_k: int
    weights: str
    senders: int


class Elementwise(NamedTuple):
    """Norms, rope, activations: `size` bytes moved for each row, by `launches` kernels."""

    name: str
    size: float
    launches: int


class Collective(NamedTuple):
    """`kind` as in hardware.machine; `size` bytes of one rank's buffer for each row."""

    name: str
    kind: str
    size: float
    ranks: int


Operator = Linear | Attend | Mixture | Elementwise | Collective


def layer_operators(
    shape: ModelShape, layer: int, split: Parallel = WHOLE, merged: bool = True
) -> tuple[Operator, ...]:
    """What one rank does in `layer`, in order; every size is for one row (token).

    `merged`: query, key and value are one product, and gate and up are, as serving engines on GPUs do it.
    Raises ValueError where the model cannot be split so.
    """
    check_split(shape, split)
    found = [*_attention(shape, layer, split.tp, merged), *_reduce(shape, "reduce_attention", split.tp)]
    if shape.moe is not None and shape.is_sparse(layer):
        found += _experts(shape, shape.moe, split, merged)
    else:
        found += [*_mlp(shape, "", shape.intermediate, split.tp, merged), *_reduce(shape, "reduce_mlp", split.tp)]
    return tuple(found)


def layer_kinds(shape: ModelShape) -> tuple[tuple[int, ...], ...]:
    """Layers that cost the same, together: one tuple of layer numbers for each kind, in order of first appearance."""
    kinds: dict[tuple[int, bool], list[int]] = {}
    for layer, window in enumerate(shape.windows):
        kinds.setdefault((window, shape.is_sparse(layer)), []).append(layer)
    return tuple(tuple(layers) for layers in kinds.values())


def entry_operators(shape: ModelShape, split: Parallel = WHOLE) -> tuple[Operator, ...]:
    """The embedding; sizes are for one row (token)."""
    size = 2 * shape.hidden * _element(shape)
    return (Elementwise("embedding", size, 1), *_reduce(shape, "reduce_embedding", split.tp))


def exit_operators(shape: ModelShape, split: Parallel = WHOLE) -> tuple[Operator, ...]:
    """The last norm and the head; sizes are for one row that samples."""
    vocab = -(-shape.vocab // split.tp)
    found: list[Operator] = [
        Elementwise("final_norm", 4 * shape.hidden * _element(shape), 1),
        Linear("head", vocab, shape.hidden, shape.dtype),
    ]
    if split.tp > 1:
        found.append(Collective("gather_logits", "all_gather", vocab * _element(shape), split.tp))
    return tuple(found)


def _attention(shape: ModelShape, layer: int, tp: int, merged: bool) -> list[Operator]:
    norms = _norm(shape, "attention_norm")
    if shape.latent is not None:
        return [*norms, *_latent(shape, tp, merged)]
    heads, kv_heads, wide = shape.heads // tp, kv_heads_of_rank(shape, tp), shape.head_dim
    columns = {"query": heads * wide, "key": kv_heads * wide, "value": kv_heads * wide}
    return [
        *norms,
        *_columns(shape, "qkv", columns, shape.hidden, merged),
        *_positions(shape, heads, kv_heads),
        Attend(heads, kv_heads, wide, shape.windows[layer], 0),
        Linear("output", shape.hidden, heads * wide, _weights(shape)),
    ]


def _latent(shape: ModelShape, tp: int, merged: bool) -> list[Operator]:
    """The projections of latent attention. The compressing ones are not split.

    `kv_b` has the same products and weights in both forms: prefill makes keys and values of its tokens with it, decode
    takes its queries into the latent space and its result out of it (the absorbed form).
    """
    latent = shape.latent
    assert latent is not None
    heads, weights, element = shape.heads // tp, _weights(shape), _element(shape)
    query = heads * (latent.nope + latent.rope)
    down = {"q_a": latent.q_rank, "kv_a": latent.width} if latent.q_rank else {"query": query, "kv_a": latent.width}
    found = _columns(shape, "qkv_a", down, shape.hidden, merged and latent.q_rank > 0)
    found.append(Elementwise("latent_norms", 2 * (latent.q_rank + latent.kv_rank) * element, 2 if latent.q_rank else 1))
    if latent.q_rank:
        found.append(Linear("q_b", query, latent.q_rank, weights))
    return [
        *found,
        Linear("kv_b", heads * (latent.nope + latent.value), latent.kv_rank, weights),
        Elementwise("rope", 2 * (heads + 1) * latent.rope * element, 1),
        Elementwise("kv_write", 2 * latent.width * element, 1),
        Attend(heads, 1, shape.head_dim, 0, latent.width),
        Linear("output", shape.hidden, heads * latent.value, weights),
    ]


def _positions(shape: ModelShape, heads: int, kv_heads: int) -> list[Operator]:
    """What happens to query and key before attention, and the write to the cache: all read and write once."""
    rows, element = (heads + kv_heads) * shape.head_dim, _element(shape)
    found: list[Operator] = []
    if shape.qk_norm:
        found.append(Elementwise("qk_norm", 2 * rows * element, 2))
    if shape.rope.theta:
        found.append(Elementwise("rope", 2 * rows * element, 1))
    return [*found, Elementwise("kv_write", 4 * kv_heads * shape.head_dim * element, 1)]


def _mlp(shape: ModelShape, prefix: str, width: int, tp: int, merged: bool) -> list[Operator]:
    inner, weights, element = -(-width // tp), _weights(shape), _element(shape)
    columns = {f"{prefix}gate": inner, f"{prefix}up": inner} if shape.gated else {f"{prefix}up": inner}
    return [
        *([] if prefix else _norm(shape, "mlp_norm")),
        *_columns(shape, f"{prefix}gate_up", columns, shape.hidden, merged),
        Elementwise(f"{prefix}activation", (len(columns) + 1) * inner * element, 1),
        Linear(f"{prefix}down", shape.hidden, inner, weights),
    ]


def _experts(shape: ModelShape, moe: MoE, split: Parallel, merged: bool) -> list[Operator]:
    tp, ep = split
    inner, senders = -(-moe.intermediate // max(1, tp // ep)), max(1, ep // tp)
    weights = moe.weights or _weights(shape)
    shared = _mlp(shape, "shared_", moe.shared, tp, merged) if moe.shared else []
    routed: list[Operator] = [Mixture(shape.hidden, inner, moe.experts // ep, moe.experts, moe.top_k, weights, senders)]
    if senders > 1:
        # A row goes once to each rank that has one of its experts, and comes back from there (DeepSeek-V3, 3.2.2).
        size = min(moe.top_k, ep) * shape.hidden * _element(shape)
        routed = [Collective("dispatch", "alltoall", size, ep), *routed, Collective("combine", "alltoall", size, ep)]
    return [
        *_norm(shape, "mlp_norm"),
        Linear("router", moe.experts, shape.hidden, shape.dtype),
        *shared,
        *routed,
        *_reduce(shape, "reduce_mlp", tp),
    ]


def _columns(shape: ModelShape, name: str, columns: dict[str, int], k: int, merged: bool) -> list[Operator]:
    """Products of the same rows: one, or one each."""
    if merged:
        only = next(iter(columns)) if len(columns) == 1 else name
        return [Linear(only, sum(columns.values()), k, _weights(shape))]
    return [Linear(own, n, k, _weights(shape)) for own, n in columns.items()]


def _norm(shape: ModelShape, name: str) -> list[Operator]:
    """Fused with the residual sum: reads row and residual, writes both. Sandwiched blocks end in one more."""
    count = 2 if shape.sandwich_norms else 1
    return [Elementwise(name, 4 * count * shape.hidden * _element(shape), count)]


def _reduce(shape: ModelShape, name: str, tp: int) -> list[Operator]:
    return [Collective(name, "all_reduce", shape.hidden * _element(shape), tp)] if tp > 1 else []


def _weights(shape: ModelShape) -> str:
    return shape.weights or shape.dtype


def _element(shape: ModelShape) -> float:
    """Bytes of one number of an activation."""
    return ELEMENT_BYTES[shape.dtype]
