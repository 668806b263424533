"""Machines by name, or by the profile that `doubletime profile` wrote."""

from __future__ import annotations

from pathlib import Path

from doubletime.hardware.fitted import FittedMachine
from doubletime.hardware.machine import Machine, Spec
from doubletime.hardware.specs import SPECS
from doubletime.hardware.store import Store

NAMES = tuple(SPECS)


def machine(name: str) -> Machine:
    """`name`: a known GPU in upper or lower case, or the path of a profile. Raises ValueError for anything else."""
    if not name.endswith(".json"):
        spec = spec_of(name)
        return FittedMachine(spec, Store(spec.name))
    if not Path(name).is_file():
        raise ValueError(f"no profile {name}: write it with `doubletime profile --out {name}`")
    from doubletime.hardware.cpu import load

    return load(Path(name))


def spec_of(name: str) -> Spec:
    """The data sheet of a known GPU. Raises ValueError, with what is known."""
    spec = SPECS.get(name.lower())
    if spec is None:
        raise ValueError(f"no hardware {name!r}; known: {', '.join(NAMES)}, or a profile.json of `doubletime profile`")
    return spec
