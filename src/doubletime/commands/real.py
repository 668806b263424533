"""A cell of a comparison on the real engine, in this process: what `compare --real` runs instead of a rehearsal."""

from __future__ import annotations

from collections.abc import Callable

from doubletime.core.vocabulary import SLO
from doubletime.engine.config import EngineConfig
from doubletime.engine.target import EngineTarget
from doubletime.lab.bench.drive import drive
from doubletime.lab.bench.gauge import Dark
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.run import Rehearsed
from doubletime.lab.result import result
from doubletime.lab.workload.job import Workload

_TIMEOUT_S = 600.0  # of a request


class Real:
    """Runs cells as `bench` does. `model` None: the one that ships along, whatever the designs call it."""

    def __init__(self, model: str | None) -> None:
        self._model = model

    def __call__(
        self,
        design: Design,
        workload: Workload,
        *,
        slo: SLO = SLO(),
        seed: int = 0,
        keep_steps: bool = False,
        slower: float = 1.0,
        progress: Callable[[int], object] = lambda done: None,
    ) -> Rehearsed:
        """Loads the model, sends the workload, and measures. No steps are kept: nobody watched them.

        `slower` must be 1: what is real cannot be stretched. Raises ValueError or OSError for what cannot be run.
        """
        if slower != 1.0:
            raise ValueError("what is measured cannot be stretched: error bars are of predictions")
        target = EngineTarget(_config(design, self._model, seed))
        try:
            measured = drive(workload, target, slo, timeout_s=_TIMEOUT_S, screen=_Cell(progress))
            facts = target.facts()
        finally:
            target.close()
        if measured.interrupted:
            raise KeyboardInterrupt
        lag = measured.lag.summary()
        found = result(
            measured.scores, facts,
            clock="real", policy=target.policy, config=target.config | {"trace": workload.name}, seed=workload.seed,
            began=measured.began, client_lag_s=lag["p99"] if lag else None,
        )  # fmt: skip
        return Rehearsed(found, measured.scores)


class _Cell(Dark):
    """Counts the requests of one cell."""

    def __init__(self, progress: Callable[[int], object]) -> None:
        self._progress = progress

    def advance(self) -> None:
        self._progress(1)


def _config(design: Design, model: str | None, seed: int) -> EngineConfig:
    """Raises ValueError for what only a rehearsal can do."""
    if design.kv_dtype is not None or not design.prefix_cache:
        raise ValueError("--real has no --kv-dtype and no --no-prefix-cache: the engine's own are used")
    return EngineConfig(
        model=model,
        dtype=design.dtype or "auto",
        policy=design.policy,
        kv_memory=design.kv_memory,
        max_model_len=design.max_model_len,
        max_seats=design.max_seats,
        max_rows=design.max_rows,
        in_flight=design.in_flight,
        seed=seed,
    )
