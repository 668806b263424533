"""Matrix products: the time of C[m, n] = A[m, k] · B[k, n] from a tiled, smooth roofline times a learned residual.

A kernel cuts C into tiles; each multiprocessor computes one at a time, in waves. For a tile of a × b, x = ⌈m/a⌉⌈n/b⌉/U
waves over U multiprocessors take

    t_c = 2abk · U / (F e) · w(x),   w(x) = x^s where x ≤ 1 (split k), x + r(⌈x⌉ − x) beyond (the last wave is not full)

and the library picks the quickest tile. With t_m = bytes / (B e_m) the base is (t_c^p + t_m^p)^(1/p) + t_0, where
e, s, r, e_m, p, t_0 are fitted per machine and number format (roofline: Williams et al. 2009; wave quantization:
NVIDIA, "Matrix Multiplication Background User's Guide").
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.machine import Spec
from doubletime.hardware.residual import Fit, smooth_max

TILES = ((64, 64), (64, 128), (128, 128), (128, 256))
FLOOR = 0.95  # of the data sheet's roofline: no product is quicker
DATASHEET_EFFICIENCY = 0.7  # of the roofline that a product reaches where nothing was measured
DATASHEET_LAUNCH = 4e-6
DATASHEET_ERROR = 0.5


class Format(NamedTuple):
    """Bytes of an element of B, and of A. C is written in 2 bytes, or as A where A is wider."""

    weights: float
    activations: float


FORMATS = {
    "float32": Format(4.0, 4.0),
    "bfloat16": Format(2.0, 2.0),
    "float16": Format(2.0, 2.0),
    "fp8": Format(1.0, 1.0),
    "fp8_block": Format(1.0, 1.0),
    "int8": Format(1.0, 1.0),
    "int4": Format(0.5, 2.0),
    "nvfp4": Format(0.5625, 0.5625),
    "mxfp4": Format(0.53125, 2.0),
}
SAME_PEAK = {"float16": "bfloat16", "fp8_block": "fp8"}
PREFIX = "linear_"  # of a fit's file, before its number format
STAND_IN = {"float16": "bfloat16", "int8": "fp8"}  # whose kernels are alike


class Peaks(NamedTuple):
    """What the data sheet promises for one number format: FLOP/s, bytes/s, multiprocessors."""

    flops: float
    bandwidth: float
    units: int
    bytes: Format


def peaks(spec: Spec, weights: str) -> Peaks:
    """Where the machine cannot multiply in the format, weights are widened on the way in and A stays in 2 bytes."""
    stored = FORMATS.get(weights)
    if stored is None:
        raise ValueError(f"no number format {weights!r}; known: {', '.join(FORMATS)}")
    flops = native(spec, weights)
    if flops is not None:
        return Peaks(flops, spec.bandwidth, spec.units, stored)
    wide = max(2.0, stored.activations)
    flops = spec.flops["bfloat16"] if wide == 2.0 and "bfloat16" in spec.flops else min(spec.flops.values())
    return Peaks(flops, spec.bandwidth, spec.units, Format(stored.weights, wide))


def native(spec: Spec, weights: str) -> float | None:
    """FLOP/s where the machine multiplies in this very format."""
    return spec.flops.get(SAME_PEAK.get(weights, weights))


def fit_for(spec: Spec, weights: str) -> tuple[str, bool]:
    """The file stem of the fit that answers for a format, and whether it was measured in that format."""
    measured = "bfloat16" if native(spec, weights) is None else STAND_IN.get(weights, weights)
    return PREFIX + measured, weights in (measured, "float16")


class Constants(NamedTuple):
    """As in the module's equation; `efficiency` by tile."""

    efficiency: tuple[float, float, float, float]
    split: float
    rounding: float
    memory: float
    p: float
    launch: float

    @classmethod
    def of(cls, values: tuple[float, ...]) -> Constants:
        first, second, third, fourth, *rest = values
        return cls((first, second, third, fourth), *rest)


def roofline(m: int, n: int, k: int, peak: Peaks) -> tuple[float, float]:
    """Seconds at the data sheet's peaks: of the products, and of the bytes (A, B and C once)."""
    weights, activations = peak.bytes
    size = weights * n * k + activations * m * k + max(2.0, activations) * m * n
    return 2 * m * n * k / peak.flops, size / peak.bandwidth


def base(m: int, n: int, k: int, peak: Peaks, constants: Constants) -> tuple[float, list[float]]:
    """Seconds of the smooth roofline, and the features of its residual."""
    compute, memory = roofline(m, n, k, peak)
    fills, times = [], []
    for (rows, columns), efficiency in zip(TILES, constants.efficiency, strict=True):
        x = -(-m // rows) * -(-n // columns) / peak.units
        full = math.ceil(x)
        waves = x**constants.split if x <= 1 else x + constants.rounding * (full - x)
        times.append(waves * 2 * rows * columns * k * peak.units / (peak.flops * efficiency))
        fills.append(x if x <= 1 else full / x)
    best = min(times)
    seconds = smooth_max(best, memory / constants.memory, p=constants.p) + constants.launch
    features = [
        math.log2(m),
        math.log2(n),
        math.log2(k),
        math.log2(compute / memory),
        math.log2(best / memory),
        math.log2(seconds),
        -(-m // 16) * 16 / m,
        times.index(best),
        *fills,
        *(math.log2(time / best) for time in times),
    ]
    return seconds, features


class Measured(NamedTuple):
    """The shapes of the table: every m of `rows` was measured with every matrix (n, k) of `matrices`."""

    rows: frozenset[int]
    matrices: frozenset[tuple[int, int]]
    error: float  # on rows held out

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Measured:
        matrices = frozenset((n, k) for n, k in data["matrices"])
        return cls(frozenset(data["rows"]), matrices, data["error"])


class Linear:
    """Products in one number format on one machine."""

    def __init__(self, fit: Fit, measured: Measured, peak: Peaks) -> None:
        self._fit = fit
        self._measured = measured
        self._peak = peak
        self._constants = Constants.of(fit.constants)

    @classmethod
    def from_json(cls, data: dict[str, Any], spec: Spec, weights: str) -> Linear:
        """`spec` may be another machine's than the one that was measured: then its peaks scale the constants."""
        return cls(Fit.from_json(data), Measured.from_json(data["measured"]), peaks(spec, weights))

    def estimate(self, m: int, n: int, k: int) -> Estimate:
        seconds, features = base(m, n, k, self._peak, self._constants)
        found = self._fit.estimate(seconds, features)
        seconds = max(found.seconds, FLOOR * max(roofline(m, n, k, self._peak)))
        rows, matrices, error = self._measured
        if found.basis is Basis.INTERPOLATED and m in rows and (n, k) in matrices:
            return Estimate(seconds, error, Basis.TABLE)
        return found._replace(seconds=seconds)


def datasheet(m: int, n: int, k: int, peak: Peaks) -> Estimate:
    """Nothing but peaks: the roofline at a usual efficiency, and a launch."""
    seconds = max(roofline(m, n, k, peak)) / DATASHEET_EFFICIENCY + DATASHEET_LAUNCH
    return Estimate(seconds, DATASHEET_ERROR, Basis.DATASHEET)
