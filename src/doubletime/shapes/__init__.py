"""Models as numbers: a config.json or a published name → layers, KV groups, depth map, tensors. Pure Python."""

from __future__ import annotations

from doubletime.shapes.config import shape_from_config
from doubletime.shapes.memory import POINTS_PER_LAYER, blocks_for_memory, depth_map, kv_bytes_of_one, kv_groups
from doubletime.shapes.model_shape import Activation, Latent, ModelShape, MoE, Rope, RopeKind, UnsupportedModel
from doubletime.shapes.parallel import WHOLE, Parallel
from doubletime.shapes.parameters import bytes_of_rank, parameters, weight_bytes
from doubletime.shapes.published import PUBLISHED, published_shape
from doubletime.shapes.tensors import RUNNABLE, check_runnable, tensors

__all__ = [
    "POINTS_PER_LAYER",
    "PUBLISHED",
    "RUNNABLE",
    "WHOLE",
    "Activation",
    "Latent",
    "MoE",
    "ModelShape",
    "Parallel",
    "Rope",
    "RopeKind",
    "UnsupportedModel",
    "blocks_for_memory",
    "bytes_of_rank",
    "check_runnable",
    "depth_map",
    "kv_bytes_of_one",
    "kv_groups",
    "parameters",
    "published_shape",
    "shape_from_config",
    "tensors",
    "weight_bytes",
]
