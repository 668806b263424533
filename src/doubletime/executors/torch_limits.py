"""What an engine with this model on this machine may use."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import torch

from doubletime.core.vocabulary import KVGroup, Limits
from doubletime.models import AnyModel
from doubletime.shapes import blocks_for_memory, depth_map, kv_bytes_of_one, kv_groups

CPU_SHARE, CUDA_SHARE = 0.3, 0.85  # of the memory at hand; the rest is for activations, and for others


def limits_for(
    model: AnyModel,
    *,
    kv_memory: int | None = None,
    max_length: int | None = None,
    max_rows: int = 2048,
    max_seats: int = 256,
    max_open_rows: int = 8192,
    block_tokens: int = 16,
) -> Limits:
    """Limits for `model`, with KV blocks for `kv_memory` bytes (None: a share of the memory at hand).

    `max_length` None: the model's own, or as much of it as one sequence can have in that memory. Raises ValueError,
    naming the least number of bytes, if one sequence of `max_length` does not fit.
    """
    groups = kv_groups(model.shape, block_tokens, model.kv_bytes)
    budget = default_kv_memory(model.device) if kv_memory is None else kv_memory
    longest = max_length or _longest(groups, budget, model.shape.max_position)
    if kv_memory is None:
        budget = min(budget, max_seats * kv_bytes_of_one(groups, longest))
    blocks = blocks_for_memory(groups, budget, longest, max_rows, max_seats)
    return Limits(groups, blocks, depth_map(model.shape), max_seats, max_rows, max(max_open_rows, max_rows), longest)


def default_kv_memory(device: torch.device) -> int:
    """Bytes of KV cache on a machine as it is now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * CUDA_SHARE)
    return int(available_memory() * CPU_SHARE)


def available_memory() -> int:
    """Bytes that a process could still take: what the kernel says, within the limit of a container."""
    lines = Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else []
    system = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), 4 << 30)
    limit, used = (_number(Path("/sys/fs/cgroup") / name) for name in ("memory.max", "memory.current"))
    return system if limit is None or used is None else min(system, max(0, limit - used))


def _longest(groups: tuple[KVGroup, ...], budget: int, most: int) -> int:
    """The greatest length up to `most` of which one sequence fits into `budget`; at least one block."""
    lengths = range(groups[0].block_tokens, most + 1)
    fitting = bisect_right(lengths, budget, key=lambda length: kv_bytes_of_one(groups, length))
    return lengths[max(0, fitting - 1)] if lengths else most


def _number(path: Path) -> int | None:
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text.isdigit() else None
