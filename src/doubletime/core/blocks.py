"""The blocks of one KV group: who holds them, which of them are cached, and which goes first when memory is short."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from doubletime.core.vocabulary import Nanoseconds

Rank = float


class BlockPool:
    """A block is free, cached (no holder, in the prefix index), pinned (cached until a time) or held (references).

    Invariant: free + cached + pinned + held = count. Cached blocks are reused in ascending (rank, release order),
    then pinned ones by the end of their pin, expired pins first.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.refs = [0] * count
        self.key_of: list[int | None] = [None] * count
        self.index: dict[int, int] = {}
        self.removals = 0  # keys that left the index
        self.freed: list[int] = []  # went free since the last plan took the list
        self._free = list(range(count - 1, -1, -1))
        self._cached: list[tuple[Rank, int, int]] = []  # (rank, stamp, block), may hold outdated entries
        self._pinned: list[tuple[Rank, int, int]] = []  # (end of the pin, stamp, block)
        self._stamp = [0] * count  # the entry of a heap that is valid for the block; 0: none
        self._tick = 0
        self.idle = 0  # cached and pinned blocks

    @property
    def available(self) -> int:
        """Blocks that can be allocated: free, cached or pinned."""
        return len(self._free) + self.idle

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def held(self) -> int:
        return self.count - self.available

    def allocate(self) -> int:
        """A block with one reference and no key. The caller has made sure that one is available."""
        block = self._free.pop() if self._free else self._evict()
        assert self.refs[block] == 0
        self.refs[block] = 1
        return block

    def allocate_many(self, count: int) -> list[int]:
        """As many blocks as that, in the order in which `allocate` would give them."""
        if len(self._free) < count:
            return [self.allocate() for _ in range(count)]
        taken = self._free[: -count - 1 : -1]
        del self._free[len(self._free) - count :]
        for block in taken:
            self.refs[block] = 1
        return taken

    def share(self, block: int) -> None:
        """One more reference, to a held or a cached block."""
        if self.refs[block] == 0:
            assert self._stamp[block], "a free block cannot be shared"
            self._stamp[block] = 0
            self.idle -= 1
        self.refs[block] += 1

    def release(self, block: int, rank: Rank, pin_until: Nanoseconds = 0) -> None:
        """One reference less; without any, a block that has a key stays cached, another goes free."""
        assert self.refs[block] > 0, "a block was released twice"
        self.refs[block] -= 1
        if self.refs[block]:
            return
        if self.key_of[block] is None:
            self._free.append(block)
            self.freed.append(block)
        else:
            self._keep(block, rank, pin_until)

    def release_plain(self, blocks: list[int]) -> bool:
        """Frees blocks, the last one first, if each has one holder and no key; else False, and nothing is done."""
        refs = self.refs
        if set(map(self.key_of.__getitem__, blocks)) != {None} or set(map(refs.__getitem__, blocks)) != {1}:
            return False
        for block in blocks:
            refs[block] = 0
        self._free += blocks[::-1]
        self.freed += blocks[::-1]
        return True

    def publish(self, block: int, key: int) -> bool:
        """Enters a held block into the index; False when the key (or the block) is there already."""
        assert self.refs[block] > 0
        if key in self.index or self.key_of[block] is not None:
            return False
        self.index[key] = block
        self.key_of[block] = key
        return True

    def withdraw(self, block: int) -> None:
        """Takes a block with a single holder out of the index, because it will be written again."""
        assert self.refs[block] == 1
        key = self.key_of[block]
        if key is not None:
            del self.index[key]
            self.key_of[block] = None
            self.removals += 1

    def writable(self, block: int) -> bool:
        """Whether one holder may write into it: nobody else reads it, now or through the index."""
        return self.refs[block] == 1 and self.key_of[block] is None

    def drop_cache(self) -> None:
        """Frees every cached and pinned block."""
        while self.idle:
            block = self._evict()
            self._free.append(block)

    def take_freed(self) -> Iterable[int]:
        freed, self.freed = self.freed, []
        return freed

    def _keep(self, block: int, rank: Rank, pin_until: Nanoseconds) -> None:
        self._tick += 1
        self._stamp[block] = self._tick
        self.idle += 1
        if pin_until:
            heapq.heappush(self._pinned, (pin_until, self._tick, block))
        else:
            heapq.heappush(self._cached, (rank, self._tick, block))
        self._compact()

    def _evict(self) -> int:
        block = self._pop(self._cached)
        if block is None:
            block = self._pop(self._pinned)
        assert block is not None, "no block was available"
        key = self.key_of[block]
        assert key is not None
        del self.index[key]
        self.key_of[block] = None
        self._stamp[block] = 0
        self.idle -= 1
        self.removals += 1
        self.freed.append(block)
        return block

    def _pop(self, heap: list[tuple[Rank, int, int]]) -> int | None:
        while heap:
            _, stamp, block = heapq.heappop(heap)
            if self._stamp[block] == stamp:
                return block
        return None

    def _compact(self) -> None:
        """Outdated entries are dropped when they outnumber the valid ones."""
        if len(self._cached) + len(self._pinned) <= 2 * self.idle + 64:
            return
        self._cached = [entry for entry in self._cached if self._stamp[entry[2]] == entry[1]]
        self._pinned = [entry for entry in self._pinned if self._stamp[entry[2]] == entry[1]]
        heapq.heapify(self._cached)
        heapq.heapify(self._pinned)
