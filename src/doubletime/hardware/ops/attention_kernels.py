"""What the attention kernels of today's engines do differently, as far as time shows it."""

from __future__ import annotations

from typing import NamedTuple


class Kernel(NamedTuple):
    """`always_packs`: in every decode the query heads of one KV head share a tile, and its keys may be split.

    FlashAttention 2 packs and splits only where all sequences have one query, heads are grouped and no window is set
    (`seqlenq_ngroups_swapped` in its API); otherwise each query head of each sequence is a block of its own, and a
    decode beside a prefill chunk is one row in a tile of 64. FlashAttention 3 packs always and splits every sequence by
    itself. `one_call`: prefill chunks and decodes share one launch; the kernels of FlashInfer and TensorRT-LLM are
    launched once for each kind. `tile`: query heads that one block of a decode can hold; vLLM's Triton kernel of latent
    attention takes 16, so that 128 heads over one vector are eight blocks.
    """

    always_packs: bool
    one_call: bool
    tile: int = 64


KERNELS = {
    "flash2": Kernel(always_packs=False, one_call=True),
    "flash3": Kernel(always_packs=True, one_call=True),
    "paired": Kernel(always_packs=True, one_call=False),
    "triton": Kernel(always_packs=True, one_call=False, tile=16),
}
