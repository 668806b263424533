"""What a log teaches about a machine, and what it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubletime.core.log import BadLog
from doubletime.hardware.calibration import NEUTRAL, Calibration, read_calibration
from doubletime.hardware.machine import Overheads
from doubletime.hardware.step import StepCost
from doubletime.lab.calibrate.run import Calibrated, calibrate, save
from doubletime.shapes import published_shape
from tests.hardware.fake import OVERHEADS
from tests.lab.calibrate.runs import LAYOUT, MACHINE, SHAPE, serve, write_trace

TRUTH = Calibration(linear=1.25, attention=0.9, overheads={"step": 5e-4, "layer": 2e-5})


def cost(scale: Calibration = NEUTRAL) -> StepCost:
    return StepCost(SHAPE, MACHINE, LAYOUT, overlap=True, scale=scale)


def fit(path: Path) -> Calibrated:
    return calibrate(path, SHAPE, MACHINE, LAYOUT, rows=512)


def test_a_recording_of_the_machine_as_it_is_leaves_it_as_it_is(tmp_path: Path) -> None:
    serve(cost(), tmp_path / "log")
    found = fit(tmp_path / "log")
    assert found.source == "steps"
    assert found.after == pytest.approx(0, abs=1e-6)
    for name, knob in (found.scales() | found.overheads()).items():
        assert knob.value == pytest.approx(knob.own, rel=0.01), name


def test_a_recording_of_another_machine_is_explained(tmp_path: Path) -> None:
    serve(cost(TRUTH), tmp_path / "log")
    found = fit(tmp_path / "log")
    assert found.before > 0.1
    assert found.after < 0.005
    assert found.calibration.linear == pytest.approx(1.25, abs=0.08)
    assert found.calibration.overheads["step"] == pytest.approx(5e-4, rel=0.4)
    assert cost(found.calibration).decodes(20, 20 * 700) == pytest.approx(cost(TRUTH).decodes(20, 20 * 700), rel=0.01)


def test_what_no_step_shows_stays_at_its_prior(tmp_path: Path) -> None:
    serve(cost(TRUTH), tmp_path / "log")
    found = fit(tmp_path / "log")
    for name in ("experts", "collective"):  # a dense model on one device has neither
        knob = found.scales()[name]
        assert (knob.value, knob.spread) == (1.0, pytest.approx(0.15))
    assert found.overheads()["host"].value == OVERHEADS.host  # hidden behind the device
    assert found.overheads()["api"].value == OVERHEADS.api  # outside of steps


def test_a_slow_host_is_seen_where_steps_are_short(tmp_path: Path) -> None:
    serve(cost(Calibration(overheads={"host": 8e-3})), tmp_path / "log")
    assert fit(tmp_path / "log").overheads()["host"].value == pytest.approx(8e-3, rel=0.15)


def test_requests_teach_it_too(tmp_path: Path) -> None:
    lines = serve(cost(TRUTH), tmp_path / "log", api=0.02)
    found = fit(write_trace(lines, tmp_path / "trace.jsonl"))
    assert found.source == "requests"
    assert found.after < 0.5 * found.before
    assert cost(found.calibration).decodes(20, 20 * 700) == pytest.approx(cost(TRUTH).decodes(20, 20 * 700), rel=0.05)


def test_time_before_the_first_token_that_no_step_explains_is_the_api(tmp_path: Path) -> None:
    lines = serve(cost(), tmp_path / "log", api=0.02)
    found = fit(write_trace(lines, tmp_path / "trace.jsonl"))
    assert 2 * OVERHEADS.api < found.overheads()["api"].value < 0.025


def test_some_strange_requests_change_little(tmp_path: Path) -> None:
    lines = serve(cost(), tmp_path / "log")
    for line in lines[::20]:
        line["last_token"] += 30.0
    found = fit(write_trace(lines, tmp_path / "trace.jsonl"))
    assert cost(found.calibration).decodes(20, 20 * 700) == pytest.approx(cost().decodes(20, 20 * 700), rel=0.06)


def test_it_is_written_for_simulate_to_read(tmp_path: Path) -> None:
    serve(cost(TRUTH), tmp_path / "log")
    found = fit(tmp_path / "log")
    save(found, tmp_path / "mine.json")
    assert read_calibration(tmp_path / "mine.json") == found.calibration
    about = json.loads((tmp_path / "mine.json").read_text())["about"]
    assert about["error_after"] < about["error_before"]
    assert set(about["parameters"]) == {*found.scales(), *Overheads.__dataclass_fields__}


# ---- what is refused


def test_too_little_is_refused(tmp_path: Path) -> None:
    lines = serve(cost(), tmp_path / "log", requests=3)
    with pytest.raises(ValueError, match="3 usable requests; at least 20"):
        fit(write_trace(lines, tmp_path / "trace.jsonl"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_text("")
    with pytest.raises(ValueError, match="is empty"):
        fit(tmp_path / "trace.jsonl")


def test_a_recording_of_another_model_is_refused(tmp_path: Path) -> None:
    serve(cost(), tmp_path / "log")
    with pytest.raises(BadLog, match="a model of 28 layers; the one named has 32"):
        calibrate(tmp_path / "log", published_shape("llama-3.1-8b"), MACHINE, LAYOUT)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"input_tokens": 5}', "line 1 .* there is no arrival"),
        ("[1, 2]", "line 1 of the trace cannot be read"),
        ("nonsense", "line 1 of the trace cannot be read"),
        (
            '{"arrival": 2, "input_tokens": 5, "output_tokens": 2, "first_token": 1, "last_token": 3}',
            "must come in this order",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "trace.jsonl").write_text(line)
    with pytest.raises(ValueError, match=why):
        fit(tmp_path / "trace.jsonl")
