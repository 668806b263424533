"""Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): what is left of it beside its projections.

A token caches one vector of `latent` numbers for all heads. Decodes attend in that space (the absorbed form): one KV
head as wide as the vector. Chunks attend to keys and values of each head, which are made from the vectors; for a cached
prefix that happens again for every chunk. Engines run the two kinds in calls of their own, so that a batch with both
takes the sum.

The fits are the equations of attention_prefill and attention_decode on these shapes. They hold all that a layer's
module does besides the products of its projections, norms, rotation and write to the cache, which are counted apart.
"""

from __future__ import annotations

from doubletime.hardware.estimate import Estimate
from doubletime.hardware.machine import AttentionShape, Spec
from doubletime.hardware.ops.attention_prefill import Prefill, Uniform

ROTARY = 64  # of the vector, and of a head's width: as in all published models
EXPANSION_EFFICIENCY = 0.6  # of the peak, when a cached prefix becomes keys and values: assumed


def prefill_shape(shape: AttentionShape) -> AttentionShape:
    """Every head has keys and values of its own."""
    return shape._replace(kv_heads=shape.heads, latent=0)


def decode_shape(shape: AttentionShape) -> AttentionShape:
    """One KV head; half the vector as width, because it is key and value at once."""
    return shape._replace(kv_heads=1, head_dim=shape.latent // 2, latent=0)


def expansion(shape: AttentionShape, chunks: Uniform, spec: Spec) -> float:
    """Seconds to make keys (without rotation) and values of all cached tokens: 2 rank · heads · (key + value) each."""
    wide = 2 * (shape.head_dim - ROTARY)
    flops = 2 * chunks.number * chunks.start * (shape.latent - ROTARY) * shape.heads * wide
    return flops / spec.flops["bfloat16"] / EXPANSION_EFFICIENCY


def prefill(model: Prefill, shape: AttentionShape, chunks: Uniform, spec: Spec) -> Estimate:
    found = model.estimate(prefill_shape(shape), chunks)
    return found._replace(seconds=found.seconds + expansion(shape, chunks, spec))
