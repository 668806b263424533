"""Where every sequence is, and how it gets from one state to another. Memory follows the states."""

from __future__ import annotations

from collections import deque

from doubletime.core.flight import Flight
from doubletime.core.memory import Detached, Memory
from doubletime.core.queue import WaitingQueue
from doubletime.core.sequence import Sequence
from doubletime.core.stack import Stack
from doubletime.core.vocabulary import Fate, Finish, Nanoseconds, State


class Roster:
    """A sequence is in exactly one state; running ones are decoding or prefilling or only have work in flight.

    `now` and `step` (the index of the next plan) are set by the scheduler.
    """

    def __init__(self, memory: Memory, stack: Stack) -> None:
        self.memory = memory
        self.stack = stack
        self.now: Nanoseconds = 0
        self.step = 0
        self.sequences: dict[int, Sequence] = {}
        self.requests: dict[int, list[Sequence]] = {}  # those that live
        self.waiting = WaitingQueue(stack.key, stack.fault)
        self.running: dict[int, Sequence] = {}  # in order of admission
        self.decoding: dict[int, Sequence] = {}  # the running ones whose next work is a decode
        self.prefilling: dict[int, Sequence] = {}  # the other running ones
        self.held: dict[int, Sequence] = {}
        self.flights: deque[Flight] = deque()
        self.open_rows = 0
        self.ends: list[int] = []  # sequences that the executor may forget
        self.ended: list[Sequence] = []  # sequences that ended since somebody asked
        self.drops: list[int] = []  # sequences whose block lists and open slab are void
        self._admissions = 0

    @property
    def any_runnable(self) -> bool:
        """There is work that could be planned now, memory permitting."""
        return bool(len(self.waiting)) or any(seq.runnable for seq in self.running.values())

    # ---- coming

    def add(self, seqs: list[Sequence]) -> None:
        """The sequences of a new request; the first computes the prompt."""
        self.requests[seqs[0].id] = list(seqs)
        for seq in seqs:
            self.sequences[seq.id] = seq
            self.stack.arrive(seq, self.now)
        self.refresh(seqs[0])

    def fork_siblings(self, seq: Sequence) -> None:
        """When the prompt is complete the other choices share its blocks and compute its last token themselves."""
        if seq.request.n == 1 or seq.choice or seq.done < seq.prompt:
            return
        for sibling in self.requests[seq.request.id]:
            if sibling.state is State.FORKING:
                self._fork(seq, sibling)

    def _fork(self, parent: Sequence, child: Sequence) -> None:
        child.state = State.WAITING
        if child.prompt > 1 and self.memory.share_prefix(parent, child, child.prompt - 1):
            child.hit_tokens = child.done
            child.state = State.HELD
            self.held[child.id] = child
        self.refresh(child)

    # ---- moving

    def refresh(self, seq: Sequence) -> None:
        """Puts a sequence where its state and progress say that it belongs."""
        if seq.final and seq.known and seq.computed == seq.length and not seq.in_flight and not seq.exhausted:
            self.keep_up_to(seq, seq.length - 1)  # its last token is computed again, for the logits
        if seq.open is not None:
            seq.room = 0  # an open slab is no plain decode
        if seq.state is State.RUNNING and not seq.runnable and not seq.in_flight:
            self._hold(seq)  # waits for somebody outside: nobody shall wait for its seat
        if seq.state is State.RUNNING:
            self._sort_running(seq)
        elif seq.runnable != (seq in self.waiting):
            (self.waiting.add if seq.runnable else self.waiting.remove)(seq)

    def _sort_running(self, seq: Sequence) -> None:
        decodes = seq.decoding and seq.runnable
        into, out = (self.decoding, self.prefilling) if decodes else (self.prefilling, self.decoding)
        out.pop(seq.id, None)
        if seq.exhausted:
            into.pop(seq.id, None)
        else:
            into[seq.id] = seq

    def seat(self, seq: Sequence) -> None:
        """A waiting or held sequence runs."""
        if seq in self.waiting:
            self.waiting.remove(seq)
        self.held.pop(seq.id, None)
        seq.state = State.RUNNING
        seq.admitted = self._admissions
        self._admissions += 1
        self.running[seq.id] = seq

    def preempt(self, seq: Sequence, fate: Fate) -> None:
        """A running (or, to recompute, a held) sequence gives way."""
        self._unseat(seq)
        seq.preemptions += 1
        if fate is Fate.HOLD:
            self._hold(seq)
        else:
            seq.recomputed += seq.done
            seq.parked = not seq.final and seq.todo == 0
            self._drop_kv(seq)
            seq.state = State.WAITING
        self.refresh(seq)

    def take_back(self, seq: Sequence) -> None:
        """What was planned for a sequence in steps that did not run to their end is forgotten."""
        if seq.finish is not None:
            return
        self.open_rows -= seq.open.tokens if seq.open else 0
        seq.back_to_settled()
        self.open_rows += seq.open.tokens if seq.open else 0
        self.refresh(seq)

    def _hold(self, seq: Sequence) -> None:
        self._unseat(seq)
        seq.state = State.HELD
        self.held[seq.id] = seq

    def _unseat(self, seq: Sequence) -> None:
        for place in (self.running, self.decoding, self.prefilling, self.held):
            place.pop(seq.id, None)

    # ---- losing progress

    def truncate(self, seq: Sequence, length: int) -> None:
        """Only the first `length` tokens stay; work in flight on the sequence is void."""
        self._close(seq)
        seq.void_from = seq.fresh_from = self.step
        seq.final = seq.final and length >= seq.prompt
        seq.output = max(0, length - seq.prompt)
        seq.prompt = min(seq.prompt, length)
        del seq.keys[length // seq.request.key_tokens :]
        seq.parked = False
        seq.preloaded = min(seq.preloaded, max(0, length - 1))
        self.keep_up_to(seq, min(seq.done, length - seq.final))
        seq.back_to_settled()
        self.refresh(seq)

    def keep_up_to(self, seq: Sequence, tokens: int) -> None:
        """KV of the first `tokens` tokens stays, if what a window needs of it is still there; else none does."""
        self.drops.append(seq.id)
        first = self.memory.first_live(tokens)
        keep = [-(-tokens // group.block_tokens) for group in self.memory.groups]
        if any(-1 in table[a:b] for table, a, b in zip(seq.tables, first, keep, strict=True)):
            tokens, keep = 0, [0] * len(keep)
        self._give_back(seq, self.memory.detach(seq, keep))
        seq.done = seq.computed = tokens
        seq.announced = False
        seq.room = 0
        seq.tend_at = 0
        seq.match_memo = (-1, ())
        if not tokens and seq.state is State.HELD:
            self.held.pop(seq.id)
            seq.state = State.WAITING

    def _drop_kv(self, seq: Sequence) -> None:
        self.drops.append(seq.id)
        self._close(seq)
        self._give_back(seq, self.memory.detach(seq))
        seq.forget_progress()
        seq.fresh_from = self.step

    def _close(self, seq: Sequence) -> None:
        self.open_rows -= seq.open.tokens if seq.open else 0
        seq.open = seq.settled_open = None

    # ---- leaving

    def finish(self, seq: Sequence, reason: Finish) -> None:
        """A sequence ends, in whatever state it is."""
        self._unseat(seq)
        if seq in self.waiting:
            self.waiting.remove(seq)
        seq.pin_until = max(seq.pin_until, self.stack.left(seq, self.now))
        self._close(seq)
        self._give_back(seq, self.memory.detach(seq))
        seq.state, seq.finish = State.FINISHED, reason
        self.ends.append(seq.id)
        self.ended.append(seq)
        del self.sequences[seq.id]
        self._leave_request(seq)

    def _leave_request(self, seq: Sequence) -> None:
        """Siblings that waited for this one's prompt compute it themselves."""
        siblings = self.requests[seq.request.id]
        siblings.remove(seq)
        if not siblings:
            del self.requests[seq.request.id]
        if seq.choice == 0:
            for sibling in siblings:
                if sibling.state is State.FORKING:
                    sibling.state = State.WAITING
                    self.refresh(sibling)

    # ---- memory that steps in flight still use

    def _give_back(self, seq: Sequence, detached: Detached) -> None:
        if not seq.in_flight:
            self.memory.release(detached, self.stack.rank)
            return
        self.memory.enter_limbo(detached, +1)
        next(flight for flight in self.flights if flight.step == seq.last_step).limbo.append(detached)

    def let_go(self, flight: Flight) -> None:
        """A step has ended: the blocks that it still used are given back."""
        for detached in flight.limbo:
            self.memory.enter_limbo(detached, -1)
            self.memory.release(detached, self.stack.rank)
