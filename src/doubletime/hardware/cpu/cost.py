"""Durations of plans on a CPU: the operators that the torch executor runs one after another, and the loop around them.

Implements what `executors.virtual` asks of a cost model. No launch is captured and no batch is padded; the depth is cut
where slabs begin and end; decodes are padded to the longest of their bucket.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.hardware.calibration import FAMILIES, NEUTRAL, Calibration
from doubletime.hardware.cpu import terms
from doubletime.hardware.cpu.kernels import Kernels
from doubletime.hardware.cpu.profile import Profile
from doubletime.hardware.cpu.work import Attended, Segment, Work, work_of
from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.explain import Anatomy, Share, Shares
from doubletime.hardware.machine import Overheads
from doubletime.shapes import POINTS_PER_LAYER, ModelShape

PROJECT, ATTEND, OUTPUT, GATE, DOWN = range(POINTS_PER_LAYER)
Kind = tuple[int, bool]  # of a layer: its window, and whether it is a mixture of experts
_FAMILIES = {
    "begin": "elementwise",
    "project": "linear",
    "attention": "attention",
    "output": "linear",
    "sample": "linear",
}
_NAMES = ("project", "attention", "output", "gate", "down")


class CpuCost:
    """Durations in nanoseconds of plans for `shape`, in one process on one device."""

    stages = 1
    overlap = False  # the model's threads are the host's
    by_sums = False  # decodes of different length run apart, each bucket padded to its longest

    def __init__(self, shape: ModelShape, profile: Profile, kernels: Kernels, scale: Calibration = NEUTRAL) -> None:
        self._shape = shape
        self._kernels = kernels
        self._terms = profile.terms
        self._error = profile.errors["whole"]
        self._priced = terms.priced(shape, kernels)
        self._scale = scale
        written = 2 * shape.kv_heads * shape.head_dim * profile.element_bytes
        self._fresh = written * profile.fresh  # a row's key and value go where nothing was before
        self.overheads = scale.of(Overheads(**profile.engine))
        self._windows = tuple(sorted(set(shape.windows)))
        self._depth = shape.layers * POINTS_PER_LAYER
        self._dense = lru_cache(65536)(self._dense_seconds)
        self._kinds = lru_cache(4096)(self._count)
        self._decodes = lru_cache(65536)(self._decodes_seconds)

    # ---- durations

    def decodes(self, count: int, context: int) -> Nanoseconds:
        """A step of `count` decodes whose positions sum to `context`, all of the mean length, and nothing else."""
        low, rest = divmod(context, count)
        return round(self._decodes(count - rest, low, rest) * SECOND)

    def plan(self, plan: Plan) -> Nanoseconds:
        """Any step that is not idle."""
        work = work_of(plan)
        return round((sum(self._points(work).values()) + self._around(work)) * SECOND)

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        """When preemption points 1, 2 … plan.depth are reached; the last is the end of the step."""
        work, now, at = work_of(plan), 0.0, 0
        found: list[Nanoseconds] = []
        for segment in work.segments:
            found += [round(now * SECOND)] * (segment.top - at)
            views = self._views(segment)
            now += self._begin(segment, views)
            for depth in range(segment.top, segment.bottom):
                layer, point = divmod(depth, POINTS_PER_LAYER)
                now += self._point(segment, views, point, self._kind(layer))
                found.append(round(now * SECOND))
            at = segment.bottom
        end = self.plan(plan)
        found += [end] * (plan.depth - at)
        return (*(min(time, end) for time in found[:-1]), end)

    def explain(self, plan: Plan) -> list[Share]:
        """Operators and overheads by name; they sum to the duration of the step, but for its rounding."""
        work, shares = work_of(plan), Shares()
        for name, seconds in self._points(work).items():
            shares.add(name, Estimate(seconds, self._error[0], Basis.INTERPOLATED))
        shares.overhead("engine", self._around(work))
        return shares.list()

    def anatomy(self, plan: Plan) -> Anatomy:
        """A step as `Calibration` sees it; the MLP of a mixture counts as experts in every layer."""
        work, families = work_of(plan), dict.fromkeys(FAMILIES, 0.0)
        experts = "experts" if self._shape.moe is not None else "linear"
        family = _FAMILIES | {"gate": experts, "down": experts}
        for name, seconds in self._points(work).items():
            families[family[name]] += seconds
        layers = sum(segment.bottom - segment.top for segment in work.segments) / POINTS_PER_LAYER
        return Anatomy(families, work.samples, layers)

    # ---- what they are made of, in seconds

    def _points(self, work: Work) -> dict[str, float]:
        """Operators by name."""
        found = dict.fromkeys(("begin", *_NAMES, "sample"), 0.0)
        for segment in work.segments:
            views = self._views(segment)
            found["begin"] += self._begin(segment, views)
            for point, kind, count in self._kinds(segment.top, segment.bottom):
                found[_NAMES[point]] += count * self._point(segment, views, point, kind)
        if work.samples:
            features = terms.sample(self._kernels, self._priced, work.samples)
            found["sample"] = self._scale.linear * terms.dot(self._terms["sample"], features)
        return found

    def _around(self, work: Work) -> float:
        own = self.overheads
        layers = sum(segment.bottom - segment.top for segment in work.segments) / POINTS_PER_LAYER
        return own.step + own.host + own.sequence * work.samples + own.layer * layers

    def _views(self, segment: Segment) -> dict[int, Attended]:
        return {window: segment.attended(window) for window in self._windows}

    def _begin(self, segment: Segment, views: dict[int, Attended]) -> float:
        features = terms.begin(self._priced, segment, tuple(views.values()), entering=segment.top == 0)
        return self._scale.elementwise * terms.dot(self._terms["begin"], features)

    def _kind(self, layer: int) -> Kind:
        return self._shape.windows[layer], self._shape.is_sparse(layer)

    def _count(self, top: int, bottom: int) -> list[tuple[int, Kind, int]]:
        """(point, kind of layer, how often it is passed) within a range of depth."""
        passed = Counter((at % POINTS_PER_LAYER, self._kind(at // POINTS_PER_LAYER)) for at in range(top, bottom))
        return [(point, kind, count) for (point, kind), count in passed.items()]

    def _point(self, segment: Segment, views: dict[int, Attended], point: int, kind: Kind) -> float:
        window, sparse = kind
        return self._attend(views[window]) if point == ATTEND else self._dense(point, segment.rows, sparse)

    def _attend(self, view: Attended) -> float:
        features = terms.attend(self._kernels, self._priced, view)
        return self._scale.attention * terms.dot(self._terms["attend"], features)

    def _dense_seconds(self, point: int, rows: int, sparse: bool) -> float:
        kernels, priced, moe = self._kernels, self._priced, self._shape.moe
        if sparse and moe is not None and point in (GATE, DOWN):
            name, price = ("route", terms.route) if point == GATE else ("experts", terms.experts)
            return self._scale.experts * terms.dot(self._terms[name], price(kernels, priced, rows, moe))
        name, of = _DENSE[point]
        seconds = self._scale.linear * terms.dot(self._terms[name], of(kernels, priced, rows))
        return seconds + rows * self._fresh if point == PROJECT else seconds

    def _decodes_seconds(self, shorter: int, position: int, longer: int) -> float:
        """Of `shorter` decodes at a position, and `longer` at the next."""
        starts = (position,) * shorter + (position + 1,) * longer
        return self.plan(Plan(0, 0, decode_seqs=starts, decode_starts=starts, depth=self._depth)) / SECOND


_DENSE = {
    PROJECT: ("project", terms.project),
    OUTPUT: ("output", terms.output),
    GATE: ("gate", terms.gate),
    DOWN: ("down", terms.down),
}
