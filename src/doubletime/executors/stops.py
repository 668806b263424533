"""Which steps were asked to stop, and a flag in plain memory for the one that runs: native code polls it too."""

from __future__ import annotations

from ctypes import c_int32
from threading import Lock


class Stops:
    """`ask` may be called from any thread, `begin` from the one that runs the steps."""

    def __init__(self) -> None:
        self.flag = c_int32(0)
        self._asked: set[int] = set()
        self._running = -1
        self._lock = Lock()

    def ask(self, step: int) -> None:
        """Step `step` is to stop at its next preemption point; nothing happens if it has ended."""
        with self._lock:
            if step > self._running:
                self._asked.add(step)
            elif step == self._running:
                self.flag.value = 1

    def begin(self, step: int) -> None:
        """The step that runs from now on; steps come in ascending order."""
        with self._lock:
            self._running = step
            self.flag.value = int(step in self._asked)
            self._asked = {later for later in self._asked if later > step}

    def __bool__(self) -> bool:
        """Whether the running step is to stop."""
        return bool(self.flag.value)
