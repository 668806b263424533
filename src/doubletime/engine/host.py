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
from doubletime.core.vocabulary import Finish, Nanoseconds
from doubletime.decoding.detokenizer import Vocabulary
from doubletime.decoding.keys import KeyChain
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.sampling import Sampling
from doubletime.decoding.text import OutputText
from doubletime.engine.choice import Choice
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.executors.output import StepOutput
from doubletime.executors.torch_executor import TorchExecutor

KEY_TOKENS = 16
_CONTEXT = 8  # prompt tokens that the detokenizer may need to see

Message = Submit | Abort | Close | StepOutput


class Host:
    """Source and executor of one engine. `emit` gets the news of each batch of messages at once."""

    def __init__(
        self,
        emit: Callable[[list[Update]], None],
        *,
        vocabulary: Vocabulary | None,
        eos: frozenset[int],
        seed: int,
    ) -> None:
        self.inbox: SimpleQueue[Message] = SimpleQueue()
        self.executor: TorchExecutor | None = None
        self._emit = emit
        self._vocabulary = vocabulary
        self._eos = eos
        self._seed = seed
        self._began = time.monotonic_ns()
        self._next_id = 0
        self._choices: dict[int, Choice] = {}  # by sequence
        self._requests: dict[int, tuple[int, int]] = {}  # handle → (request, n)
        self._in_step: dict[int, tuple[int, ...]] = {}  # step → sequences
        self._news: list[Update] = []
        self._closed = False

    # ---- the engine loop's executor

    def dispatch(self, plan: Plan) -> None:
        self._in_step[plan.step] = tuple(slab.seq for slab in plan.slabs)
        self._torch.dispatch(plan)

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

    def ended(self, seq: Ended) -> None:
        """Its submitter has been told already, with the token that ended it."""

    @property
    def idle(self) -> bool:
        """No request lives."""
        return not self._requests

    def tell(self) -> None:
        """Emits what is new. Called before every wait, and by whoever drives the loop turn by turn."""
        news, self._news = self._news, []
        if news:
            self._emit(news)

    def _wait(self, wake: Nanoseconds | None) -> Message | None:
        if wake is None:
            return self.inbox.get()
        try:
            return self.inbox.get(timeout=max(0, wake - self._now()) / 1e9)
        except Empty:
            return None

    def _now(self) -> Nanoseconds:
        return time.monotonic_ns() - self._began

    def _translate(self, message: Message) -> list[Event]:
        match message:
            case Submit():
                return self._arrive(message)
            case Abort():
                return self._cancel(message.handle)
            case StepOutput():
                return [self._result(message)]
            case Close():
                self._closed = True
                return [event for handle in list(self._requests) for event in self._cancel(handle)]

    # ---- requests

    def _arrive(self, submit: Submit) -> list[Event]:
        """The Arrive event; none if the request itself is broken, which its submitter is told."""
        try:
            return [self._admit(submit)]
        except Exception as error:
            self._news.append(_refusal(submit.handle, str(error)))
            return []

    def _admit(self, submit: Submit) -> Event:
        params = submit.params
        chain = KeyChain(KEY_TOKENS)
        keys = chain.extend(submit.prompt)
        choices = [self._choice(submit, index, chain.copy()) for index in range(params.n)]
        request_id, self._next_id = self._next_id, self._next_id + params.n
        seed = bits(self._seed, 0, request_id, Purpose.SEED) if params.seed is None else params.seed
        for index, choice in enumerate(choices):
            self._torch.admit(request_id + index, submit.prompt, _sampling(params, seed, index))
            self._choices[request_id + index] = choice
        self._requests[submit.handle] = (request_id, params.n)
        request = Request(
            request_id, len(submit.prompt), params.max_tokens, params.n, keys, KEY_TOKENS,
            priority=submit.priority, tenant=submit.tenant, program=submit.program, slo=submit.slo,
            seed=seed & (1 << 64) - 1,
        )  # fmt: skip
        return Arrive(self._now(), request)

    def _choice(self, submit: Submit, index: int, chain: KeyChain) -> Choice:
        text = OutputText(self._vocabulary, submit.params.stops, submit.prompt[-_CONTEXT:])
        return Choice(submit.handle, index, submit.params, self._eos, text, chain)

    def _cancel(self, handle: int) -> list[Event]:
        if handle not in self._requests:
            return []  # it ended while the message was on its way
        request, n = self._requests[handle]
        living = [self._choices[seq] for seq in range(request, request + n) if seq in self._choices]
        self._news += [choice.end(Finish.CANCEL) for choice in living]
        self._forget(handle)
        return [Cancel(self._now(), request)]

    def _forget(self, handle: int) -> None:
        request, n = self._requests.pop(handle)
        for seq in range(request, request + n):
            self._choices.pop(seq, None)

    # ---- results

    def _result(self, output: StepOutput) -> Event:
        seqs = self._in_step.pop(output.step)
        if output.error:
            self._failed(seqs, output.error)
            return Result(self._now(), output.step, output.duration_ns, failed=True)
        rows = tuple(self._sampled(output))
        return Result(self._now(), output.step, output.duration_ns, output.reached, output.revoked, rows=rows)

    def _sampled(self, output: StepOutput) -> list[Row]:
        rows = []
        for sampled in output.sampled:
            choice = self._choices.get(sampled.seq)
            if choice is None:
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

    def _end(self, seq: int, choice: Choice) -> None:
        del self._choices[seq]
        request, n = self._requests[choice.handle]
        if not any(sibling in self._choices for sibling in range(request, request + n)):
            del self._requests[choice.handle]


def _refusal(handle: int, reason: str) -> Update:
    return Update(handle, 0, finish=Finish.ERROR, error=reason, refused=True)


def _sampling(params: SamplingParams, seed: int, choice: int) -> Sampling:
    return Sampling(
        temperature=params.temperature,
        top_p=params.top_p,
        top_k=max(0, params.top_k),
        seed=seed,
        choice=choice,
        logprobs=params.logprobs,
    )
