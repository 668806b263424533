"""A mixture of experts: gate, up and down of those that the rows chose, with weights from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from benchmarks.kernel_bench.ceilings import Ceilings
from benchmarks.kernel_bench.linear import Form
from benchmarks.kernel_bench.record import Record, record
from benchmarks.kernel_bench.timing import seconds_per_call
from doubletime.kernels.cpu import abi
from doubletime.kernels.cpu.binding import library
from doubletime.kernels.cpu.pack import Packed, pack

HIDDEN, INNER, EXPERTS, TOP_K = 2048, 768, 64, 8  # as Qwen3-30B-A3B, with half its experts
FORMS = [Form("bfloat16"), Form("int8 g32", 8), Form("int4 g32", 4)]
ROWS = (1, 8, 32, 256)


def measure(ceilings: Ceilings, budget: float) -> Iterator[Record]:
    """Every form and number of rows, each for about `budget` seconds. Routes are random, and new in every call."""
    for form in FORMS:
        gate_ups = [pack(form.random(2 * INNER, HIDDEN)) for _ in range(EXPERTS)]
        downs = [pack(form.random(HIDDEN, INNER)) for _ in range(EXPERTS)]
        for rows in ROWS:
            routes = [_routes(rows) for _ in range(64)]
            seconds = seconds_per_call(_step(gate_ups, downs, rows, routes), budget)
            used = sum(len(set(each.flatten().tolist())) for each in routes) / len(routes)
            names = ("experts", form.name, f"M={rows} top {TOP_K} of {EXPERTS}")
            kind = abi.Kind(downs[0].matrix.kind)
            nbytes = used * (gate_ups[0].nbytes + downs[0].nbytes)
            yield record(names, seconds, kind, nbytes, 6.0 * rows * TOP_K * HIDDEN * INNER, ceilings)


def _routes(rows: int) -> torch.Tensor:
    return torch.rand(rows, EXPERTS).topk(TOP_K).indices.int()


def _step(gate_ups: list[Packed], downs: list[Packed], rows: int, routes: list[torch.Tensor]) -> Callable[[], None]:
    own = [(abi.Matrix * EXPERTS)(*(each.matrix for each in side)) for side in (gate_ups, downs)]
    x, hidden, weights = torch.randn(rows, HIDDEN), torch.zeros(rows, HIDDEN), torch.full((rows, TOP_K), 1 / TOP_K)
    native, calls = library(), iter(range(1 << 60))

    def run() -> None:
        ids = routes[next(calls) % len(routes)]
        chosen = weights.data_ptr(), ids.data_ptr(), TOP_K
        native.dt_experts(*own, EXPERTS, TOP_K, x.data_ptr(), HIDDEN, rows, *chosen, 0, hidden.data_ptr(), HIDDEN)

    return run
