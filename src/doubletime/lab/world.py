"""A small world around one engine in virtual time: requests with contents, a device that checks every read and write,
and the invariants that must hold after every turn. Property tests and the policy conformance suite drive it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from doubletime.core.events import Append, Arrive, Cancel, Event, Ready, Request, Row, Truncate, event_from_json
from doubletime.core.events import event_to_json as to_json
from doubletime.core.loop import Engine
from doubletime.core.plan import Plan
from doubletime.core.policy import Policy
from doubletime.core.rng import Purpose, bits
from doubletime.core.scheduler import Scheduler
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import SLO, Finish, Limits, Nanoseconds, State
from doubletime.executors.checked import Device
from doubletime.executors.scripted import ScriptedExecutor

KEY_TOKENS = 4
VOCABULARY = 7


@dataclass(slots=True)
class Text:
    """The tokens of one sequence and, cached, a chained hash of every prefix."""

    request: Request
    choice: int
    prompt: list[int]
    end_token: int
    sampled: int = 0  # results seen
    told_keys: int = 0
    final: bool = True
    _chain: list[int] = field(default_factory=list)

    def token(self, position: int) -> int:
        """Sampled tokens depend on the seed, the choice and the position, as in a real engine."""
        if position < len(self.prompt):
            return self.prompt[position]
        return bits(self.request.seed, self.choice, position, Purpose.SAMPLE) % VOCABULARY

    def content(self, end: int) -> list[int]:
        for position in range(len(self._chain), end):
            before = self._chain[-1] if self._chain else 0
            text = f"{before}/{self.token(position)}".encode()
            self._chain.append(int.from_bytes(blake2b(text, digest_size=16).digest()))
        return self._chain[:end]

    def keys(self, first: int, length: int) -> tuple[int, ...]:
        """Keys of the whole spans from span `first` on that lie within the first `length` tokens."""
        chain = self.content(length)
        return tuple(chain[end - 1] for end in range((first + 1) * KEY_TOKENS, length + 1, KEY_TOKENS))

    def replace_from(self, at: int, tokens: Sequence[int]) -> None:
        """The prompt becomes its first `at` tokens and `tokens`."""
        self.prompt = self.prompt[:at] + list(tokens)
        del self._chain[at:]

    @property
    def length(self) -> int:
        return len(self.prompt) + self.sampled

    @property
    def expected(self) -> tuple[int, Finish]:
        """How many tokens it samples if it is left alone, and why it ends."""
        start = len(self.prompt)
        for count in range(1, self.request.limit + 1):
            if self.token(start + count - 1) == self.end_token:
                return count, Finish.STOP
        return self.request.limit, Finish.LENGTH


@dataclass(slots=True)
class Tape:
    """An in-memory recording: each event with the step that first saw it, each plan."""

    events: list[tuple[int, Event]] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)

    def event(self, step: int, event: Event) -> None:
        self.events.append((step, event))

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        self.plans.append(plan)


def default_duration(plan: Plan) -> Nanoseconds:
    """Some time per step and per token, weighted by depth."""
    depth = sum(slab.tokens * (slab.bottom - slab.top) for slab in plan.slabs)
    return 200_000 + 50_000 * depth // plan.depth


class World:
    """One engine under test. Time passes only in `turn`."""

    def __init__(
        self,
        limits: Limits,
        policies: tuple[Policy, ...],
        in_flight: int = 1,
        duration: Callable[[Plan], Nanoseconds] = default_duration,
    ) -> None:
        self.limits = limits
        self.texts: dict[int, Text] = {}
        self.tape = Tape()
        self.source = VirtualSource()
        self.scheduler = Scheduler(limits, policies)
        self._preloads: dict[int, int] = {}
        device = Device(limits, lambda seq, end: self.texts[seq].content(end), lambda seq: self._preloads.pop(seq, 0))
        self.executor = ScriptedExecutor(limits, self.source, duration, self._rows, device)
        self.engine = Engine(self.scheduler, self.executor, self.source, in_flight=in_flight, recorder=self.tape)
        self._next_id = 0

    # ---- what happens

    def arrive(
        self,
        prompt: Sequence[int],
        limit: int,
        *,
        n: int = 1,
        delay: Nanoseconds = 0,
        final: bool = True,
        end_token: int = -1,
        priority: int = 0,
        serial: bool = False,
        ready: bool = True,
        take_hits: bool = True,
        ttft: Nanoseconds | None = None,
        seed: int = 0,
        preloaded: int = 0,
    ) -> int:
        """A request; its id. `end_token` ends a sequence when sampled."""
        request_id, self._next_id = self._next_id, self._next_id + n
        bare = Request(request_id, len(prompt), limit, n)
        keys = Text(bare, 0, list(prompt), end_token).keys(0, len(prompt))
        request = Request(
            request_id, len(prompt), limit, n, keys, KEY_TOKENS, final, take_hits, serial, ready, priority=priority,
            slo=SLO(ttft=ttft), seed=seed, preloaded=preloaded,
        )  # fmt: skip
        self._preloads[request_id] = preloaded
        for choice in range(n):
            text = Text(request, choice, list(prompt), end_token, told_keys=len(keys), final=final)
            self.texts[request_id + choice] = text
        self.source.post(Arrive(self.source.now + delay, request))
        return request_id

    def cancel(self, request: int) -> None:
        self._now(Cancel(self.source.now, request))

    def ready(self, seq: int) -> None:
        self._now(Ready(self.source.now, seq))

    def append(self, seq: int, tokens: Sequence[int], *, final: bool) -> None:
        """More prompt for a sequence whose prompt is open."""
        text = self.texts[seq]
        text.replace_from(len(text.prompt), tokens)
        keys = text.keys(text.told_keys, len(text.prompt))
        text.told_keys += len(keys)
        text.final = final
        self._now(Append(self.source.now, seq, len(tokens), keys, final))

    def truncate(self, seq: int, length: int) -> None:
        """Cuts a sequence; in the prompt, or in what it has sampled."""
        text = self.texts[seq]
        if length >= text.length:
            return
        self._now(Truncate(self.source.now, seq, length))
        self._preloads[seq] = min(self._preloads.get(seq, 0), max(0, length - 1))
        text.sampled = max(0, length - len(text.prompt))
        if length < len(text.prompt):
            text.replace_from(length, ())
            text.final = False
        text.told_keys = length // KEY_TOKENS

    def open_prompts(self) -> list[int]:
        """Living sequences whose prompt may still grow."""
        return [seq for seq in self.scheduler.roster.sequences if not self.texts[seq].final]

    def turn(self) -> bool:
        """One turn of the engine, and all invariants. False when nothing will happen any more."""
        went_on = self.engine.turn()
        self.check()
        return went_on

    def finish_all(self, most_turns: int = 2_000) -> None:
        """Closes what is open and runs to the end; raises if it takes too long or anything is left over."""
        for _ in range(most_turns):
            if not self.turn():
                self._close_open()
                if not self.turn():
                    break
        else:
            raise AssertionError(f"no end after {most_turns} turns: {list(self.scheduler.roster.sequences.values())}")
        assert not self.scheduler.roster.sequences, f"left over: {list(self.scheduler.roster.sequences.values())}"
        self._check_empty()

    def _close_open(self) -> None:
        for seq in list(self.scheduler.roster.sequences.values()):
            if not self.texts[seq.id].final:
                self.append(seq.id, [1], final=True)
            if seq.busy:
                self.ready(seq.id)

    def _now(self, event: Event) -> None:
        self.source.post(event)

    # ---- what the executor answers

    def _rows(self, plan: Plan) -> tuple[Row, ...]:
        return tuple(filter(None, (self._row(slab.seq, plan.step) for slab in plan.slabs if slab.samples)))

    def _row(self, seq_id: int, step: int) -> Row | None:
        text, seq = self.texts[seq_id], self.scheduler.roster.sequences.get(seq_id)
        if seq is None or step < seq.void_from:
            return None
        text.sampled += 1
        stop = text.token(text.length - 1) == text.end_token
        keys = text.keys(text.told_keys, text.length)
        text.told_keys += len(keys)
        return Row(seq_id, None, Finish.STOP if stop else None, keys) if stop or keys else None

    # ---- invariants

    def check(self) -> None:
        """Everything that must hold between turns."""
        self._check_states()
        self._check_blocks()

    def _check_states(self) -> None:
        core = self.scheduler.roster
        for seq in core.sequences.values():
            assert seq.computed <= seq.length, seq
            assert seq.done <= seq.known, seq
            assert (seq.id in core.running) == (seq.state is State.RUNNING), seq
            assert (seq.id in core.held) == (seq.state is State.HELD), seq
            assert (seq.id in core.decoding) + (seq.id in core.prefilling) <= (seq.state is State.RUNNING), seq
            assert (seq in core.waiting) == (seq.state in (State.WAITING, State.HELD) and seq.runnable), seq
            assert seq.state in (State.RUNNING, State.HELD) or not any(seq.tables), seq
            in_flight = sum(seq in flight.seqs and flight.step >= seq.void_from for flight in core.flights)
            assert seq.in_flight == in_flight or any(flight.revoked for flight in core.flights), seq
        assert len(core.running) <= self.limits.max_seats
        assert core.open_rows == sum(seq.open.tokens for seq in core.sequences.values() if seq.open)
        assert core.open_rows <= self.limits.max_open_rows

    def _check_blocks(self) -> None:
        """References equal the block lists that name the block, and every block is accounted for."""
        core = self.scheduler.roster
        for g, pool in enumerate(core.memory.pools):
            lists = [seq.tables[g] for seq in core.sequences.values()]
            lists += [detached.tables[g] for flight in core.flights for detached in flight.limbo]
            refs = [0] * pool.count
            for block in (block for table in lists for block in table if block >= 0):
                refs[block] += 1
            assert refs == pool.refs, f"group {g}: {refs} in lists, {pool.refs} counted"
            cached = sum(key is not None and count == 0 for key, count in zip(pool.key_of, refs, strict=True))
            assert pool.idle == cached
            assert pool.free + cached + sum(map(bool, refs)) == pool.count
            assert all(pool.key_of[block] == key for key, block in pool.index.items())
            waiting = sum(b >= 0 for flight in core.flights for d in flight.limbo for b in d.tables[g])
            assert core.memory.limbo[g] == waiting

    def _check_empty(self) -> None:
        self.scheduler.memory.drop_cache()
        assert all(pool.free == pool.count for pool in self.scheduler.memory.pools), "a block is lost"
        assert self.scheduler.roster.open_rows == 0
        assert not self.scheduler.in_flight


def replay(world: World, policies: tuple[Policy, ...]) -> list[Plan]:
    """Feeds a world's tape, through JSON, to a fresh scheduler; the plans that it makes."""
    scheduler = Scheduler(world.limits, policies)
    plans: list[Plan] = []
    for step, event in world.tape.events:
        while scheduler.step < step:
            plans.append(scheduler.plan())
        scheduler.apply(event_from_json(json.loads(json.dumps(to_json(event)))))
    while scheduler.step < len(world.tape.plans):
        plans.append(scheduler.plan())
    return plans
