"""How much of a prompt a replica has cached, as a router sees it."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from doubletime.core.events import Request
from doubletime.core.memory import Memory, block_key
from doubletime.core.vocabulary import GroupKind


class _Prompt(NamedTuple):
    keys: tuple[int, ...]
    request: Request


def cached_prefix(memory: Memory, request: Request) -> int:
    """Leading tokens that are cached, to the block, short of the last one.

    Found by bisection, because prefixes are evicted from their end: with a policy that keeps blocks in another order it
    may be off, as the index of a router in front of real replicas may be. Windows are left out.
    """
    most = min(request.prompt - 1, len(request.keys) * request.key_tokens)
    if most < memory.grain or not request.take_hits:
        return 0
    prompt = _Prompt(request.keys, request)
    found = most
    for group, pool in zip(memory.groups, memory.pools, strict=True):
        if group.kind is not GroupKind.WINDOW:
            size, index = group.block_tokens, pool.index
            blocks = bisect_left(range(found // size), True, key=lambda at: block_key(prompt, size, at) not in index)
            found = blocks * size
    return found // memory.grain * memory.grain
