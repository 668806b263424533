"""What a user may choose of the monitor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """`log_interval`: seconds from line to line, 0 for no log. `vllm_names`: /metrics has vLLM's names too."""

    log_interval: float = 0.0
    vllm_names: bool = False


QUIET = MonitorSettings()
"""No log; our own names only."""
