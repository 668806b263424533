"""KV memory of one engine: a pool per group, block lists of sequences, and the prefix index across groups.

Who may do what: `match` and `missing` only look. `seat_hit`, `extend` and `make_writable` take blocks that the step
has counted before. `tend` publishes full blocks and frees those that left a window. `release` gives back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as Indexed
from itertools import chain, repeat
from math import lcm
from typing import NamedTuple, Protocol

from doubletime.core.blocks import BlockPool, Rank
from doubletime.core.events import Request
from doubletime.core.plan import Copy
from doubletime.core.sequence import NEVER, Sequence
from doubletime.core.vocabulary import GroupKind, KVGroup, Limits

_KEY_MASK = (1 << 128) - 1
_KEY_STEP = 0x9E3779B97F4A7C15F39CC0605CEDC835

RankOf = Callable[[Sequence, int], Rank]


class Hit(NamedTuple):
    """The longest prefix that every group has cached, and its blocks (-1: outside the window, not needed).

    `tokens` is further than the blocks go where the rest of the KV comes from elsewhere.
    """

    tokens: int
    blocks: tuple[tuple[int, ...], ...]


class Keyed(Protocol):
    """Anything with keys, and the request that says how many tokens each is for."""

    @property
    def keys(self) -> Indexed[int]: ...
    @property
    def request(self) -> Request: ...


class Detached(NamedTuple):
    """Blocks that a sequence has given up: `tables[g]` are those from index `first[g]` of its list on."""

    seq: Sequence
    first: tuple[int, ...]
    tables: tuple[list[int], ...]


class Memory:
    """The pools of all groups. Nothing here decides; it counts, hands out and takes back."""

    def __init__(self, limits: Limits) -> None:
        self.groups = limits.groups
        self.pools = [BlockPool(count) for count in limits.blocks]
        self.grain = lcm(*(group.block_tokens for group in limits.groups))
        self.limbo = [0] * len(self.groups)  # blocks that return when a step in flight ends
        self.published = 0  # blocks that ever entered a prefix index
        self._only_size = limits.groups[0].block_tokens if len(limits.groups) == 1 else 0
        self._no_hit = Hit(0, tuple(() for _ in self.groups))
        self._prefix_groups = [g for g, group in enumerate(self.groups) if group.kind is not GroupKind.WINDOW]
        self._window_groups = [g for g, group in enumerate(self.groups) if group.kind is GroupKind.WINDOW]

    # ---- what a request needs

    def cannot_fit(self, prompt: int, limit: int) -> str | None:
        """Why a sequence could not even run alone, or None."""
        longest = prompt + limit - 1  # the last sampled token needs no KV
        for g, (group, pool) in enumerate(zip(self.groups, self.pools, strict=True)):
            need = live_blocks(group, longest)
            if need > pool.count:
                return (
                    f"{prompt} prompt + {limit} output tokens need {need} KV blocks "
                    f"of {group.block_tokens} tokens in group {g}; there are {pool.count}"
                )
        return None

    def missing(self, held: list[int], end: int, reserve: int) -> list[int]:
        """Blocks to allocate per group before positions up to `end` can be written.

        `held[g]` is the length of the block list (of the sequence, or of the hit it would start from); full groups
        allocate up to `reserve` when that is further.
        """
        need = []
        for g, group in enumerate(self.groups):
            upto = max(end, reserve) if group.kind is not GroupKind.WINDOW else end
            need.append(max(0, -(-upto // group.block_tokens) - held[g]))
        return need

    def next_blocks(self, seq: Sequence, position: int) -> list[int]:
        """Blocks to allocate per group before `position` can be written, where all before it can."""
        if self._only_size:
            return [1 if len(seq.tables[0]) * self._only_size <= position else 0]
        return [
            int(len(table) * group.block_tokens <= position)
            for table, group in zip(seq.tables, self.groups, strict=True)
        ]

    def most_at_once(self, first_live: tuple[int, ...]) -> int:
        """The position up to which one slab may reach, given the first live block per group, in an empty memory."""
        return min(
            (pool.count + first) * group.block_tokens
            for group, pool, first in zip(self.groups, self.pools, first_live, strict=True)
        )

    def first_live(self, tokens: int) -> tuple[int, ...]:
        """Per group the first block that a sequence with `tokens` computed still reads."""
        return tuple(first_live_block(group, tokens) for group in self.groups)

    def next_written(self, seq: Sequence, g: int) -> int | None:
        """The block in the list that the next computed token goes into, None if that is a new one."""
        at = seq.computed // self.groups[g].block_tokens
        return seq.tables[g][at] if at < len(seq.tables[g]) else None

    # ---- prefixes

    def start(self, seq: Sequence) -> Hit:
        """What a sequence without blocks starts from: cached blocks, and behind them KV that is preloaded."""
        hit = self.match(seq)
        if hit.tokens >= seq.preloaded:
            return hit
        blocks = []
        for g, cached in enumerate(hit.blocks):
            first = self._first(g, seq.preloaded)
            blocks.append((-1,) * first + cached[first:])
        return Hit(seq.preloaded, tuple(blocks))

    def match(self, seq: Sequence) -> Hit:
        """The prefix that a sequence without blocks could start from, short of its last token.

        Looks, and changes nothing but a memo.
        """
        most = min(seq.known - 1, len(seq.keys) * seq.request.key_tokens)
        if most < self.grain or not seq.request.take_hits:
            return self._no_hit
        counts = self._leading_blocks(seq, most)
        tokens = min((counts[i] * self.groups[g].block_tokens for i, g in enumerate(self._prefix_groups)), default=most)
        tokens = self._longest_in_windows(seq, tokens // self.grain * self.grain)
        return self._hit(seq, tokens) if tokens else self._no_hit

    def _leading_blocks(self, seq: Sequence, most: int) -> tuple[int, ...]:
        """Per prefix group how many leading blocks are cached; goes on from the last answer if nothing was removed."""
        removals = sum(self.pools[g].removals for g in self._prefix_groups)
        known = seq.match_memo[1] if seq.match_memo[0] == removals else (0,) * len(self._prefix_groups)
        counts = tuple(self._count(seq, g, most, start) for g, start in zip(self._prefix_groups, known, strict=True))
        seq.match_memo = (removals, counts)
        return counts

    def _count(self, seq: Sequence, g: int, most: int, start: int) -> int:
        size, index = self.groups[g].block_tokens, self.pools[g].index
        last = most // size
        count = min(start, last)
        while count < last and block_key(seq, size, count) in index:
            count += 1
        return count

    def _longest_in_windows(self, seq: Sequence, tokens: int) -> int:
        """The longest multiple of the grain up to `tokens` whose windows are cached in every window group."""
        if not tokens or not self._window_groups:
            return tokens
        runs = [self._runs(seq, g, tokens) for g in self._window_groups]
        while tokens and not all(
            run[tokens // self.groups[g].block_tokens] >= tokens // self.groups[g].block_tokens - self._first(g, tokens)
            for g, run in zip(self._window_groups, runs, strict=True)
        ):
            tokens -= self.grain
        return tokens

    def _first(self, g: int, tokens: int) -> int:
        return first_live_block(self.groups[g], tokens)

    def _runs(self, seq: Sequence, g: int, tokens: int) -> list[int]:
        """runs[i]: how many cached blocks end with block i - 1 without a gap."""
        size, index = self.groups[g].block_tokens, self.pools[g].index
        runs = [0]
        for i in range(tokens // size):
            runs.append(runs[-1] + 1 if block_key(seq, size, i) in index else 0)
        return runs

    def _hit(self, seq: Sequence, tokens: int) -> Hit:
        blocks = []
        for g, group in enumerate(self.groups):
            first, size, index = self._first(g, tokens), group.block_tokens, self.pools[g].index
            blocks.append(tuple(-1 if i < first else index[block_key(seq, size, i)] for i in range(tokens // size)))
        return Hit(tokens, tuple(blocks))

    # ---- taking and giving back

    def seat_hit(self, seq: Sequence, hit: Hit) -> None:
        """The sequence starts from a hit; its blocks get a reference each."""
        for g, blocks in enumerate(hit.blocks):
            assert not seq.tables[g]
            for block in blocks:
                if block >= 0:
                    self.pools[g].share(block)
            seq.tables[g].extend(blocks)
            seq.published[g] = len(blocks)
        seq.done = seq.computed = hit.tokens

    def share_prefix(self, parent: Sequence, child: Sequence, tokens: int) -> bool:
        """The child starts from the parent's blocks for `tokens` tokens; False if the parent no longer has them."""
        upto = [-(-tokens // group.block_tokens) for group in self.groups]
        for g, count in enumerate(upto):
            live = parent.tables[g][self._first(g, tokens) : count]
            if len(parent.tables[g]) < count or -1 in live:
                return False
        for g, count in enumerate(upto):
            first = self._first(g, tokens)
            child.tables[g] = [-1] * min(first, count) + parent.tables[g][first:count]
            for block in child.tables[g][first:]:
                self.pools[g].share(block)
            child.published[g] = tokens // self.groups[g].block_tokens
        child.done = child.computed = tokens
        return True

    def make_writable(self, seq: Sequence) -> list[Copy]:
        """Copy on write for the blocks that the next token goes into."""
        copies = []
        for g, pool in enumerate(self.pools):
            block = self.next_written(seq, g)
            if block is None or pool.writable(block):
                continue
            at = seq.computed // self.groups[g].block_tokens
            seq.published[g] = min(seq.published[g], at)
            if pool.refs[block] == 1:
                pool.withdraw(block)
                continue
            seq.tables[g][at] = pool.allocate()
            pool.release(block, 0.0)
            copies.append(Copy(g, block, seq.tables[g][at]))
        return copies

    def extend(self, seq: Sequence, need: Iterable[int]) -> None:
        """`need[g]` new blocks at the end of each block list."""
        for g, count in enumerate(need):
            if count:
                seq.tables[g] += self.pools[g].allocate_many(count)
        self.measure(seq)

    def measure(self, seq: Sequence) -> None:
        """Sets `room`: what can be written without asking again."""
        if seq.request.serial:
            return  # no room at any time: each of its steps is checked
        if self._only_size:
            seq.room = len(seq.tables[0]) * self._only_size
            return
        seq.room = min(len(table) * group.block_tokens for table, group in zip(seq.tables, self.groups, strict=True))

    def tend(self, seq: Sequence) -> None:
        """After results: publishes the blocks that became full, frees those that left their window."""
        self._publish(seq)
        for g in self._window_groups:
            self._slide(seq, g)
        seq.tend_at = self._next_tend(seq)

    def _publish(self, seq: Sequence) -> None:
        """A block enters the index when it is full in its group; `done` is full depth in every group."""
        keyed = min(seq.done, len(seq.keys) * seq.request.key_tokens)
        for g, group in enumerate(self.groups):
            size, table, pool = group.block_tokens, seq.tables[g], self.pools[g]
            for at in range(seq.published[g], keyed // size):
                if table[at] >= 0:
                    self.published += pool.publish(table[at], block_key(seq, size, at))
            seq.published[g] = max(seq.published[g], keyed // size)

    def _slide(self, seq: Sequence, g: int) -> None:
        table = seq.tables[g]
        at = min(self._first(g, seq.done), len(table)) - 1
        while at >= 0 and table[at] >= 0:
            self.pools[g].release(table[at], 0.0)
            table[at] = -1
            at -= 1

    def _next_tend(self, seq: Sequence) -> int:
        keyed = len(seq.keys) * seq.request.key_tokens
        at = NEVER
        for g, group in enumerate(self.groups):
            full = (seq.published[g] + 1) * group.block_tokens
            if full <= keyed:
                at = min(at, full)
            if group.window:
                at = min(at, (self._first(g, seq.done) + 1) * group.block_tokens + group.window - 1)
        return at

    def detach(self, seq: Sequence, keep: Iterable[int] | None = None) -> Detached:
        """Takes the blocks from `keep[g]` on (None: all) out of the block lists, without giving them back yet."""
        keep = tuple(keep) if keep is not None else (0,) * len(self.groups)
        tables = []
        for g, first in enumerate(keep):
            tables.append(seq.tables[g][first:])
            del seq.tables[g][first:]
            seq.published[g] = min(seq.published[g], first)
        return Detached(seq, keep, tuple(tables))

    def release(self, detached: Detached, rank: RankOf) -> None:
        """Gives detached blocks back, tail first, so that tails are reused first."""
        seq = detached.seq
        for pool, first, table in zip(self.pools, detached.first, detached.tables, strict=True):
            if not table or (-1 not in table and pool.release_plain(table)):
                continue
            for at in range(len(table) - 1, -1, -1):
                if table[at] >= 0:
                    pool.release(table[at], rank(seq, first + at), seq.pin_until)

    def enter_limbo(self, detached: Detached, sign: int) -> None:
        """Counts blocks that return when a step in flight ends (+1: they wait from now on, -1: no longer)."""
        for g, table in enumerate(detached.tables):
            self.limbo[g] += sign * sum(block >= 0 for block in table)

    def take_freed(self) -> tuple[tuple[int, int], ...]:
        """(group, block) of those that went free since the last call."""
        freed = chain.from_iterable(zip(repeat(g), pool.take_freed()) for g, pool in enumerate(self.pools))
        return tuple(freed)

    def drop_cache(self) -> None:
        """Frees all that no sequence holds."""
        for pool in self.pools:
            pool.drop_cache()


def live_blocks(group: KVGroup, tokens: int) -> int:
    """Most blocks that a sequence of `tokens` tokens holds at once when it is computed token by token."""
    need = -(-tokens // group.block_tokens)
    return min(need, -(-(group.window - 1) // group.block_tokens) + 1) if group.window else need


def first_live_block(group: KVGroup, computed: int) -> int:
    """The first block that the token at position `computed` reads; those before it have left the window."""
    return max(0, computed - group.window + 1) // group.block_tokens if group.window else 0


def block_key(seq: Keyed, size: int, at: int) -> int:
    """The key of block `at` of `size` tokens, derived from the request's keys, whatever their own block size.

    A block that ends inside a key's span takes the key of that span and its own end: two sequences share it only
    when they share the whole span.
    """
    end = (at + 1) * size
    span, rest = divmod(end, seq.request.key_tokens)
    if rest == 0:
        return seq.keys[span - 1]
    return seq.keys[span] + end * _KEY_STEP & _KEY_MASK
