"""What an engine chose, in a line for people."""

from __future__ import annotations

from doubletime.engine.build import Running


def summary(running: Running) -> str:
    """Model, device, dtype, KV memory and policy of an engine that is ready."""
    limits, about = running.limits, running.about
    kv = sum(group.block_bytes * count for group, count in zip(limits.groups, limits.blocks, strict=True))
    blocks = "+".join(str(count) for count in limits.blocks)
    return (
        f"{about['model']} ({about['family']}, {about['layers']} layers) on {about['device']} in {about['dtype']}; "
        f"{blocks} KV blocks of {limits.groups[0].block_tokens} tokens ({kv / 2**20:.0f} MiB); "
        f"up to {limits.max_length} tokens a request; policy {running.engine.scheduler.stack.name}"
    )
