"""One engine in a process of its own, and the pipe to it."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from typing import Any

from doubletime.engine.config import EngineConfig
from doubletime.engine.messages import Close
from doubletime.engine.process import run_engine
from doubletime.engine.sender import Sender

_GRACE = 5.0  # seconds that a closing engine has


class EngineProcess:
    """It loads from the moment this is made. Its first message is Ready or Failed, then lists of updates come."""

    def __init__(self, config: EngineConfig) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=run_engine, args=(config, theirs), name="doubletime-engine", daemon=True)
        self._process.start()
        theirs.close()
        self.send = Sender(self._pipe)
        self._ending = threading.Lock()

    def fileno(self) -> int:
        """Readable when there is a message, or nobody to send one any more."""
        return self._pipe.fileno()

    def receive(self) -> Any:
        """The next message, waiting for it; None at the end of the pipe."""
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            return None

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def end(self) -> str:
        """How the process ended, for people."""
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit status {code}"

    def shut_down(self) -> None:
        """Ends the process: gently, then not. May be called again, and from any thread."""
        with self._ending:
            self.send(Close())
            self.send.close(_GRACE)
            self._process.join(_GRACE)
            if self._process.is_alive():
                self._process.kill()
                self._process.join(_GRACE)
            self._pipe.close()
