"""What stands beside a result: how far the predicted times may be off, and what the hardware costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.hardware.cost import PlanCost
from doubletime.hardware.estimate import total
from doubletime.hardware.explain import Shares
from doubletime.hardware.machine import Spec
from doubletime.lab.rehearsal.journal import Journal
from doubletime.lab.result import Scores

Json = dict[str, Any]


class Sample:
    """One plan in so many of a run, priced operator by operator: what is wrong about one is wrong in every step."""

    def __init__(self, journals: Iterable[tuple[PlanCost, Journal]]) -> None:
        shares = Shares()
        for cost, journal in journals:
            for plan in journal.sample:
                for share in cost.explain(plan):
                    shares.add(share.name, share.estimate)
        self._shares = shares.list()

    def error_bar(self) -> Json | None:
        """Of the time that all steps took together, relative; None if there was none."""
        if not self._shares:
            return None
        found = total([share.estimate for share in self._shares])
        return {"low": -found.error, "high": found.error, "source": f"step times: {found.basis.name.lower()}"}

    def parts(self) -> list[Json]:
        """Where the time of the steps went, largest first: shares of the whole, each with its error and basis."""
        whole = sum(share.seconds for share in self._shares)
        return [
            {
                "name": share.name,
                "share": share.seconds / whole,
                "error": share.error,
                "basis": share.basis.name.lower(),
            }
            for share in sorted(self._shares, key=lambda share: -share.seconds)
        ]


class Use(NamedTuple):
    """Equal devices that were one replica's from `began` to `ended`."""

    spec: Spec
    devices: int
    began: Nanoseconds
    ended: Nanoseconds

    @property
    def hours(self) -> float:
        """Device-hours."""
        return self.devices * (self.ended - self.began) / SECOND / 3600


def bill(uses: list[Use], scores: Scores) -> Json:
    """Dollars for the devices while the load lasted; null where no price is known. `devices`: most at once."""
    hours, dollars = sum(use.hours for use in uses), sum(use.hours * use.spec.dollars_per_hour for use in uses)
    priced = all(use.spec.dollars_per_hour for use in uses) and scores.all.ended > 0
    tokens = scores.all.output_tokens
    return {
        "devices": max(sum(use.devices for use in uses if use.began <= at.began < use.ended) for at in uses),
        "device_hours": hours,
        "dollars_per_hour": dollars / (scores.all.ended / SECOND / 3600) if priced else None,
        "dollars": dollars if priced else None,
        "dollars_per_million_output_tokens": dollars / tokens * 1e6 if priced and tokens else None,
    }


def spread(fast: Json, slow: Json) -> Json:
    """Each latency and throughput as [least, most] of two results whose steps differ by the error of their times."""
    figures: Json = {}
    for name in ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s", "throughput"):
        if fast[name] and slow[name]:
            figures[name] = {key: sorted((fast[name][key], slow[name][key])) for key in fast[name]}
    return figures
