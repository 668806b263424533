"""The fits of the cost model, on small tables with a known answer."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from doubletime.hardware.ops.linear import Constants, Linear, base, peaks  # noqa: E402
from doubletime.hardware.specs import SPECS  # noqa: E402
from tools.fitting import __main__ as fitting  # noqa: E402
from tools.fitting import curves, linear, protocol  # noqa: E402
from tools.fitting.protocol import Table  # noqa: E402

H100 = SPECS["h100"]
BF16 = peaks(H100, "bfloat16")
TRUE = Constants((0.5, 0.6, 0.7, 0.8), split=0.5, rounding=0.5, memory=0.8, p=3.0, launch=3e-6)


def products(count: int = 600) -> Table:
    """Times of the base itself with constants that the fit does not know."""
    rng = np.random.default_rng(0)
    shapes = np.unique(2 ** rng.integers(0, 14, (count, 3)), axis=0).astype(float)
    return Table(shapes, np.array([base(int(m), int(n), int(k), BF16, TRUE)[0] for m, n, k in shapes]))


def test_the_constants_of_a_base_are_found_again() -> None:
    found = Constants.of(linear.fit_constants(products(), BF16))
    assert (found.memory, found.launch) == pytest.approx((TRUE.memory, TRUE.launch), rel=0.02)


def test_a_fit_survives_the_way_through_its_file() -> None:
    table = products()
    data = json.loads(json.dumps(linear.fit_format(table, H100, "bfloat16", "made up")))
    model = Linear.from_json(data, H100, "bfloat16")
    operator = linear.operator_of(BF16)
    fitted = protocol.fit(table, operator)
    rows = slice(0, None, 37)
    found = [model.estimate(*map(int, shape)).seconds for shape in table.shapes[rows]]
    assert found == pytest.approx(list(protocol.estimate(fitted, table.shapes[rows], operator)), rel=1e-3)
    assert data["about"]["rows"] == len(table.seconds)
    assert set(data["about"]["held_out"]) >= {"rows", "shapes", "extrapolated"}


def test_a_spike_is_dropped_and_a_step_kept() -> None:
    shapes = np.array([[1, 8, 8], [2, 8, 8], [3, 8, 8], [4, 8, 8]], float)
    kept = linear.steady(Table(shapes, np.array([1.0, 9.0, 1.3, 1.2])))
    assert kept.shapes[:, 0].tolist() == [1, 3, 4]


def test_what_only_shows_the_launch_is_dropped() -> None:
    shapes = np.array([[m, 8, 8] for m in (1, 2, 3, 4)], float)
    timed = Table(shapes, np.array([60e-6, 60e-6, 61e-6, 200e-6]))
    plain = Table(shapes, np.array([5e-6, 5e-6, 5e-6, 150e-6]))
    assert linear.captured(timed, plain).shapes[:, 0].tolist() == [4]
    assert len(linear.captured(plain, plain).seconds) == 4


def test_what_came_out_of_the_cache_is_dropped() -> None:
    table = Table(np.array([[1, 4096, 4096], [2, 4096, 4096]], float), np.array([1e-6, 12e-6]))
    assert linear.streamed(table, BF16).shapes[:, 0].tolist() == [2]


def test_groups_are_held_out_whole() -> None:
    keys = np.repeat(np.arange(10.0), 5)[:, None]
    chosen = protocol.random_groups(keys, 0.3)
    assert chosen.sum() == 15
    assert all(len(set(chosen[at : at + 5])) == 1 for at in range(0, 50, 5))


def test_a_curve_rises_and_meets_a_power_law() -> None:
    sizes = np.geomspace(1e3, 1e8, 40)
    curve = curves.fit(sizes, np.maximum(4e-6, sizes / 1e11))
    assert curves.error(curve, sizes, np.maximum(4e-6, sizes / 1e11)) < 0.06
    assert curve["seconds"] == sorted(curve["seconds"])
    assert len(curve["bytes"]) < 12


def test_a_spike_of_a_message_is_cut() -> None:
    sizes, seconds = curves.without_spikes(np.array([1.0, 4.0, 2.0]), np.array([5.0, 6.0, 15.0]))
    assert (sizes.tolist(), seconds.tolist()) == ([1.0, 2.0, 4.0], [5.0, 6.0, 6.0])


def test_the_command_writes_what_the_package_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "aiconfigurator" / "h100_sxm"
    folder.mkdir(parents=True)
    table = products(200)
    with gzip.open(folder / "vllm_0.1.2_gemm.csv.gz", "wt") as file:
        file.write("kernel_source,gemm_dtype,m,n,k,latency_ms\n")
        for (m, n, k), seconds in zip(table.shapes, table.seconds, strict=True):
            file.write(f"slow,bfloat16,{m:.0f},{n:.0f},{k:.0f},{seconds * 2e3}\n")
            file.write(f"quick,bfloat16,{m:.0f},{n:.0f},{k:.0f},{seconds * 1e3}\n")
    assert fitting.main(["h100", "--data", str(tmp_path), "--op", "linear", "--out", str(tmp_path / "out")]) == 0
    assert "h100       linear_bfloat16" in capsys.readouterr().out
    data = json.loads((tmp_path / "out" / "h100" / "linear_bfloat16.json").read_text())
    assert data["about"]["source"] == "aiconfigurator, vLLM 0.1.2"
    m, n, k = map(int, table.shapes[50])
    found = Linear.from_json(data, H100, "bfloat16").estimate(m, n, k).seconds
    assert found == pytest.approx(table.seconds[50], rel=0.1)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fitting.main(["--data", str(tmp_path / "none")]) == 1
    assert "give --data" in capsys.readouterr().err


def test_an_unknown_machine_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fitting.main(["tpu", "--data", str(tmp_path)]) == 1
    assert "no machine 'tpu'; known: a100" in capsys.readouterr().err
