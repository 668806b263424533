"""Counting memory for a step under construction: what would be available if the step were committed as it stands."""

from __future__ import annotations

from collections.abc import Iterable

from doubletime.core.memory import Hit, Memory
from doubletime.core.sequence import Sequence

_Block = tuple[int, int]  # (group, block)


class StagedMemory:
    """Counts only. The commit that follows never needs more than was counted; it may need less."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._pools = memory.pools
        self.available = [pool.available for pool in memory.pools]
        self._returning = list(memory.limbo)  # blocks that steps in flight still hold
        self._short = [0] * len(memory.pools)
        self._delta: dict[_Block, int] = {}  # references given and taken in this step
        self._claimed: dict[_Block, int] = {}  # cached blocks that will be written, and by whom
        self._taken: dict[int, list[int]] = {}

    @property
    def wait_is_enough(self) -> bool:
        """What was short at the last refusal comes back when the steps in flight end."""
        return any(self._returning) and all(
            short <= returning for short, returning in zip(self._short, self._returning, strict=True)
        )

    def usable(self, hit: Hit | None) -> bool:
        """Whether no block of the hit is about to be written by its only holder."""
        if hit is None or not self._claimed:
            return True
        return not any((g, block) in self._claimed for g, blocks in enumerate(hit.blocks) for block in blocks)

    def take(self, seq: Sequence, need: list[int], hit: Hit | None) -> bool:
        """Counts `need[g]` new blocks, copies on write, and what a hit locks; False if there are too few."""
        if not self._enough(need):
            return False
        plain = [count + copy for count, copy in zip(need, self._copies(seq), strict=True)] if not hit else list(need)
        locks = self._locks(hit)
        if not self._enough([count + lock for count, lock in zip(plain, locks, strict=True)]):
            return False
        self._taken[seq.id] = plain
        self._charge(plain, -1)
        self._charge(locks, -1)
        self._shift(hit, +1)
        self._claim(seq, hit)
        return True

    def grow(self, seq: Sequence) -> bool:
        """Counts the next block of a sequence that only goes on; False if there is none."""
        need = self._memory.next_blocks(seq, seq.computed)
        for count, have in zip(need, self.available, strict=True):
            if count > have:
                return False
        self._taken[seq.id] = need
        self._charge(need, -1)
        return True

    def taken(self, seq: Sequence) -> list[int] | None:
        """What was counted for a sequence in this step."""
        return self._taken.get(seq.id)

    def all_taken(self) -> Iterable[tuple[int, list[int]]]:
        """What was counted, by sequence, in the order of asking."""
        return self._taken.items()

    def undo(self, seq: Sequence, hit: Hit | None) -> None:
        """The inverse of `take`."""
        self._charge(self._taken.pop(seq.id), +1)
        self._shift(hit, -1)
        self._charge(self._locks(hit), +1)
        self._claimed = {block: holder for block, holder in self._claimed.items() if holder != seq.id}

    def give_back(self, seq: Sequence) -> None:
        """A preempted sequence drops its blocks; those of one in flight come back later."""
        for g, table in enumerate(seq.tables):
            live = [block for block in table if block >= 0]
            if seq.in_flight:
                self._returning[g] += len(live)
                continue
            for block in live:
                self._delta[g, block] = self._delta.get((g, block), 0) - 1
                self.available[g] += self._refs(g, block) == 0

    def _enough(self, counts: list[int]) -> bool:
        self._short = [count - have for count, have in zip(counts, self.available, strict=True)]
        return max(self._short) <= 0

    def _refs(self, g: int, block: int) -> int:
        return self._pools[g].refs[block] + self._delta.get((g, block), 0)

    def _copies(self, seq: Sequence) -> list[int]:
        if seq.computed < seq.room:
            return [0] * len(self._pools)
        written = [self._memory.next_written(seq, g) for g in range(len(self._pools))]
        return [int(block is not None and self._refs(g, block) > 1) for g, block in enumerate(written)]

    def _locks(self, hit: Hit | None) -> list[int]:
        """Blocks of the hit per group that nobody else would hold."""
        if hit is None or not hit.tokens:
            return [0] * len(self._pools)
        return [sum(b >= 0 and self._refs(g, b) == 0 for b in blocks) for g, blocks in enumerate(hit.blocks)]

    def _shift(self, hit: Hit | None, by: int) -> None:
        for g, blocks in enumerate(hit.blocks if hit else ()):
            for block in blocks:
                if block >= 0:
                    self._delta[g, block] = self._delta.get((g, block), 0) + by

    def _claim(self, seq: Sequence, hit: Hit | None) -> None:
        if hit is not None or seq.computed < seq.room:
            return
        for g, pool in enumerate(self._pools):
            block = self._memory.next_written(seq, g)
            if block is not None and pool.key_of[block] is not None and self._refs(g, block) == 1:
                self._claimed[g, block] = seq.id

    def _charge(self, counts: list[int], sign: int) -> None:
        for g, count in enumerate(counts):
            self.available[g] += sign * count
