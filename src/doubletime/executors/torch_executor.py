"""The torch executor: plans go into a queue, a thread of its own carries them out, answers go to a callback.

Messages are handled in the order of the calls. `stop` alone goes past the queue: it sets what the running step polls.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue

import torch

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Limits
from doubletime.decoding.readout import Readout
from doubletime.decoding.sampling import Sampling
from doubletime.executors.output import Deliver, StepOutput
from doubletime.executors.stops import Stops
from doubletime.executors.torch_runner import TorchRunner
from doubletime.models import AnyModel


@dataclass(frozen=True, slots=True)
class _Admit:
    seq: int
    tokens: tuple[int, ...]
    sampling: Sampling
    readout: Readout | None


@dataclass(frozen=True, slots=True)
class _Append:
    seq: int
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Truncate:
    seq: int
    kept: int


_Message = _Admit | _Append | _Truncate | Plan


class TorchExecutor:
    """Implements `core.executor.Executor`. `deliver` is called from the forward thread, once for each plan."""

    def __init__(self, model: AnyModel, limits: Limits, deliver: Deliver, *, poison: bool = False) -> None:
        self.runner = TorchRunner(model, limits, poison)
        self._vocab = model.shape.vocab
        self._deliver = deliver
        self._stops = Stops()
        self._inbox: SimpleQueue[_Message | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="forward", daemon=True)
        self._thread.start()

    def admit(self, seq: int, tokens: Sequence[int], sampling: Sampling, readout: Readout | None = None) -> None:
        """Makes a sequence known before the first plan that names it.

        Raises ValueError for a foreign token, and for more dimensions than an embedding has.
        """
        if readout is not None and readout.pooling is not None:
            self._check_dimensions(readout.pooling.dimensions)
        if sampling.adjust is not None:
            self._checked([token for token, _ in sampling.adjust.bias])
        self._inbox.put(_Admit(seq, self._checked(tokens), sampling, readout))

    def append(self, seq: int, tokens: Sequence[int]) -> None:
        """More tokens at the end, after what was dispatched before. Raises ValueError for a foreign token."""
        self._inbox.put(_Append(seq, self._checked(tokens)))

    def truncate(self, seq: int, kept: int) -> None:
        """Only the first `kept` tokens stay, after what was dispatched before."""
        self._inbox.put(_Truncate(seq, kept))

    def dispatch(self, plan: Plan) -> None:
        """Queues a plan and returns at once."""
        self._inbox.put(plan)

    def stop(self, step: int) -> None:
        """Asks step `step` to stop at its next preemption point; nothing happens if it has ended."""
        self._stops.ask(step)

    def close(self) -> None:
        """Carries out what is queued, then ends the thread."""
        self._inbox.put(None)
        self._thread.join()

    def _check_dimensions(self, wanted: int | None) -> None:
        most = self.runner.model.shape.hidden
        if wanted is not None and wanted > most:
            raise ValueError(f"dimensions must be at most {most}, the size of this model's hidden states, not {wanted}")

    def _checked(self, tokens: Sequence[int]) -> tuple[int, ...]:
        if tokens and not 0 <= min(tokens) <= max(tokens) < self._vocab:
            raise ValueError(f"token ids must be in [0, {self._vocab})")
        return tuple(tokens)

    def _work(self) -> None:
        with torch.inference_mode():
            while (message := self._inbox.get()) is not None:
                try:
                    self._handle(message)
                except Exception as error:  # of the bookkeeping between steps: a step reports its own
                    self._deliver(StepOutput(-1, 0, error=f"{type(error).__name__}: {error}", lost=True))
                    return

    def _handle(self, message: _Message) -> None:
        match message:
            case _Admit(seq, tokens, sampling, readout):
                self.runner.admit(seq, tokens, sampling, readout)
            case _Append(seq, tokens):
                self.runner.ledger.append(seq, tokens)
            case _Truncate(seq, kept):
                self.runner.ledger.truncate(seq, kept)
            case Plan():
                self._step(message)

    def _step(self, plan: Plan) -> None:
        self._stops.begin(plan.step)
        self._deliver(self.runner.run(plan, self._stops))
