"""How a model is split over the ranks of one engine."""

from __future__ import annotations

from typing import NamedTuple

from doubletime.shapes.model_shape import ModelShape


class Parallel(NamedTuple):
    """How a layer is split: attention and dense MLPs over `tp` ranks, experts over `ep`.

    `ep` 1: every expert is split over the `tp` ranks. Otherwise each rank has `experts / ep` of them, split further if
    there are more `tp` ranks than `ep`. With more `ep` than `tp` ranks, ep / tp replicas of the attention (each with
    its own tokens) share the experts, and tokens travel by all-to-all.
    """

    tp: int = 1
    ep: int = 1


WHOLE = Parallel()  # one rank does all


def check_split(shape: ModelShape, split: Parallel) -> None:
    """Raises ValueError where heads or experts cannot be shared out evenly."""
    tp, ep = split
    if tp < 1 or shape.heads % tp:
        raise ValueError(f"{shape.heads} heads cannot be split over {tp} tensor-parallel ranks")
    if max(tp, shape.kv_heads) % min(tp, shape.kv_heads):
        raise ValueError(f"{shape.kv_heads} KV heads cannot be split over (or copied to) {tp} tensor-parallel ranks")
    if ep == 1:
        return
    if shape.moe is None:
        raise ValueError(f"expert parallelism over {ep} ranks needs a mixture of experts; {shape.family} here has none")
    if ep < 1 or shape.moe.experts % ep or max(tp, ep) % min(tp, ep):
        raise ValueError(f"{shape.moe.experts} experts with tp {tp} cannot be split over {ep} expert-parallel ranks")


def kv_heads_of_rank(shape: ModelShape, tp: int) -> int:
    """KV heads are split as long as there are enough, then copied."""
    return max(1, shape.kv_heads // tp)
