"""Sizes as people write them."""

from __future__ import annotations

import re

_UNITS: dict[str, int] = {"": 1, "B": 1} | {f"{letter}B": 1000**at for at, letter in enumerate("KMGT", start=1)}
_UNITS |= {f"{letter}IB": 1024**at for at, letter in enumerate("KMGT", start=1)}


def parse_bytes(size: str | int) -> int:
    """Bytes in "64MB" (10⁶ each), "2GiB" (2³⁰ each), "1.5 GB" or a plain number. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", str(size).strip())
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError(f"a size is a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, not {str(size)!r}")
    count = round(float(match[1]) * _UNITS[match[2].upper()])
    if count < 1:
        raise ValueError(f"a size must be at least one byte, not {str(size)!r}")
    return count
