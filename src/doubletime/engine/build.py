"""From settings to a running engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubletime import __version__
from doubletime.core.log import Header, LogWriter
from doubletime.core.loop import Engine
from doubletime.core.scheduler import Scheduler
from doubletime.core.vocabulary import Limits
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.config import DEFAULT_IN_FLIGHT, DEFAULT_ROWS, DEFAULT_SEATS, EngineConfig
from doubletime.engine.host import Host
from doubletime.engine.messages import Update
from doubletime.engine.sources import checkpoint_folder, tokenizer_of
from doubletime.executors.torch_executor import TorchExecutor
from doubletime.executors.torch_limits import limits_for
from doubletime.models import Model, load_model
from doubletime.policies import load


@dataclass(frozen=True)
class Running:
    """An engine that is ready, and what was chosen for it. `close` ends the forward thread and the recording."""

    engine: Engine
    host: Host
    model: Model
    tokenizer: Tokenizer | None
    limits: Limits
    about: dict[str, Any]
    close: Callable[[], None]


def build(config: EngineConfig, emit: Callable[[list[Update]], None]) -> Running:
    """Loads the model and assembles its engine. Raises ValueError or OSError that says what is wrong."""
    policies = load(config.policy)
    model = _model(config)
    tokenizer = tokenizer_of(config)
    limits = _limits(model, config)
    eos = tokenizer.eos_ids if tokenizer else frozenset(model.shape.eos)
    host = Host(emit, vocabulary=tokenizer.vocabulary if tokenizer else None, eos=eos, seed=config.seed)
    about = _about(config, model)
    in_flight = config.in_flight or DEFAULT_IN_FLIGHT
    with ExitStack() as stack:
        recorder = _recorder(config, Header(limits, config.policy, in_flight, config.seed, __version__, about), stack)
        executor = TorchExecutor(model, limits, host.inbox.put)
        stack.callback(executor.close)
        host.executor = executor
        engine = Engine(
            Scheduler(limits, policies), host, host,
            in_flight=in_flight, recorder=recorder, stopwatch=time.thread_time_ns,
        )  # fmt: skip
        return Running(engine, host, model, tokenizer, limits, about, stack.pop_all().close)


def _model(config: EngineConfig) -> Model:
    device = config.device if config.device != "auto" else best_device()
    dtype = None if config.dtype == "auto" else config.dtype
    name = config.model or str(checkpoint_folder(config))
    return load_model(name, dtype, device, config.seed)


def best_device() -> str:
    """cuda where there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _limits(model: Model, config: EngineConfig) -> Limits:
    rows = config.max_rows or DEFAULT_ROWS
    return limits_for(
        model,
        kv_memory=config.kv_memory,
        max_length=config.max_model_len,
        max_rows=rows,
        max_seats=min(rows, config.max_seats or DEFAULT_SEATS),
    )


def _about(config: EngineConfig, model: Model) -> dict[str, Any]:
    return {
        "model": config.model or "the model that ships with doubletime",
        "family": model.shape.family,
        "layers": model.shape.layers,
        "hidden": model.shape.hidden,
        "vocab": model.shape.vocab,
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": str(model.device),
    }


def _recorder(config: EngineConfig, header: Header, stack: ExitStack) -> LogWriter | None:
    if config.record is None:
        return None
    file = Path(config.record).open("w", encoding="utf-8")  # noqa: SIM115, the stack closes it
    stack.callback(file.close)
    writer = LogWriter(header, file.write)
    stack.callback(writer.close)
    return writer
