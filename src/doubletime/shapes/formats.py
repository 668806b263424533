"""Number formats of weights and KV, and what an element of each takes in memory."""

from __future__ import annotations

# Bytes an element, scales included: nvfp4 has one byte for each 16 elements, mxfp4 one for each 32.
ELEMENT_BYTES = {
    "float32": 4.0,
    "bfloat16": 2.0,
    "float16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int4": 0.5,
    "nvfp4": 0.5625,
    "mxfp4": 0.53125,
}
