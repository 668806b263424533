"""The C library's allocator on Linux: keep memory that was freed, instead of giving it back and faulting it in again.

A step allocates and frees the same tensors in every layer. By default glibc returns the larger ones to the system each
time, and touching them anew costs a page fault for every 4 kB: a sixth of a long prefill of a small model.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGEST = 32 << 20  # bytes: the most that glibc takes from a heap rather than from the system
_KEPT = 256 << 20  # bytes that may lie idle at the top of a heap


def keep_freed_memory() -> bool:
    """Applies to the whole process. False where the C library has no such switch."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))
