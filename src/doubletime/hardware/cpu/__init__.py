"""A CPU by its profile: the tables and terms that `doubletime profile` measured. Start with `load`."""

from __future__ import annotations

from doubletime.hardware.cpu.machine import CpuMachine, load

__all__ = ["CpuMachine", "load"]
