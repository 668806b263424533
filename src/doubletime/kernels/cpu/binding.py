"""The compiled library: finding it, and its functions with their types."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int64, c_void_p
from functools import cache
from importlib.util import find_spec
from typing import TypeVar

from doubletime.kernels.cpu import abi

LEVEL = "DOUBLETIME_KERNELS"  # environment: portable, avx2 or avx512 instead of the best level that is there
OTHER = "DOUBLETIME_LIBRARY"  # environment: the path of another build, as `make sanitize` makes

_P = c_void_p
_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "dt_level": (c_char_p, ()),
    "dt_set_level": (c_bool, (c_char_p,)),
    "dt_threads": (c_int, ()),
    "dt_set_threads": (None, (c_int,)),
    "dt_embed": (None, (POINTER(abi.Model), _P, c_int, _P)),
    "dt_run": (c_int, (POINTER(abi.Model), POINTER(abi.Batch), _P, _P, c_int64, c_int, c_int, _P)),
    "dt_peak": (c_int64, (c_int, c_int)),
    "dt_read": (c_float, (_P, c_int64)),
    "dt_pack_bytes": (c_int64, (POINTER(abi.Matrix),)),
    "dt_pack": (None, (POINTER(abi.Matrix), _P, _P, _P, _P)),
    "dt_unpack_row": (None, (POINTER(abi.Matrix), c_int, _P)),
    "dt_linear": (None, (POINTER(abi.Matrix), _P, c_int64, c_int, POINTER(abi.Norm), _P, c_int64, c_int, c_int)),
    "dt_experts": (
        None,
        (POINTER(abi.Matrix),) * 2 + (c_int, c_int, _P, c_int64, c_int, _P, _P, c_int64, c_int, _P, c_int64),
    ),
    "dt_logits": (None, (POINTER(abi.Model), _P, c_int, _P)),
}


class NotBuilt(OSError):
    """The package was installed without its native kernels."""


HOW_TO_BUILD = "install a C++ compiler (g++ or clang++) and install doubletime again"


@cache
def library() -> ctypes.CDLL:
    """The library, at the level that this processor (or the environment) gives. Raises NotBuilt, or ValueError for a
    level that is not there."""
    loaded = _typed(ctypes.CDLL(_path()))
    level = os.environ.get(LEVEL)
    if level and not loaded.dt_set_level(level.encode()):
        raise ValueError(f"{LEVEL}={level}: this processor has no such level of kernels")
    return loaded


@cache
def locked_library() -> ctypes.PyDLL:
    """The same for calls of microseconds between others: they keep the interpreter's lock, because another thread that
    waits for it would otherwise make them wait for all that it has to do."""
    library()
    return _typed(ctypes.PyDLL(_path()))


_Library = TypeVar("_Library", bound=ctypes.CDLL)


def _typed(loaded: _Library) -> _Library:
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def _path() -> str:
    return os.environ.get(OTHER) or _built()


def _built() -> str:
    spec = find_spec("doubletime.kernels.cpu._native")
    if spec is None or spec.origin is None:
        raise NotBuilt(f"the native kernels were not built: {HOW_TO_BUILD}")
    return spec.origin


def available() -> bool:
    """Whether there are native kernels."""
    try:
        library()
    except NotBuilt:
        return False
    return True


def level() -> str:
    """The instructions that the kernels use: portable, avx2 or avx512."""
    name: bytes = library().dt_level()
    return name.decode()


def set_threads(count: int) -> None:
    """How many threads share each kernel, the caller's included."""
    library().dt_set_threads(count)
