"""The published bars of reference measurements: what a fit misses on products that it has not seen.

The ordinary run takes a sample of the rows and keeps the shipped constants of the base; `slow` fits everything anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from doubletime.hardware.ops.linear import peaks  # noqa: E402
from doubletime.hardware.specs import SPECS  # noqa: E402
from doubletime.hardware.store import Store  # noqa: E402
from tools.fitting import cross, linear, protocol  # noqa: E402

BARS = {"rows": 0.06, "shapes": 0.05, "grid": 0.06}
SAMPLE = 9000
Profile = Callable[[str], Path]


def table_of(profile: Profile, machine: str, weights: str = "bfloat16") -> protocol.Table:
    data = profile("aiconfigurator").parent
    ((_, formats),) = linear.measured(data, machine)
    return linear.clean(formats, weights, SPECS[machine])


@pytest.mark.parametrize("machine", ["h100", "a100"])
def test_bars_are_met_on_a_sample(profile: Profile, machine: str) -> None:
    table = table_of(profile, machine)
    shipped = Store(machine).own("linear_bfloat16")
    assert shipped is not None
    constants = tuple(shipped["constants"])
    operator = linear.operator_of(peaks(SPECS[machine], "bfloat16"))._replace(constants=lambda _: constants)
    chosen = np.random.default_rng(1).random(len(table.seconds)) < SAMPLE / len(table.seconds)
    sample = table.take(chosen)
    found = protocol.held_out(sample, operator, linear.splits(sample))
    assert {name: error for name, error in found.items() if error > BARS.get(name, 0.1)} == {}


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["h100", "a100", "h200", "b200"])
def test_bars_are_met_on_all_rows(profile: Profile, machine: str) -> None:
    fitted = linear.fit_format(table_of(profile, machine), SPECS[machine], "bfloat16", "")
    assert {name: error for name, error in fitted["about"]["held_out"].items() if error > BARS.get(name, 0.1)} == {}


def test_the_shipped_fit_is_close_to_what_it_was_fitted_on(profile: Profile) -> None:
    from doubletime.hardware.known import machine

    table, gpu = table_of(profile, "h100"), machine("h100")
    off = [
        abs(gpu.linear(int(m), int(n), int(k), "bfloat16").seconds / seconds - 1)
        for (m, n, k), seconds in zip(table.shapes[::29], table.seconds[::29], strict=True)
    ]
    assert sum(off) / len(off) < 0.04


def test_layers_that_others_measured_are_predicted_without_having_seen_them(
    profile: Profile, record_property: Callable[[str, object], None]
) -> None:
    """Reported, not tuned: Vidur's kernels are of 2023, LLMServingSim's times include launches."""
    data = profile("vidur").parent
    found = {
        "vidur a100": cross.compare(cross.vidur(data, "a100", step=8), "a100")["all"],
        "vidur h100": cross.compare(cross.vidur(data, "h100", step=8), "h100")["all"],
        "llmservingsim h100": cross.compare(cross.llmservingsim(data, step=64), "h100")["all"],
    }
    for name, compared in found.items():
        record_property(name, str(compared))
        print(f"{name}: {compared.error:.1%} mean error over {compared.rows} rows, {compared.bias:+.1%} of the sum")
    assert found["vidur a100"].error < 0.2
    assert found["vidur h100"].error < 0.3
    assert found["llmservingsim h100"].error < 0.15
