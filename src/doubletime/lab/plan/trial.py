"""One design on the trace, as far as the search needs to know: how many meet the SLO, and what stops the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doubletime.core.vocabulary import SLO
from doubletime.lab.cell import Rehearse
from doubletime.lab.columns import error_of
from doubletime.lab.metrics import Metrics
from doubletime.lab.percentiles import Tally
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.workload.demand import Demand
from doubletime.lab.workload.job import Workload
from doubletime.lab.workload.open import open_workload

if TYPE_CHECKING:
    from doubletime.lab.rehearsal.run import Rehearsed

_MANY = 0.05  # preemptions a request, from which memory is to blame
_LATE = 1.2  # times the trace's span, by which a design that keeps up has ended


@dataclass(frozen=True, slots=True)
class Goal:
    """What must be met: by the share `attainment` of the requests of a trace, of which `limit` count at most."""

    trace: str
    slo: SLO
    attainment: float
    seed: int = 0
    limit: int | None = None

    def workload(self, requests: int | None = None) -> Workload:
        """Its first requests; None: all that count."""
        return open_workload(self.trace, seed=self.seed, limit=self.limit if requests is None else requests)


@dataclass(frozen=True, slots=True)
class Trial:
    """`ttft` and `tpot`: seconds within which the wanted share of the completed requests stayed. `error`: relative.

    `binds` says what stops the requests that missed, or would stop them first. `load`: how many times as long as the
    trace the work took, but for a request's own time: about so many times as many replicas keep up.
    """

    design: Design
    attainment: float
    ttft: float | None
    tpot: float | None
    ttft_margin: float | None
    tpot_margin: float | None
    binds: str
    error: float
    source: str
    output_tokens_per_s: float
    load: float = 0.0

    @property
    def margin(self) -> float:
        """The smaller one; how much slower things may get, relative to the target."""
        return min((value for value in (self.ttft_margin, self.tpot_margin) if value is not None), default=0.0)


def attempt(
    design: Design, goal: Goal, asked: Demand, rehearse: Rehearse, *, requests: int | None = None, slower: float = 1.0
) -> Trial:
    """Rehearses and judges. `asked`: the demand of the whole trace. Raises what the rehearsal raises."""
    found = rehearse(design, goal.workload(requests), slo=goal.slo, seed=goal.seed, slower=slower)
    result, scores = found.result, found.scores.all
    ttft, tpot = _at(scores.ttft, goal), _at(scores.tpot, goal)
    error, attainment = result["error"], result["slo"]["attainment"]
    if attainment is None:
        raise ValueError("a plan needs an SLO to meet: give --slo ttft=SECONDS,tpot=SECONDS or one of them")
    return Trial(
        design, float(attainment), ttft, tpot,
        ttft_margin=_margin(ttft, goal.slo.ttft), tpot_margin=_margin(tpot, goal.slo.tpot),
        binds=_binds(found, goal, asked), error=error_of(result) or 0.0, source=error["source"] if error else "",
        output_tokens_per_s=result["throughput"]["output_tokens_per_s"], load=_load(result, asked),
    )  # fmt: skip


def _margin(value: float | None, target: int | None) -> float | None:
    return None if value is None or target is None else 1 - value / (target / 1e9)


def _binds(found: Rehearsed, goal: Goal, asked: Demand) -> str:
    """Memory: requests were refused, or many were preempted while targets were missed. Throughput: the work went on
    long after the last arrival. Else the target that fewer requests met, or that leaves less room."""
    result, scores = found.result, found.scores.all
    if result["requests"]["refused"]:
        return "memory"
    missed = result["slo"]["attainment"] < goal.attainment
    if missed and _load(result, asked) > _LATE:
        return "throughput"
    if missed and (result["preemptions"] or 0) > _MANY * result["requests"]["sent"]:
        return "memory"
    if missed:
        met = {name: tally.share_within(target) for name, tally, target in _targets(scores, goal.slo)}
    else:
        met = {name: _margin(_at(tally, goal), target) for name, tally, target in _targets(scores, goal.slo)}
    known = {name: value for name, value in met.items() if value is not None}
    return min(known, key=lambda name: known[name]) if known else "the requests' own targets"


def _targets(scores: Metrics, slo: SLO) -> list[tuple[str, Tally, int]]:
    """What was asked of all requests: name, what they had, target."""
    found = [("TTFT", scores.ttft, slo.ttft), ("TPOT", scores.tpot, slo.tpot)]
    return [(name, tally, target) for name, tally, target in found if target is not None]


def _at(tally: Tally, goal: Goal) -> float | None:
    """Seconds within which the wanted share stayed."""
    return next(iter(tally.quantiles([goal.attainment])), None)


def _load(result: dict[str, Any], asked: Demand) -> float:
    """`asked` is of the whole trace, of which only the first requests may have been sent."""
    span = asked.span_s * result["requests"]["sent"] / asked.requests
    own = result["e2e_s"]["p50"] if result["e2e_s"] else 0.0
    return float((result["duration_s"] - own) / span)
