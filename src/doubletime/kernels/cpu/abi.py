"""The structs of native/abi.hpp, field for field."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_float, c_int32, c_int64, c_void_p
from enum import IntEnum


class Kind(IntEnum):
    """How numbers are stored."""

    F32 = 0
    F16 = 1
    BF16 = 2
    Q8 = 3
    Q4 = 4


TILE = 16  # rows of a matrix that are packed side by side, and tokens of a cache that lie together


class Matrix(ctypes.Structure):
    """A packed weight [n, k]."""

    _fields_ = (
        ("packed", c_void_p),
        ("bias", c_void_p),
        ("kind", c_int32),
        ("n", c_int32),
        ("k", c_int32),
        ("group", c_int32),
        ("has_mins", c_int32),
        ("spare", c_int32),
    )


class Norm(ctypes.Structure):
    """Root mean square norm; `weight` null: none."""

    _fields_ = (("weight", c_void_p), ("eps", c_float), ("spare", c_int32))


class Cache(ctypes.Structure):
    """One KV group's memory."""

    _fields_ = (
        ("data", c_void_p),
        ("layer_bytes", c_int64),
        ("part_bytes", c_int64),
        ("head_bytes", c_int64),
        ("kind", c_int32),
        ("block_tokens", c_int32),
        ("window", c_int32),
        ("spare", c_int32),
    )


class Batch(ctypes.Structure):
    """The rows of a step."""

    _fields_ = (
        ("rows", c_int32),
        ("seqs", c_int32),
        ("groups", c_int32),
        ("spare", c_int32),
        ("start", c_void_p),
        ("tokens", c_void_p),
        ("tables", POINTER(c_void_p)),
        ("table_width", POINTER(c_int64)),
        ("table_rows", POINTER(c_void_p)),
        ("caches", POINTER(Cache)),
    )


class Layer(ctypes.Structure):
    """One layer: attention, and a dense or sparse MLP."""

    _fields_ = (
        ("before", Norm),
        ("query_norm", Norm),
        ("key_norm", Norm),
        ("after", Norm),
        ("qkv", Matrix),
        ("out", Matrix),
        ("group", c_int32),
        ("index", c_int32),
        ("rope", c_int32),
        ("spare", c_int32),
        ("scale", c_float),
        ("soft_cap", c_float),
        ("sinks", c_void_p),
        ("mlp_before", Norm),
        ("mlp_after", Norm),
        ("activation", c_int32),
        ("experts", c_int32),
        ("top_k", c_int32),
        ("normalize", c_int32),
        ("gate_up", Matrix),
        ("down", Matrix),
        ("router", Matrix),
        ("gate_ups", POINTER(Matrix)),
        ("downs", POINTER(Matrix)),
    )


class Model(ctypes.Structure):
    """A whole model."""

    _fields_ = (
        ("layers", c_int32),
        ("hidden", c_int32),
        ("heads", c_int32),
        ("kv_heads", c_int32),
        ("head_dim", c_int32),
        ("vocab", c_int32),
        ("ropes", c_int32),
        ("spare", c_int32),
        ("layer", POINTER(Layer)),
        ("frequencies", POINTER(c_void_p)),
        ("embedding", POINTER(Matrix)),
        ("head", POINTER(Matrix)),
        ("final_norm", Norm),
        ("embedding_scale", c_float),
        ("logit_cap", c_float),
    )
