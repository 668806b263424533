"""How many replicas there should be: policies, and what carries their wishes out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from doubletime.cluster.spelling import build
from doubletime.core.vocabulary import SECOND, Nanoseconds


@dataclass(frozen=True, slots=True)
class Load:
    """What a scaler sees. `oldest`: for how many seconds the request has waited that has waited longest to run."""

    replicas: int  # that serve, or load
    idle: int  # of them, those with nothing to do
    outstanding: int  # requests on replicas or waiting for one
    oldest: float


class Scaler(ABC):
    """Base of scaling policies. The fleet grows when `wanted` has been above its size for `up` seconds, and shrinks
    when it has been below for `down`; it stays between `least` and `most` replicas. A new one loads for `load` seconds,
    0: as long as its weights take over the host's link. A replica that leaves ends first what it has.
    """

    name: ClassVar[str] = ""

    def __init__(
        self, target: float, least: int = 1, most: int = 8, up: float = 5.0, down: float = 60.0, load: float = 0.0
    ) -> None:
        if target <= 0 or not 1 <= least <= most or min(up, down, load) < 0:
            raise ValueError(
                f"scaler {self.name}: target is above 0, least at least 1 and at most `most`, no time negative"
            )
        self.target = target
        self.least, self.most = least, most
        self.up, self.down, self.load = up, down, load

    @abstractmethod
    def wanted(self, load: Load) -> int:
        """Replicas, before the bounds."""


class Outstanding(Scaler):
    """As many replicas as keep the outstanding requests of each at `target` (what Knative calls concurrency)."""

    name = "outstanding"

    def __init__(
        self,
        target: float = 32.0,
        least: int = 1,
        most: int = 8,
        up: float = 5.0,
        down: float = 60.0,
        load: float = 0.0,
    ) -> None:
        super().__init__(target, least, most, up, down, load)

    def wanted(self, load: Load) -> int:
        return math.ceil(load.outstanding / self.target)


class QueueDelay(Scaler):
    """One more when a request has waited `target` seconds to run; one less when a replica has nothing to do."""

    name = "queue-delay"

    def __init__(
        self,
        target: float = 1.0,
        least: int = 1,
        most: int = 8,
        up: float = 5.0,
        down: float = 60.0,
        load: float = 0.0,
    ) -> None:
        super().__init__(target, least, most, up, down, load)

    def wanted(self, load: Load) -> int:
        if load.oldest > self.target:
            return load.replicas + 1
        return load.replicas - bool(load.idle)


SCALERS: dict[str, type[Scaler]] = {scaler.name: scaler for scaler in (Outstanding, QueueDelay)}


def load_scaler(spec: str) -> Scaler:
    """A fresh scaler: `name` or `name:knob=value`. Raises ValueError that lists those there are."""
    return build("scaler", spec, SCALERS)


class Patience:
    """Turns wishes into changes: how many replicas to add (or, below 0, to take away) now."""

    def __init__(self, scaler: Scaler) -> None:
        self._scaler = scaler
        self._above: Nanoseconds | None = None  # since when more are wanted
        self._below: Nanoseconds | None = None

    def change(self, load: Load, now: Nanoseconds) -> int:
        scaler = self._scaler
        wanted = min(max(scaler.wanted(load), scaler.least), scaler.most)
        self._above = _since(self._above, wanted > load.replicas, now)
        self._below = _since(self._below, wanted < load.replicas, now)
        if self._above is not None and now - self._above >= scaler.up * SECOND:
            self._above = None
            return wanted - load.replicas
        if self._below is not None and now - self._below >= scaler.down * SECOND:
            self._below = None
            return wanted - load.replicas
        return 0


def _since(before: Nanoseconds | None, holds: bool, now: Nanoseconds) -> Nanoseconds | None:
    return None if not holds else now if before is None else before
