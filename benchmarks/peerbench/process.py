"""Other programs: their environment, their output, the memory of all their processes, their end."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

_EVERY_S = 0.05


class PeerFailed(Exception):
    """An engine could not do what it was asked; the text is what it said last."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A command line, with what its environment has beside ours."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class Running:
    """A started program in a process group of its own; what it prints goes to `log`, standard output to `out`."""

    def __init__(self, launch: Launch, log: Path, out: int | None = None) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                launch.command,
                stdin=subprocess.PIPE,
                stdout=errors if out is None else out,
                stderr=errors,
                env=os.environ | dict(launch.environment),
                start_new_session=True,
            )
        self._peaks: dict[int, int] = {}
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._watch_memory, daemon=True)
        self._watch.start()

    @property
    def peak_bytes(self) -> int:
        """The sum of each process's own peak: pages that two of them share count twice."""
        return sum(self._peaks.values())

    def failure(self) -> PeerFailed:
        return PeerFailed(last_lines(self._log))

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._watch.join()
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, how)
                self.process.wait(10)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.process.wait()
        _bury_orphans()

    def _watch_memory(self) -> None:
        while not self._over.wait(_EVERY_S):
            for pid in tree(self.process.pid):
                self._peaks[pid] = max(self._peaks.get(pid, 0), peak_of(pid))


def run(launch: Launch, log: Path, *, given: str = "", limit_s: float = 900.0) -> tuple[str, int]:
    """(standard output, peak bytes) of a program that ends by itself. Raises PeerFailed if it does not end well."""
    with Running(launch, log, subprocess.PIPE) as running:
        try:
            out, _ = running.process.communicate(given.encode(), limit_s)
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"not done after {limit_s:g} s") from None
        if running.process.returncode:
            raise running.failure()
        return out.decode(errors="replace"), running.peak_bytes


def adopt_orphans() -> None:
    """From now on, processes whose parent dies become children of this one (Linux: PR_SET_CHILD_SUBREAPER), so that
    none is left behind and the CPU time of all is counted as ours."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def _bury_orphans() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def tree(pid: int) -> list[int]:
    """A process and all that it started."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        try:
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it has ended
    return found


def peak_of(pid: int) -> int:
    """The most resident memory that a process has had so far, in bytes; 0 once it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def last_lines(log: Path, count: int = 3) -> str:
    """The end of what a program printed, from its last error on if it names one."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [number for number, line in enumerate(lines) if "Error" in line]
    begin = errors[-1] if errors else max(len(lines) - count, 0)
    return " | ".join(lines[begin : begin + count])[:500] or "it said nothing"
