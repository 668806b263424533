"""A server under test: its address, and the CPU time of its two processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """`http` and `engine` are process ids."""

    url: str
    http: int
    engine: int

    def cpu_s(self) -> tuple[float, float]:
        """Of the HTTP process and of the engine process, so far."""
        return _cpu_s(self.http), _cpu_s(self.engine)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def serving(arguments: Sequence[str]) -> Iterator[Server]:
    """Starts `doubletime serve`, and ends it."""
    command = [sys.executable, "-m", "doubletime", "serve", *arguments, "--port", "0", "--served-model-name", "m"]
    with subprocess.Popen([*command, "--log-interval", "0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            found = re.search(r"http://[^/\s]+", process.stdout.readline())
            if found is None:
                raise RuntimeError("the server did not start")
            yield Server(found.group(), process.pid, _engine_of(process.pid))
        finally:
            process.terminate()


def _engine_of(http: int) -> int:
    """The child that uses the most CPU time: the other one is multiprocessing's resource tracker."""
    tasks = Path(f"/proc/{http}/task").iterdir()
    children = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return max(children, key=_cpu_s)
