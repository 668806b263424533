"""Who asks: tenants, and service classes with their SLOs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from doubletime.core.vocabulary import SECOND, SLO, Nanoseconds
from doubletime.lab.workload.dice import Dice, Stream, Weighted
from doubletime.lab.workload.options import Options, count, positive, text

_FORM = "NAME:TTFT:TPOT:WEIGHT or NAME:TTFT:TPOT:WEIGHT:PRIORITY joined by +, in seconds, - for no target"


class ServiceClass(NamedTuple):
    name: str
    slo: SLO
    weight: float
    priority: int


NO_CLASS = ServiceClass("", SLO(), 1.0, 0)


@dataclass(frozen=True, slots=True)
class Someone:
    """Who a session belongs to."""

    tenant: str
    service: ServiceClass


class People:
    """Draws who asks. `tenants`: how many; `skew`: Zipf's exponent of their shares, 0 for equal ones."""

    def __init__(self, tenants: int, skew: float, classes: tuple[ServiceClass, ...], seed: int) -> None:
        self._tenants = Weighted([1 / rank**skew for rank in range(1, tenants + 1)])
        self._named = tenants > 1
        self._classes = classes
        self._weights = Weighted([service.weight for service in classes])
        self._tenant_dice = Dice(seed, Stream.TENANT)
        self._class_dice = Dice(seed, Stream.CLASS)

    def draw(self) -> Someone:
        tenant = f"tenant-{self._tenants.draw(self._tenant_dice)}" if self._named else ""
        return Someone(tenant, self._classes[self._weights.draw(self._class_dice)])


class PeopleSpec(NamedTuple):
    """The keys `tenants`, `skew` and `classes`, read once; `draw` starts a fresh stream."""

    tenants: int
    skew: float
    classes: tuple[ServiceClass, ...]

    @classmethod
    def take(cls, options: Options) -> PeopleSpec:
        return cls(
            options.take("tenants", count, 1),
            options.take("skew", positive, 0.0),
            options.take("classes", _classes, (NO_CLASS,)),
        )

    def people(self, seed: int) -> People:
        return People(self.tenants, self.skew, self.classes, seed)


def _classes(key: str, value: str) -> tuple[ServiceClass, ...]:
    return tuple(_class(key, part) for part in text(key, value).split("+"))


def _class(key: str, part: str) -> ServiceClass:
    name, *rest = part.split(":")
    if not name or len(rest) not in (3, 4):
        raise ValueError(f"{key}={part}: must be {_FORM}")
    try:
        priority = int(rest[3]) if len(rest) == 4 else 0
    except ValueError:
        raise ValueError(f"{key}={part}: the priority must be a whole number") from None
    return ServiceClass(name, SLO(_target(key, rest[0]), _target(key, rest[1])), positive(key, rest[2]), priority)


def _target(key: str, value: str) -> Nanoseconds | None:
    return None if value == "-" else round(positive(key, value) * SECOND)
