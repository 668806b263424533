"""The engine process: messages come in over a pipe, news go out in batches. Started by spawn, never by fork."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from doubletime.engine.about import About
from doubletime.engine.config import EngineConfig
from doubletime.engine.messages import Close, Update
from doubletime.engine.sender import Sender

_PATIENCE = 1.0  # seconds that the last news have to be read in


@dataclass(frozen=True, slots=True)
class Ready:
    """The first message of an engine process: it takes requests from now on."""

    max_model_len: int
    vocab_size: int
    summary: str
    about: About = field(default_factory=About)


@dataclass(frozen=True, slots=True)
class Failed:
    """The first message of an engine process that could not start, or the last of one that broke."""

    reason: str


News = list[Update]


def run_engine(config: EngineConfig, pipe: Connection) -> None:
    """Builds the engine, says Ready, serves until Close or until the other side is gone. The target of the process."""
    for one in (signal.SIGINT, signal.SIGTERM):  # a whole group may get them: the HTTP process decides when to end
        signal.signal(one, signal.SIG_IGN)
    try:
        _serve(config, pipe)
    except (ValueError, OSError) as error:
        _say(pipe, Failed(str(error)))
        sys.exit(1)
    except Exception:
        reason = traceback.format_exc()
        print(reason, file=sys.stderr, flush=True)
        _say(pipe, Failed(f"the engine broke: {reason.strip().splitlines()[-1]}"))
        sys.exit(1)


def _serve(config: EngineConfig, pipe: Connection) -> None:
    from doubletime.engine.build import build
    from doubletime.engine.monitor.attach import attach
    from doubletime.engine.summary import about_engine, summary

    say = Sender(pipe)
    running = build(config, say)
    attach(running, say)
    try:
        shape, length = running.model.shape, running.limits.max_length
        say(Ready(length, shape.vocab, summary(running), about_engine(running)))
        threading.Thread(target=_listen, args=(pipe, running.host.inbox.put), name="listen", daemon=True).start()
        running.engine.run()
    finally:
        running.close()
        say.close(_PATIENCE)


def _listen(pipe: Connection, put: Any) -> None:
    """Passes messages on; when the other side is gone the engine closes."""
    try:
        while True:
            put(pipe.recv())
    except (EOFError, OSError):
        put(Close())


def _say(pipe: Connection, message: object) -> None:
    try:
        pipe.send(message)
    except OSError:
        return  # nobody listens any more; the end of the pipe ends the engine
