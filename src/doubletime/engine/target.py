"""The engine in this process as the target of a benchmark: it has a thread of its own, and its plans are observed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from doubletime.core.loop import Recorder
from doubletime.core.vocabulary import Finish, Nanoseconds
from doubletime.decoding.params import SamplingParams
from doubletime.engine.build import build
from doubletime.engine.config import EngineConfig
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.engine.summary import summary
from doubletime.lab.bench.target import News, drain
from doubletime.lab.metrics import Outcome
from doubletime.lab.observer import Observer, Recorders
from doubletime.lab.result import EngineFacts
from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.prompts import Prompts
from doubletime.lab.workload.readers.common import Encode

_SPECIAL = 16  # token ids from 0 on that are left out of random prompts: most vocabularies begin with special ones
_FIRST = 1  # handle, and request id, of the first request that counts; 0 is the warm-up
_WARM_UP = (64, 8)  # tokens of prompt and output: the first steps of a process are slow

_OUTCOMES = {
    Finish.STOP: Outcome.COMPLETED,
    Finish.LENGTH: Outcome.COMPLETED,
    Finish.CANCEL: Outcome.CANCELLED,
    Finish.ERROR: Outcome.FAILED,
}


@dataclass(frozen=True, slots=True)
class _Live:
    ticket: Ticket
    prompt: tuple[int, ...]
    answer: list[int] = field(default_factory=list)


class EngineTarget:
    """Loads the model, warms it up, and counts from then on. Raises ValueError or OSError that says what is wrong."""

    def __init__(self, config: EngineConfig) -> None:
        self._news: SimpleQueue[News] = SimpleQueue()
        self._broken: BaseException | None = None
        self._warm: Update | None = None
        self._live: dict[int, _Live] = {}
        self._running = build(config, self._take)
        vocab = self._running.model.shape.vocab
        self._prompts = Prompts(min(_SPECIAL, vocab - 1), vocab, config.seed)
        self._warm_up()
        self._observer = Observer(time.monotonic_ns)
        engine = self._running.engine
        self._planned_before = engine.planning_ns
        engine.recorder = Recorders(engine.recorder, self._observer) if engine.recorder else self._observer
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def policy(self) -> str:
        return str(self._running.engine.scheduler.stack.name)

    @property
    def encode(self) -> Encode | None:
        """The model's tokenizer, None if it has none."""
        tokenizer = self._running.tokenizer
        return tokenizer.encode if tokenizer else None

    @property
    def summary(self) -> str:
        """A line for people."""
        return summary(self._running)

    @property
    def config(self) -> dict[str, Any]:
        limits = self._running.limits
        return self._running.about | {
            "kv_blocks": list(limits.blocks),
            "block_tokens": [group.block_tokens for group in limits.groups],
            "max_model_len": limits.max_length,
            "max_seats": limits.max_seats,
            "max_rows": limits.max_rows,
            "in_flight": self._running.engine.in_flight,
        }

    def send(self, ticket: Ticket) -> None:
        prompt, job = self._prompts.tokens(ticket), ticket.job
        self._live[ticket.number] = _Live(ticket, prompt)
        params = SamplingParams(temperature=0, max_tokens=job.output, ignore_eos=True)
        handle = _FIRST + ticket.number
        self._put(Submit(handle, prompt, params, job.priority, job.tenant, job.program, job.slo))

    def cancel(self, number: int) -> None:
        if live := self._live.pop(number, None):
            self._prompts.forget(live.ticket)
        self._put(Abort(_FIRST + number))

    def poll(self, timeout_s: float | None) -> list[News]:
        news = drain(self._news, timeout_s)
        if self._broken is not None:
            raise RuntimeError(f"the engine broke: {self._broken}") from self._broken
        for item in news:
            live = self._live.pop(item.number, None) if item.outcome is not None else None
            if live is not None and item.outcome is Outcome.COMPLETED:
                self._prompts.answered(live.ticket, live.prompt, live.answer)
            elif live is not None:
                self._prompts.forget(live.ticket)
        return news

    def watch(self, recorder: Recorder) -> None:
        """One more recorder of events and plans; before the first request is sent."""
        engine = self._running.engine
        engine.recorder = Recorders(engine.recorder, recorder) if engine.recorder else recorder

    def facts(self) -> EngineFacts:
        return self._observer.facts(self._running.engine.planning_ns - self._planned_before)

    def lag(self) -> None:
        """The engine takes the times itself."""

    def close(self) -> None:
        self._put(Close())
        self._thread.join()
        self._running.close()

    # ---- on the engine's thread

    def _run(self) -> None:
        try:
            self._running.engine.run()
        except BaseException as error:
            self._broken = error
            self._news.put(News(-1, time.monotonic_ns()))  # wakes the client

    def _take(self, updates: list[Update]) -> None:
        now = time.monotonic_ns()
        for update in updates:
            number = update.handle - _FIRST
            live = self._live.get(number)
            if number < 0:
                self._warm = update
            elif live is not None:
                live.answer.extend(update.tokens)
                self._news.put(self._told(number, now, update))

    def _told(self, number: int, now: Nanoseconds, update: Update) -> News:
        if update.finish is None:
            return News(number, now, len(update.tokens))
        outcome = Outcome.REFUSED if update.refused else _OUTCOMES[update.finish]
        first_slab = self._observer.first_slabs.pop(_FIRST + number, None)  # the host numbers requests as they come in
        return News(number, now, len(update.tokens), outcome, update.error, None, first_slab)

    # ---- before it

    def _warm_up(self) -> None:
        """One short request, driven from here. Raises ValueError if even that is refused."""
        longest = self._running.limits.max_length
        job = Job(max(1, min(_WARM_UP[0], longest // 2)), max(1, min(_WARM_UP[1], longest // 2)))
        params = SamplingParams(temperature=0, max_tokens=job.output, ignore_eos=True)
        self._put(Submit(0, self._prompts.tokens(Ticket(-1, 0, job, Session(0, (job,)), 0, 0)), params))
        while self._warm is None or self._warm.finish is None:
            self._running.engine.turn()
            self._running.host.tell()
        if self._warm.error:
            raise ValueError(self._warm.error)

    def _put(self, message: Submit | Abort | Close) -> None:
        self._running.host.inbox.put(message)
