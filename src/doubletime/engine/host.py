"""Where real time meets the core: messages and step outputs become events, results become news for the submitters.

The host is the engine loop's source and its executor: it passes plans on and remembers who was in them. Its inbox is
the only thing that other threads touch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from doubletime.core.events import Arrive, Cancel, Event, Request, Result, Row, Timer
from doubletime.core.plan import Plan
from doubletime.core.rng import Purpose, bits
from doubletime.core.sequence import Sequence as Ended
from doubletime.core.vocabulary import Finish, Nanoseconds, Slab
from doubletime.decoding.detokenizer import Vocabulary
from doubletime.decoding.keys import KeyChain
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.pooling import PoolingParams
from doubletime.decoding.sampling import Sampling, sampling_of
from doubletime.decoding.structured.compiler import Compiler
from doubletime.decoding.structured.matcher import Grammar
from doubletime.decoding.text import OutputText
from doubletime.engine.choice import Choice
from doubletime.engine.grammars import Compiled, Grammars
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.engine.monitor.messages import Inspect, Snapshot
from doubletime.engine.monitor.monitor import Monitor
from doubletime.engine.pooling import Embedding, readout_of
from doubletime.executors.device import ExecutorLost
from doubletime.executors.output import StepOutput
from doubletime.executors.torch_executor import TorchExecutor

KEY_TOKENS = 16
_CONTEXT = 8  # prompt tokens that the detokenizer may need to see

Message = Submit | Abort | Close | Compiled | StepOutput | Inspect


class Host:
    """Source and executor of one engine. `emit` gets the news of each batch of messages at once."""

    def __init__(
        self,
        emit: Callable[[list[Update]], None],
        *,
        vocabulary: Vocabulary | None,
        eos: frozenset[int],
        seed: int,
        compiler: Compiler | None = None,
    ) -> None:
        self.inbox: SimpleQueue[Message] = SimpleQueue()
        self.executor: TorchExecutor | None = None
        self._monitor: Monitor | None = None
        self._answer: Callable[[Snapshot], None] | None = None
        self._emit = emit
        self._vocabulary = vocabulary
        self._eos = eos
        self._seed = seed
        self._grammars = Grammars(compiler, self.inbox.put)
        self._compiling: dict[int, int] = {}  # handle → n; these requests have not arrived yet
        self._began = time.monotonic_ns()
        self._next_id = 0
        self._choices: dict[int, Choice | Embedding] = {}  # by sequence
        self._requests: dict[int, tuple[int, int]] = {}  # handle → (request, n)
        self._in_step: dict[int, tuple[int, ...]] = {}  # step → sequences
        self._waiting: dict[int, int] = {}  # request → handle, until its first step
        self._news: list[Update] = []
        self._closed = False

    def watched(self, monitor: Monitor, answer: Callable[[Snapshot], None]) -> None:
        """Tells a monitor what the core does not; `answer` gets what it says to whoever asks."""
        self._monitor, self._answer = monitor, answer

    # ---- the engine loop's executor

    def dispatch(self, plan: Plan) -> None:
        self._in_step[plan.step] = tuple(slab.seq for slab in plan.slabs)
        if self._waiting:
            self._begin(plan.work)
        self._torch.dispatch(plan)

    def _begin(self, slabs: Sequence[Slab]) -> None:
        """What is before the first slab of a request was hit."""
        for slab in slabs:
            if slab.seq in self._waiting:
                self._news.append(Update(self._waiting.pop(slab.seq), 0, began=True, cached=slab.start))

    def stop(self, step: int) -> None:
        self._torch.stop(step)

    @property
    def _torch(self) -> TorchExecutor:
        assert self.executor is not None, "the executor is set before the engine runs"
        return self.executor

    # ---- the engine loop's source

    def take(self, wake: Nanoseconds | None) -> Sequence[Event] | None:
        """Waits for the first message, takes all that are there, and turns them into events."""
        self.tell()
        if self._closed and not self._in_step:
            return None
        first = self._wait(wake)
        if first is None:
            return [Timer(self._now())]
        events = self._translate(first)
        while True:
            try:
                events += self._translate(self.inbox.get_nowait())
            except Empty:
                return events

    def refused(self, request: int, reason: str) -> None:
        """The core does not take a request."""
        choice = self._choices[request]
        self._news.append(_refusal(choice.handle, reason))
        self._forget(choice.handle)
        if self._monitor:
            self._monitor.refused(request)

    def ended(self, seq: Ended) -> None:
        """Its submitter has been told already, with the token that ended it."""
        if self._monitor:
            self._monitor.ended(seq)

    @property
    def idle(self) -> bool:
        """No request lives."""
        return not self._requests and not self._compiling

    def tell(self) -> None:
        """Emits what is new. Called before every wait, and by whoever drives the loop turn by turn."""
        news, self._news = self._news, []
        if news:
            self._emit(news)

    def _wait(self, wake: Nanoseconds | None) -> Message | None:
        """Questions are answered on the side: they are no reason to plan."""
        while True:
            try:
                message = self.inbox.get(timeout=None if wake is None else max(0, wake - self._now()) / 1e9)
            except Empty:
                return None
            if not isinstance(message, Inspect):
                return message
            self._inspect(message)

    def _inspect(self, ask: Inspect) -> None:
        if self._monitor and self._answer:
            self._answer(self._monitor.snapshot(ask, self._now()))

    def _now(self) -> Nanoseconds:
        return time.monotonic_ns() - self._began

    def _translate(self, message: Message) -> list[Event]:
        match message:
            case Submit():
                return self._arrive(message)
            case Abort():
                return self._cancel(message.handle)
            case Compiled():
                return self._compiled(message)
            case StepOutput():
                return [self._result(message)]
            case Inspect():
                self._inspect(message)
                return []
            case Close():
                self._closed = True
                living = [*self._requests, *self._compiling]
                self._grammars.close()
                return [event for handle in living for event in self._cancel(handle)]

    # ---- requests

    def _arrive(self, submit: Submit) -> list[Event]:
        """The Arrive event; none if the request itself is broken, which its submitter is told.

        None yet for one whose grammar must be compiled: it arrives with that.
        """
        try:
            spec = submit.params.structured if isinstance(submit.params, SamplingParams) else None
            if spec is None:
                return [self._admit(submit)]
            self._grammars.ask(submit, spec)
            self._compiling[submit.handle] = submit.params.n
            return []
        except Exception as error:
            self._news.append(_refusal(submit.handle, str(error)))
            return []

    def _compiled(self, done: Compiled) -> list[Event]:
        submit = done.submit
        if submit.handle not in self._compiling:
            return []  # it was cancelled meanwhile
        del self._compiling[submit.handle]
        try:
            if done.error:
                raise ValueError(done.error)
            return [self._admit(submit, done.grammar)]
        except Exception as error:
            self._news.append(_refusal(submit.handle, str(error)))
            return []

    def _admit(self, submit: Submit, grammar: Grammar | None = None) -> Event:
        params = submit.params
        chain = KeyChain(KEY_TOKENS)
        keys = chain.extend(submit.prompt)
        choices = [self._choice(submit, index, chain.copy()) for index in range(params.n)]
        request_id, self._next_id = self._next_id, self._next_id + params.n
        seed = self._seed_of(request_id, params)
        readouts = [readout_of(params, index) for index in range(params.n)]
        for seq, (choice, readout) in enumerate(zip(choices, readouts, strict=True), start=request_id):
            self._torch.admit(seq, submit.prompt, self._sampling(params, seed, choice.index, grammar), readout)
            self._choices[seq] = choice
        self._requests[submit.handle] = (request_id, params.n)
        self._waiting[request_id] = submit.handle
        if self._monitor:
            self._monitor.named(request_id, submit.name)
        request = Request(
            request_id, len(submit.prompt), max(1, params.max_tokens), params.n, keys, KEY_TOKENS,
            take_hits=not any(readout and readout.every_row for readout in readouts), generates=params.max_tokens > 0,
            priority=submit.priority, tenant=submit.tenant, program=submit.program, slo=submit.slo,
            seed=seed & (1 << 64) - 1,
        )  # fmt: skip
        return Arrive(self._now(), request)

    def _seed_of(self, request_id: int, params: SamplingParams | PoolingParams) -> int:
        given = params.seed if isinstance(params, SamplingParams) else 0
        return bits(self._seed, 0, request_id, Purpose.SEED) if given is None else given

    def _choice(self, submit: Submit, index: int, chain: KeyChain) -> Choice | Embedding:
        params = submit.params
        if isinstance(params, PoolingParams):
            return Embedding(submit.handle)
        text = OutputText(
            self._vocabulary, params.stops, submit.prompt[-_CONTEXT:],
            include_stop=params.include_stop_str_in_output, skip_special=params.skip_special_tokens,
        )  # fmt: skip
        return Choice(submit.handle, index, params, self._eos, text, chain)

    def _sampling(
        self, params: SamplingParams | PoolingParams, seed: int, choice: int, grammar: Grammar | None
    ) -> Sampling:
        if isinstance(params, PoolingParams):
            return Sampling()  # nothing is drawn
        return sampling_of(params, seed, choice, self._eos, grammar)

    def _cancel(self, handle: int) -> list[Event]:
        if handle in self._compiling:
            n = self._compiling.pop(handle)
            self._news += [Update(handle, choice, finish=Finish.CANCEL) for choice in range(n)]
            return []
        if handle not in self._requests:
            return []  # it ended while the message was on its way
        request, n = self._requests[handle]
        living = [self._choices[seq] for seq in range(request, request + n) if seq in self._choices]
        self._news += [choice.end(Finish.CANCEL) for choice in living]
        self._forget(handle)
        return [Cancel(self._now(), request)]

    def _forget(self, handle: int) -> None:
        request, n = self._requests.pop(handle)
        self._waiting.pop(request, None)
        for seq in range(request, request + n):
            self._choices.pop(seq, None)

    # ---- results

    def _result(self, output: StepOutput) -> Event:
        seqs = self._in_step.pop(output.step, ())
        if output.error:
            self._failed(seqs, output.error)
            if output.lost:
                self.tell()
                raise ExecutorLost(f"the engine can run nothing any more: {output.error}")
            return Result(self._now(), output.step, output.duration_ns, failed=True)
        rows = tuple(self._read(output) + self._sampled(output))
        return Result(self._now(), output.step, output.duration_ns, output.reached, output.revoked, rows=rows)

    def _read(self, output: StepOutput) -> list[Row]:
        """What was read out of prompts; some requests want no more."""
        rows = []
        for part in output.prompts:
            choice = self._choices.get(part.seq)
            update = choice.read(part) if choice is not None else None
            if choice is not None and update is not None:
                self._news.append(update)
                self._end(part.seq, choice)
                rows.append(Row(part.seq, None, update.finish))
        return rows

    def _sampled(self, output: StepOutput) -> list[Row]:
        rows = []
        for sampled in output.sampled:
            choice = self._choices.get(sampled.seq)
            if not isinstance(choice, Choice):
                continue  # it has ended; the token is void
            update, keys = choice.push(sampled)
            self._news.append(update)
            if update.finish is not None:
                self._end(sampled.seq, choice)
            if update.finish is not None or keys:
                rows.append(Row(sampled.seq, None, update.finish, keys))
        return rows

    def _failed(self, seqs: Sequence[int], error: str) -> None:
        """A step failed: its sequences end with the error, the others go on."""
        for seq in seqs:
            choice = self._choices.get(seq)
            if choice is not None:
                self._news.append(choice.end(Finish.ERROR, f"the forward pass failed: {error}"))
                self._end(seq, choice)

    def _end(self, seq: int, choice: Choice | Embedding) -> None:
        del self._choices[seq]
        request, n = self._requests[choice.handle]
        if not any(sibling in self._choices for sibling in range(request, request + n)):
            del self._requests[choice.handle]


def _refusal(handle: int, reason: str) -> Update:
    return Update(handle, 0, finish=Finish.ERROR, error=reason, refused=True)
