"""A fused mixture-of-experts layer: the time of gate, up and down of all chosen experts, without the router.

Tokens are sorted by expert and padded to tiles of b rows; a tile of 128 columns of one expert is the work of one
multiprocessor. With n tiles of rows, x₁ = n ⌈2i/128⌉ / U and x₂ = n ⌈h/128⌉ / U waves over U multiprocessors take

    t_c = w(x₁) (2·b·128·h·U / (F e_b) + τ) + w(x₂) (2·b·128·i·U / (F e_b) + τ),   w(x) = max(1, x) + r (⌈x⌉ − x)

for the quickest b. The weights of the active experts are read once: t_m = 3·active·h·i·bytes / (B e_m). Copies,
activation and the weighted sum pass over all chosen pairs: t_e = T k (6i + 4h) / (B e_e). The base is
(t_c^p + t_m^p)^(1/p) + t_e + t_0 + t_1 E/256; e_b, τ, r, e_m, e_e, p, t_0, t_1 are fitted per machine and number format
(the kernel: MegaBlocks, arXiv 2211.15841, and vLLM's fused_moe). Which experts are active, and how full tiles are:
`routing`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.machine import ExpertShape, Spec
from doubletime.hardware.ops.linear import FLOOR, Peaks, peaks
from doubletime.hardware.ops.routing import TILES, Routing, route
from doubletime.hardware.residual import Fit, smooth_max
from doubletime.hardware.store import Loaded, Store

COLUMNS = 128
ALIGNED = 64  # widths that are no multiple of it are much slower on some GPUs
SAME_FIT = {"float16": "bfloat16", "fp8_block": "fp8"}
FALLBACK = "bfloat16"  # formats that nobody measured: its constants, with their own bytes and peaks


class Constants(NamedTuple):
    """As in the module's equation; `efficiency` by tile, times in seconds."""

    efficiency: tuple[float, float, float, float]
    wave: float
    rounding: float
    memory: float
    elementwise: float
    p: float
    launch: float
    expert: float

    @classmethod
    def of(cls, values: tuple[float, ...]) -> Constants:
        first, second, third, fourth, *rest = values
        return cls((first, second, third, fourth), *rest)


def roofline(shape: ExpertShape, routing: Routing, peak: Peaks) -> tuple[float, float]:
    """Seconds at the data sheet's peaks: of the products, and of the active experts' weights."""
    size = 3 * shape.hidden * shape.inner
    return 2 * size * routing.rows / peak.flops, size * peak.bytes.weights * routing.active / peak.bandwidth


def base(
    tokens: int, shape: ExpertShape, routing: Routing, peak: Peaks, constants: Constants
) -> tuple[float, list[float]]:
    """Seconds of the smooth roofline, and the features of its residual."""
    compute = _compute(shape, routing, peak, constants)
    memory = roofline(shape, routing, peak)[1] / constants.memory
    pairs = tokens * shape.top_k
    elementwise = pairs * (6 * shape.inner + 4 * shape.hidden) / (peak.bandwidth * constants.elementwise)
    launch = constants.launch + constants.expert * shape.total / 256
    seconds = smooth_max(compute, memory, p=constants.p) + elementwise + launch
    features = [
        math.log2(routing.rows / routing.active),
        math.log2(routing.active),
        math.log2(shape.hidden * shape.inner),
        math.log2(routing.active * shape.hidden * shape.inner),
        math.log2(math.gcd(shape.inner, ALIGNED)),
        math.log2(shape.experts),
        math.log2(shape.top_k),
        math.log2(compute / memory),
        math.log2(seconds),
        math.log2(tokens),
        math.log2(pairs / routing.rows),
    ]
    return seconds, features


def _compute(shape: ExpertShape, routing: Routing, peak: Peaks, constants: Constants) -> float:
    into, out = -(-2 * shape.inner // COLUMNS) / peak.units, -(-shape.hidden // COLUMNS) / peak.units
    deep = -(-shape.inner // 64) * 64
    times = []
    for rows, efficiency, blocks in zip(TILES, constants.efficiency, routing.blocks, strict=True):
        wave = 2 * rows * COLUMNS * peak.units / (peak.flops * efficiency)
        up = _waves(blocks * into, constants.rounding) * (wave * shape.hidden + constants.wave)
        down = _waves(blocks * out, constants.rounding) * (wave * deep + constants.wave)
        times.append(up + down)
    return min(times)


def _waves(x: float, rounding: float) -> float:
    return 1.0 if x <= 1 else x + rounding * (math.ceil(x) - x)


class Fused:
    """Layers in one number format on one machine."""

    def __init__(self, fit: Fit, peak: Peaks) -> None:
        self._fit = fit
        self._peak = peak
        self._constants = Constants.of(fit.constants)

    @classmethod
    def from_json(cls, data: dict[str, Any], spec: Spec, weights: str) -> Fused:
        """`spec` may be another machine's than the one that was measured: then its peaks scale the constants."""
        return cls(Fit.from_json(data), peaks(spec, weights))

    def estimate(self, tokens: int, shape: ExpertShape, routing: Routing | None = None) -> Estimate:
        """`routing` None: as `routing.route` expects it."""
        known = routing or route(tokens, shape.experts, shape.total, shape.top_k)
        seconds, features = base(tokens, shape, known, self._peak, self._constants)
        found = self._fit.estimate(seconds, features)
        return found._replace(seconds=max(found.seconds, FLOOR * max(roofline(shape, known, self._peak))))


class Experts:
    """Layers on one machine, in any number format; fits are loaded when they are first asked for."""

    def __init__(self, store: Store, spec: Spec) -> None:
        self._store = store
        self._spec = spec
        self._formats: dict[str, Loaded[Fused] | None] = {}

    @classmethod
    def load(cls, store: Store, spec: Spec) -> Experts:
        return cls(store, spec)

    def estimate(self, tokens: int, shape: ExpertShape) -> Estimate:
        """`tokens` of all ranks that send to this one; the busiest rank's time where experts are spread."""
        if shape.weights not in self._formats:
            self._formats[shape.weights] = self._load(shape.weights)
        loaded = self._formats[shape.weights]
        if loaded is None:
            return datasheet(tokens, shape, peaks(self._spec, shape.weights))
        return loaded.judge(loaded.model.estimate(tokens, shape))

    def _load(self, weights: str) -> Loaded[Fused] | None:
        for stem in (SAME_FIT.get(weights, weights), FALLBACK):
            found = self._store.find(f"experts_{stem}")
            if found is not None:
                own = found.machine == self._spec.name and stem == SAME_FIT.get(weights, weights)
                return Loaded(Fused.from_json(found.data, self._spec, weights), own)
        return None


DATASHEET_EFFICIENCY = 0.6  # of the roofline that a layer reaches where nothing was measured
DATASHEET_LAUNCH = 30e-6
DATASHEET_ERROR = 0.5


def datasheet(tokens: int, shape: ExpertShape, peak: Peaks) -> Estimate:
    """Nothing but peaks: the roofline at a usual efficiency, and the launches."""
    routing = route(tokens, shape.experts, shape.total, shape.top_k)
    seconds = max(roofline(shape, routing, peak)) / DATASHEET_EFFICIENCY + DATASHEET_LAUNCH
    return Estimate(seconds, DATASHEET_ERROR, Basis.DATASHEET)
