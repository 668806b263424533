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
from doubletime.decoding.structured.compiler import Compiler
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.config import DEFAULT_IN_FLIGHT, DEFAULT_ROWS, DEFAULT_SEATS, EngineConfig
from doubletime.engine.host import Host
from doubletime.engine.messages import Update
from doubletime.engine.model import CORES, engine_model
from doubletime.engine.sources import tokenizer_of
from doubletime.executors.torch_executor import TorchExecutor
from doubletime.executors.torch_limits import limits_for
from doubletime.kernels.cpu.binding import level
from doubletime.models import AnyModel, NativeModel
from doubletime.policies import load


@dataclass(frozen=True)
class Running:
    """An engine that is ready, and what was chosen for it. `close` ends the forward thread and the recording."""

    config: EngineConfig
    engine: Engine
    host: Host
    model: AnyModel
    tokenizer: Tokenizer | None
    limits: Limits
    about: dict[str, Any]
    close: Callable[[], None]


def build(config: EngineConfig, emit: Callable[[list[Update]], None]) -> Running:
    """Loads the model and assembles its engine. Raises ValueError or OSError that says what is wrong."""
    policies = load(config.policy)
    model = engine_model(config)
    tokenizer = tokenizer_of(config)
    limits = _limits(model, config)
    eos = tokenizer.eos_ids if tokenizer else frozenset(model.shape.eos)
    host = Host(
        emit, vocabulary=tokenizer.vocabulary if tokenizer else None, eos=eos, seed=config.seed,
        compiler=Compiler(tokenizer, model.shape.vocab, eos) if tokenizer else None,
    )  # fmt: skip
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
        return Running(config, engine, host, model, tokenizer, limits, about, stack.pop_all().close)


def _limits(model: AnyModel, config: EngineConfig) -> Limits:
    rows = config.max_rows or DEFAULT_ROWS
    return limits_for(
        model,
        kv_memory=config.kv_memory,
        max_length=config.max_model_len,
        max_rows=rows,
        max_seats=min(rows, config.max_seats or DEFAULT_SEATS),
    )


def _about(config: EngineConfig, model: AnyModel) -> dict[str, Any]:
    return {
        "model": config.model or "the model that ships with doubletime",
        "family": model.shape.family,
        "layers": model.shape.layers,
        "hidden": model.shape.hidden,
        "vocab": model.shape.vocab,
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": str(model.device),
        "quantize": config.quantize,
        "kv_dtype": str(model.kv_dtype).removeprefix("torch."),
        "kernels": f"native {level()}" if isinstance(model, NativeModel) else "torch",
        "threads": config.threads or CORES,
    }


def _recorder(config: EngineConfig, header: Header, stack: ExitStack) -> LogWriter | None:
    if config.record is None:
        return None
    file = Path(config.record).open("w", encoding="utf-8")  # noqa: SIM115, the stack closes it
    stack.callback(file.close)
    writer = LogWriter(header, file.write)
    stack.callback(writer.close)
    return writer
