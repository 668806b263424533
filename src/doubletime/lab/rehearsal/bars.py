"""What stands beside a result: how far the predicted times may be off, and what the hardware costs."""

from __future__ import annotations

from typing import Any

from doubletime.core.vocabulary import SECOND
from doubletime.hardware.estimate import total
from doubletime.hardware.explain import Shares
from doubletime.hardware.machine import Spec
from doubletime.hardware.step import StepCost
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.journal import Journal
from doubletime.lab.result import Scores

Json = dict[str, Any]


class Sample:
    """One plan in so many of a run, priced operator by operator: what is wrong about one is wrong in every step."""

    def __init__(self, cost: StepCost, journals: list[Journal]) -> None:
        shares = Shares()
        for journal in journals:
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


def bill(design: Design, spec: Spec, scores: Scores) -> Json:
    """Dollars for the devices while the load lasted; null where no price is known."""
    hours = scores.all.ended / SECOND / 3600
    rate = spec.dollars_per_hour * design.devices
    dollars, tokens = rate * hours, scores.all.output_tokens
    return {
        "devices": design.devices,
        "device_hours": design.devices * hours,
        "dollars_per_hour": rate or None,
        "dollars": dollars if rate else None,
        "dollars_per_million_output_tokens": dollars / tokens * 1e6 if rate and tokens else None,
    }


def spread(fast: Json, slow: Json) -> Json:
    """Each latency and throughput as [least, most] of two results whose steps differ by the error of their times."""
    figures: Json = {}
    for name in ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s", "throughput"):
        if fast[name] and slow[name]:
            figures[name] = {key: sorted((fast[name][key], slow[name][key])) for key in fast[name]}
    return figures
