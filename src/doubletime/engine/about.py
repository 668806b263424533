"""What an engine is and what was chosen for it, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class About:
    """`kv_blocks`: by KV group. `depth`: preemption points of full depth."""

    model: str = ""
    policy: str = ""
    device: str = ""
    dtype: str = ""
    kernels: str = ""
    threads: int = 0
    max_model_len: int = 0
    max_seats: int = 0
    max_rows: int = 0
    kv_blocks: tuple[int, ...] = ()
    block_tokens: int = 0
    depth: int = 1
    version: str = ""
