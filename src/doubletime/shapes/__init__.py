"""Models as numbers: a config.json or a published name → layers, KV groups, depth map, tensors. Pure Python."""

from __future__ import annotations

from doubletime.shapes.config import shape_from_config
from doubletime.shapes.memory import POINTS_PER_LAYER, blocks_for_memory, depth_map, kv_bytes_of_one, kv_groups
from doubletime.shapes.model_shape import Activation, ModelShape, MoE, Rope, RopeKind, UnsupportedModel
from doubletime.shapes.published import PUBLISHED, published_shape
from doubletime.shapes.tensors import parameters, tensors, weight_bytes

__all__ = [
    "POINTS_PER_LAYER",
    "PUBLISHED",
    "Activation",
    "MoE",
    "ModelShape",
    "Rope",
    "RopeKind",
    "UnsupportedModel",
    "blocks_for_memory",
    "depth_map",
    "kv_bytes_of_one",
    "kv_groups",
    "parameters",
    "published_shape",
    "shape_from_config",
    "tensors",
    "weight_bytes",
]
