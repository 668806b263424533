"""Paged attention in plain torch, for a batch that mixes decodes and prefills."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from doubletime.kernels.layout import DecodeRows, Layout, PrefillRows


def write_kv(cache: Tensor, keys: Tensor, values: Tensor, slots: Tensor) -> None:
    """Stores keys and values [T, kv heads, head dim] at `slots` of one layer's cache [2, kv heads, S, head dim]."""
    cache[0].index_copy_(1, slots, keys.transpose(0, 1))
    cache[1].index_copy_(1, slots, values.transpose(0, 1))


def attend(queries: Tensor, cache: Tensor, layout: Layout, scale: float) -> Tensor:
    """softmax(scale × q · kᵀ) · v of every row: queries [T, heads, head dim] → [T, heads × head dim].

    `cache` is one layer's, [2, kv heads, S, head dim], and already holds the keys and values of these rows.
    """
    out = torch.empty_like(queries)
    for decode in layout.decodes:
        out.index_copy_(0, decode.rows, _decode(queries.index_select(0, decode.rows), cache, decode, scale))
    for prefill in layout.prefills:
        out[prefill.first : prefill.last] = _prefill(queries[prefill.first : prefill.last], cache, prefill, scale)
    return out.flatten(1)


def _decode(queries: Tensor, cache: Tensor, group: DecodeRows, scale: float) -> Tensor:
    """B rows at once: gather [kv heads × B, P, head dim], then two batched products."""
    (batch, length), (kv_heads, _, dim) = group.slots.shape, cache.shape[1:]
    keys, values = (part.index_select(1, group.slots.flatten()).view(-1, length, dim) for part in cache)
    grouped = queries.view(batch, kv_heads, -1, dim).transpose(0, 1).reshape(kv_heads * batch, -1, dim)
    scores = torch.bmm(grouped * scale, keys.transpose(1, 2)).float().view(kv_heads, batch, -1, length)
    if group.padding is not None:
        scores.masked_fill_(group.padding[:, None, :], float("-inf"))
    weights = scores.softmax(-1).to(values.dtype).view(kv_heads * batch, -1, length)
    out = torch.bmm(weights, values).view(kv_heads, batch, -1, dim)
    return out.transpose(0, 1).reshape(queries.shape)


def _prefill(queries: Tensor, cache: Tensor, rows: PrefillRows, scale: float) -> Tensor:
    keys, values = (part.index_select(1, rows.slots)[None] for part in cache)
    out = F.scaled_dot_product_attention(
        queries.transpose(0, 1)[None],
        keys,
        values,
        attn_mask=rows.mask,
        is_causal=rows.mask is None,
        scale=scale,
        enable_gqa=True,
    )
    return out[0].transpose(0, 1)
