"""What an engine chose, and why, in a line for people."""

from __future__ import annotations

from doubletime import __version__
from doubletime.engine.about import About
from doubletime.engine.build import Running
from doubletime.executors.torch_limits import CPU_SHARE, CUDA_SHARE
from doubletime.models import NativeModel
from doubletime.shapes import kv_bytes_of_one

_WHOLE = 0.98  # blocks come whole: so much of what was wanted is all of it


def summary(running: Running) -> str:
    """Model, device, dtype, kernels, KV memory and policy of an engine that is ready; why, where it chose itself."""
    limits, about = running.limits, running.about
    blocks = "+".join(str(count) for count in limits.blocks)
    return (
        f"{about['model']} ({about['family']}, {about['layers']} layers) on {about['device']}{_device(running)} "
        f"in {about['dtype']}{_dtype(running)}; {about['kernels']} kernels{_kernels(running)}; "
        f"{blocks} KV blocks of {limits.groups[0].block_tokens} tokens ({_memory(running)}); "
        f"up to {limits.max_length} tokens a request; policy {running.engine.scheduler.stack.name}"
    )


def about_engine(running: Running) -> About:
    """The same for programs."""
    limits, about = running.limits, running.about
    return About(
        model=about["model"],
        policy=running.engine.scheduler.stack.name,
        device=about["device"],
        dtype=about["dtype"],
        kernels=about["kernels"],
        threads=about["threads"],
        max_model_len=limits.max_length,
        max_seats=limits.max_seats,
        max_rows=limits.max_rows,
        kv_blocks=limits.blocks,
        block_tokens=limits.groups[0].block_tokens,
        depth=limits.depth.total,
        version=__version__,
    )


def _device(running: Running) -> str:
    if running.config.device != "auto":
        return ""
    return " (there is no CUDA device)" if running.about["device"] == "cpu" else " (the fastest here)"


def _dtype(running: Running) -> str:
    if running.config.dtype != "auto":
        return ""
    native = isinstance(running.model, NativeModel)
    slow = running.about["device"] == "cpu" and not native
    return " (torch's others are slow on a CPU)" if slow else " (as published)"


def _kernels(running: Running) -> str:
    threads = running.about["threads"]
    if running.about["device"] != "cpu":
        return ""
    chosen = "" if running.config.threads else " (one a core)"
    missing = " (the native ones were not built)" if running.config.kernels == "auto" else ""
    return ("" if isinstance(running.model, NativeModel) else missing) + f", threads: {threads}{chosen}"


def _memory(running: Running) -> str:
    limits = running.limits
    size = sum(group.block_bytes * count for group, count in zip(limits.groups, limits.blocks, strict=True))
    told = f"{size / 2**20:.0f} MiB"
    if running.config.kv_memory is not None:
        return told
    if size >= _WHOLE * limits.max_seats * kv_bytes_of_one(limits.groups, limits.max_length):
        return f"{told}, all that {limits.max_seats} sequences can fill"
    share = CPU_SHARE if running.about["device"] == "cpu" else CUDA_SHARE
    return f"{told}, {share:.0%} of the memory that was free"
