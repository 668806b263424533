"""KV memory of a shape: its groups, and how a budget of bytes is split between them."""

from __future__ import annotations

from doubletime.core.vocabulary import DepthMap, GroupKind, KVGroup
from doubletime.shapes.model_shape import ModelShape
from doubletime.shapes.parallel import kv_heads_of_rank

POINTS_PER_LAYER = 5  # project, attend, output, gate, down: see doubletime.models
TYPICAL_LENGTH = 2048


def depth_map(shape: ModelShape) -> DepthMap:
    """Depth in operators: a stop may land between any two of a layer's five."""
    return DepthMap(shape.layers, POINTS_PER_LAYER)


def kv_groups(
    shape: ModelShape, block_tokens: int = 16, element_bytes: float = 4, tp: int = 1, layers: range | None = None
) -> tuple[KVGroup, ...]:
    """One group of all full (or latent) layers, then one for each window size, layers ascending in each.

    What one rank keeps of `tp` that share the heads; latent attention has none to share out: every rank keeps all.
    `layers`: of a pipeline stage, None for the whole model.
    """
    token_bytes = kv_bytes_per_layer(shape, element_bytes, tp)
    own = range(shape.layers) if layers is None else layers
    windows = sorted({shape.windows[layer] for layer in own})
    return tuple(_group(shape, own, window, block_tokens, token_bytes) for window in windows)


def kv_bytes_per_layer(shape: ModelShape, element_bytes: float, tp: int = 1) -> int:
    """What a token keeps in one layer on one rank."""
    if shape.latent is not None:
        return round(shape.latent.width * element_bytes)
    return round(2 * kv_heads_of_rank(shape, tp) * shape.head_dim * element_bytes)


def _group(shape: ModelShape, own: range, window: int, block_tokens: int, token_bytes: int) -> KVGroup:
    layers = tuple(layer for layer in own if shape.windows[layer] == window)
    full = GroupKind.FULL if shape.latent is None else GroupKind.LATENT
    kind = GroupKind.WINDOW if window else full
    return KVGroup(layers, kind, block_tokens, block_tokens * token_bytes * len(layers), window)


def blocks_for_memory(
    groups: tuple[KVGroup, ...],
    budget: int,
    max_length: int,
    max_rows: int = 2048,
    max_seats: int = 256,
) -> tuple[int, ...]:
    """How many blocks each group gets of `budget` bytes.

    First what one sequence of `max_length` needs, then the rest in the ratio in which sequences of a typical length
    use it. A window group never gets more than `max_seats` windows and one chunk of `max_rows`; what it leaves goes
    to the others. Raises ValueError, naming the least number of bytes, when one sequence does not fit.
    """
    blocks = [blocks_of_one(group, max_length) for group in groups]
    least = kv_bytes_of_one(groups, max_length)
    if least > budget:
        raise ValueError(
            f"KV memory of {budget:,} bytes is too small: one sequence of {max_length:,} tokens needs {least:,} bytes"
        )
    caps = [_cap(group, max_rows, max_seats) for group in groups]
    _share(groups, blocks, caps, budget - least, min(max_length, TYPICAL_LENGTH))
    return tuple(blocks)


def blocks_of_one(group: KVGroup, length: int) -> int:
    """Blocks with which a single sequence can reach `length`: a window is filled a block at a time."""
    whole = -(-length // group.block_tokens)
    if group.kind is not GroupKind.WINDOW:
        return whole
    return min(whole, -(-group.window // group.block_tokens) + 2)


def kv_bytes_of_one(groups: tuple[KVGroup, ...], length: int) -> int:
    """Bytes of KV that a single sequence needs to reach `length`."""
    return sum(blocks_of_one(group, length) * group.block_bytes for group in groups)


def _cap(group: KVGroup, max_rows: int, max_seats: int) -> int | None:
    if group.kind is not GroupKind.WINDOW:
        return None
    return max_seats * (-(-group.window // group.block_tokens) + 1) + -(-max_rows // group.block_tokens) + 1


def _share(groups: tuple[KVGroup, ...], blocks: list[int], caps: list[int | None], budget: int, typical: int) -> None:
    """Spends `budget` on more blocks: first on every group in proportion, then on those without a cap."""
    for members in (range(len(groups)), [index for index, cap in enumerate(caps) if cap is None]):
        needs = {index: blocks_of_one(groups[index], typical) for index in members}
        total = sum(need * groups[index].block_bytes for index, need in needs.items())
        spent = 0
        for index, need in needs.items():
            more = _room(budget * need // total, blocks[index], caps[index])
            blocks[index] += more
            spent += more * groups[index].block_bytes
        budget -= spent


def _room(wanted: int, have: int, cap: int | None) -> int:
    return wanted if cap is None else max(0, min(wanted, cap - have))
