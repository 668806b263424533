"""A forward pass in two parts, the context first, so that its cache can be damaged in between."""

from __future__ import annotations

import torch
from torch import Tensor

from training.damage import Cache
from training.model import Llama


@torch.no_grad()
def read(model: Llama, ids: Tensor) -> Cache:
    """The cache of the context ids [1, time]."""
    cos, sin = model.cos[: ids.shape[1]], model.sin[: ids.shape[1]]
    x, cache = model.embed_tokens(ids), []
    for layer in model.layers:
        q, k, v = layer.self_attn.project(layer.input_layernorm(x), cos, sin)
        cache.append((k, v))
        x = x + layer.self_attn.attend(q, k, v)
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    return cache


@torch.no_grad()
def resume(model: Llama, ids: Tensor, cache: Cache, kept: Tensor) -> Tensor:
    """Logits [time, vocab] of the ids that follow the context, which sees only its `kept` positions."""
    past, time = kept.shape[0], ids.shape[1]
    cos, sin = model.cos[past : past + time], model.sin[past : past + time]
    mask = torch.cat((kept.expand(time, past), torch.ones(time, time, dtype=torch.bool).tril()), dim=1)
    x = model.embed_tokens(ids)
    for layer, (past_k, past_v) in zip(model.layers, cache, strict=True):
        q, k, v = layer.self_attn.project(layer.input_layernorm(x), cos, sin)
        x = x + layer.self_attn.attend(q, torch.cat((past_k, k), 2), torch.cat((past_v, v), 2), mask)
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    return model.logits(model.norm(x))[0]
