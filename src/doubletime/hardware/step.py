"""How long a step takes: operators of every layer, the head, and what no kernel accounts for.

step = body(rows) + sum over kinds of layers of count · attention(batch) + head(samples) + overheads

Dense operators depend on the rows of the step alone, so they are added up once for each number of rows. Attention is
one call a layer for prefill and decodes together: pricing them apart and adding is 15 to 29 % too low, because decodes
lose their split over the context in a mixed call (measured on RTX 4090 and RTX PRO 6000; docs/design/cost-model.md).
With steps planned ahead the host works while the device does: a step takes the longer of the two (vLLM's asynchronous
scheduling; SGLang's overlap scheduler).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.hardware.attend import HALF_OCTAVES
from doubletime.hardware.calibration import FAMILIES, NEUTRAL, Calibration
from doubletime.hardware.estimate import Estimate
from doubletime.hardware.explain import Anatomy, Share, Shares, together
from doubletime.hardware.layout import Layout
from doubletime.hardware.load import Load, Segment, load_of
from doubletime.hardware.machine import GRAPH_SIZES, Machine
from doubletime.hardware.price import Pricer
from doubletime.hardware.stage import ATTEND, Stage
from doubletime.shapes import POINTS_PER_LAYER, ModelShape

Counts = tuple[tuple[int, ...], ...]  # by kind of layer, by preemption point
Cell = tuple[float, float]  # nanoseconds at context 0, and for each token of context


class StepCost:
    """Durations of plans in nanoseconds. With several `stages` they are those of one stage of the pipeline.

    `overlap`: steps are planned while the one before them runs. `graph_sizes`: to which numbers of rows small batches
    are padded, because launches are captured for them; () where nothing is captured. `merged`: see `layer_operators`.
    """

    by_sums = True  # decodes cost what their number and the sum of their positions say, whatever each one's is

    def __init__(
        self,
        shape: ModelShape,
        machine: Machine,
        layout: Layout,
        *,
        overlap: bool,
        graph_sizes: tuple[int, ...] = GRAPH_SIZES,
        scale: Calibration = NEUTRAL,
        merged: bool = True,
    ) -> None:
        self.stages = layout.pp
        self._ranks = layout.ranks
        self.overheads = scale.of(machine.overheads)
        self._stage = Stage(shape, layout, Pricer(machine, scale, layout.kv, layout.activations), merged=merged)
        self.overlap = overlap
        self._sizes = graph_sizes
        self._depth = shape.layers * POINTS_PER_LAYER
        self._spans: dict[tuple[int, int, int, int], float] = {}
        self._heads: dict[int, float] = {}
        self._dense: dict[tuple[int, int, int, int], float] = {}
        self._counts: dict[tuple[int, int], Counts] = {}
        self._cells: dict[int, list[Cell | None]] = {}
        self._least = round((self.overheads.host + self.overheads.step) * SECOND) if overlap else 0

    # ---- durations

    def decodes(self, count: int, context: int) -> Nanoseconds:
        """A step of `count` decodes, at least one, whose positions sum to `context`, and nothing else."""
        tokens = context + count
        try:
            base, slope = self._cells[count][(tokens * tokens // (count * count)).bit_length()]  # type: ignore[misc]
        except (KeyError, TypeError, IndexError):
            base, slope = self._cell(count, tokens)
        took = int(base + slope * context)
        return took if took > self._least else self._least

    def plan(self, plan: Plan) -> Nanoseconds:
        """Any step that is not idle."""
        if not plan.work:
            return self.decodes(len(plan.decode_seqs), sum(plan.decode_starts))
        load = load_of(plan, self._ranks)
        device = self._head(load.samples) + self._around(load)
        for segment in load.segments:
            device += self._segment(segment)
        return int(self._step(device) * SECOND + 0.5)

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        """When preemption points 1, 2 … plan.depth are reached, since the start; the last is the end of the step.

        Depth at which nothing runs takes no time.
        """
        load = load_of(plan, self._ranks)
        end, now, at = self.plan(plan), 0.0, 0
        found: list[Nanoseconds] = []
        for segment in load.segments:
            found += [round(now * SECOND)] * (segment.top - at)
            now += self._entry(segment)
            for point in range(segment.top, segment.bottom):
                now += self._between(segment, point, point + 1) + self._launches(load) / POINTS_PER_LAYER
                found.append(round(now * SECOND))
            at = segment.bottom
        found += [end] * (plan.depth - at)
        return (*(min(time, end) for time in found[:-1]), end)

    # ---- what they are made of

    def explain(self, plan: Plan) -> list[Share]:
        """Operators and overheads by name; their seconds sum to the duration of the step, but for its rounding."""
        load, shares = load_of(plan, self._ranks), Shares()
        for segment in load.segments:
            self._explain_segment(load, segment, shares)
        for curve in self._stage.exit if load.samples else ():
            shares.add(curve.name, curve.estimate(load.samples))
        shares.overhead("sequences", self.overheads.sequence * load.samples)
        shares.overhead("launches", self._launches(load) * self._layers(load))
        device = sum(share.seconds for share in shares.list())
        shares.overhead("host", self._step(device) - device - self.overheads.step)
        shares.overhead("step", self.overheads.step)
        return shares.list()

    def estimate(self, plan: Plan) -> Estimate:
        """The duration of a step with its error and basis."""
        return together([self.explain(plan)])

    def anatomy(self, plan: Plan) -> Anatomy:
        """A step as `Calibration` sees it."""
        load, families = load_of(plan, self._ranks), dict.fromkeys(FAMILIES, 0.0)
        for share in self.explain(plan):
            if share.name in self._stage.families:
                families[self._stage.families[share.name]] += share.seconds
        return Anatomy(families, load.samples, self._layers(load) / self.stages * (not self._captured(load)))

    def mix(self, plans: Iterable[Plan]) -> Estimate:
        """The duration of several steps together, with error and basis."""
        return together(self.explain(plan) for plan in plans)

    def _explain_segment(self, load: Load, segment: Segment, shares: Shares) -> None:
        rows, pooled = self._padded(segment.rows), self._padded(segment.pooled)
        if segment.top == 0:
            for curve in self._stage.entry:
                shares.add(curve.name, curve.estimate(rows))
        for kind, counts in zip(self._stage.kinds, self._count(segment.top, segment.bottom), strict=True):
            for count, curves in zip(counts, kind.points, strict=True):
                for curve in curves if count else ():
                    estimate = curve.estimate(pooled if curve.pooled else rows)
                    shares.add(curve.name, estimate.times(count / self.stages))
            if counts[ATTEND]:
                shares.add("attention", kind.attention.estimate(segment.batch).times(counts[ATTEND] / self.stages))

    # ---- the parts of a step, in seconds

    def _step(self, device: float) -> float:
        """With what the host adds."""
        host, gap = self.overheads.host, self.overheads.step
        return (max(device, host) if self.overlap else device + host) + gap

    def _around(self, load: Load) -> float:
        return self.overheads.sequence * load.samples + self._launches(load) * self._layers(load)

    def _launches(self, load: Load) -> float:
        """A layer's overhead where not everything that it launches is captured."""
        return 0.0 if self._captured(load) else self.overheads.layer / self.stages

    def _captured(self, load: Load) -> bool:
        return load.uniform and bool(self._sizes) and load.segments[0].rows <= self._sizes[-1]

    @staticmethod
    def _layers(load: Load) -> float:
        return sum(segment.bottom - segment.top for segment in load.segments) / POINTS_PER_LAYER

    def _segment(self, segment: Segment) -> float:
        top, bottom, rows, pooled, batch = segment
        found = self._spans.get((top, bottom, rows, pooled))
        if found is None:
            dense = self._rows(segment, self._count(top, bottom))
            found = self._spans[top, bottom, rows, pooled] = self._entry(segment) + dense
        for kind, counts in zip(self._stage.kinds, self._count(top, bottom), strict=True):
            if counts[ATTEND]:
                found += counts[ATTEND] / self.stages * kind.attention.seconds(batch)
        return found

    def _between(self, segment: Segment, top: int, bottom: int) -> float:
        """Depth [top, bottom) of a segment."""
        counts = self._count(top, bottom)
        found = self._rows(segment, counts)
        for kind, own in zip(self._stage.kinds, counts, strict=True):
            if own[ATTEND]:
                found += own[ATTEND] / self.stages * kind.attention.seconds(segment.batch)
        return found

    def _entry(self, segment: Segment) -> float:
        if segment.top:
            return 0.0
        rows = self._padded(segment.rows)
        return sum(curve.seconds(rows) for curve in self._stage.entry)

    def _rows(self, segment: Segment, counts: Counts) -> float:
        """Everything that depends on rows alone."""
        found, rows, pooled = 0.0, self._padded(segment.rows), self._padded(segment.pooled)
        for kind, own in enumerate(counts):
            for point, count in enumerate(own):
                if count:
                    found += count * self._point(kind, point, rows, pooled)
        return found / self.stages

    def _point(self, kind: int, point: int, rows: int, pooled: int) -> float:
        found = self._dense.get((kind, point, rows, pooled))
        if found is None:
            curves = self._stage.kinds[kind].points[point]
            found = sum(curve.seconds(pooled if curve.pooled else rows) for curve in curves)
            self._dense[kind, point, rows, pooled] = found
        return found

    def _head(self, samples: int) -> float:
        found = self._heads.get(samples)
        if found is None:
            curves = self._stage.exit if samples else ()
            found = self._heads[samples] = sum(curve.seconds(samples) for curve in curves)
        return found

    def _count(self, top: int, bottom: int) -> Counts:
        found = self._counts.get((top, bottom))
        if found is None:
            found = self._counts[top, bottom] = tuple(
                tuple(kind.count(top, bottom, point) for point in range(POINTS_PER_LAYER)) for kind in self._stage.kinds
            )
        return found

    def _padded(self, rows: int) -> int:
        """Rows of a captured graph: the next larger size that was captured."""
        at = bisect_left(self._sizes, rows)
        return self._sizes[at] if at < len(self._sizes) else rows

    # ---- decodes as lines

    def _cell(self, count: int, tokens: int) -> Cell:
        """The line on which all steps of `count` decodes lie whose mean context is in the same half octave."""
        at = min((tokens * tokens // (count * count)).bit_length(), len(HALF_OCTAVES) - 1)
        cells = self._cells.setdefault(count, [None] * len(HALF_OCTAVES))
        low, high = HALF_OCTAVES[at - 1], HALF_OCTAVES[at]
        slope = (self._attend(count, high) - self._attend(count, low)) / (count * (high - low))
        base = self._bare(count) + self._attend(count, low) - slope * count * (low - 1)
        cell = cells[at] = (base * SECOND + 0.5, slope * SECOND)
        return cell

    def _attend(self, count: int, mean: float) -> float:
        """Attention of all layers on the fullest rank."""
        kinds, own = self._stage.kinds, -(-count // self._ranks)
        return sum(len(kind.layers) / self.stages * kind.attention.decodes(own, mean) for kind in kinds)

    def _bare(self, count: int) -> float:
        """A step of `count` decodes without their attention, with all that the host adds behind it."""
        plan = Plan(0, 0, decode_seqs=(0,) * count, decode_starts=(0,) * count, depth=self._depth)
        load = load_of(plan, self._ranks)
        segment = load.segments[0]
        body = self._entry(segment) + self._rows(segment, self._count(0, self._depth))
        behind = self.overheads.step + (0.0 if self.overlap else self.overheads.host)
        return body + self._head(load.samples) + self._around(load) + behind
