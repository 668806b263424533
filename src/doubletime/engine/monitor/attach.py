"""Puts a monitor beside an engine."""

from __future__ import annotations

from collections.abc import Callable

from doubletime.engine.build import Running
from doubletime.engine.monitor.messages import Snapshot
from doubletime.engine.monitor.monitor import Monitor
from doubletime.lab.observer import Recorders


def attach(running: Running, answer: Callable[[Snapshot], None]) -> None:
    """Before the engine runs. `answer` gets a Snapshot for each Inspect that the host finds in its inbox."""
    engine = running.engine
    monitor = Monitor(engine.scheduler)
    running.host.watched(monitor, answer)
    engine.recorder = Recorders(engine.recorder, monitor) if engine.recorder else monitor
