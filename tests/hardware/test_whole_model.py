"""Rehearsals of runs that were measured on real servers. Nothing is fitted to them: operators come from tables.

The overheads (`data/MACHINE/overheads.json`) were set with the two runs of Llama-8B in view; the other two were not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import mean

import pytest

from tests.hardware.served import RUNS, errors

Profile = Callable[[str], Path]
Errors = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def found(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Errors:
    """Relative errors of each run."""
    data, folder = profile("e2e_vllm"), tmp_path_factory.mktemp("calibration")
    return {name: errors(run, data, folder) for name, run in RUNS.items()}


@pytest.mark.parametrize(("figure", "bound"), [("tpot_s mean", 0.03), ("e2e_s mean", 0.04), ("ttft_s p99", 0.08)])
def test_the_mean_error_over_the_runs(found: Errors, figure: str, bound: float) -> None:
    off = {name: each[figure] for name, each in found.items()}
    assert mean(map(abs, off.values())) <= bound, off


@pytest.mark.parametrize("name", RUNS)
def test_no_run_is_far_off(found: Errors, name: str) -> None:
    off = found[name]
    assert abs(off["tpot_s mean"]) <= 0.06, off
    assert abs(off["e2e_s mean"]) <= 0.08, off
    assert abs(off["ttft_s p99"]) <= 0.12, off


def test_the_saturated_run_preempts(found: Errors) -> None:
    assert found["llama-8b on rtx4090"]["preemptions"] > 100  # vLLM's log has no count; KV was at 99 % for minutes
