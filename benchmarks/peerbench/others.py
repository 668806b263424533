"""How much of the machine others used while something was measured: a figure taken on a busy machine says so itself."""

from __future__ import annotations

import os
import time
from pathlib import Path


class Others:
    """CPU time of the whole machine less this process's and its ended children's, since it was made."""

    def __init__(self) -> None:
        self._began, self._used = time.perf_counter(), _machine_s() - _own_s()

    @property
    def cores(self) -> float:
        """Cores' worth of other work on average; 0 where the system does not tell."""
        return max((_machine_s() - _own_s() - self._used) / max(time.perf_counter() - self._began, 1e-9), 0.0)


def _machine_s() -> float:
    """Seconds in which some core was busy: /proc/stat counts user, nice, system, idle, iowait, …"""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return 0.0
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
