from __future__ import annotations

from pathlib import Path

import pytest

from doubletime.hardware.fitted import FittedMachine
from doubletime.hardware.known import NAMES, machine


@pytest.mark.parametrize("name", [*NAMES, "H100", "RTX4090"])
def test_a_known_machine_in_any_case(name: str) -> None:
    assert machine(name).spec.name == name.lower()


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no hardware 'h1000'; known: a100, h100, h200, b200, l40s, rtx4090, rtxpro6"):
        machine("h1000")


def test_a_profile_that_is_not_there_is_told_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="write it with `doubletime profile"):
        machine(str(tmp_path / "mine.json"))


def test_fits_are_read_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, **how: (read.append(path.stem), original(path, **how))[1])
    gpu = machine("h100")
    assert isinstance(gpu, FittedMachine)
    assert read == []
    gpu.linear(1, 4096, 4096, "bfloat16")
    gpu.linear(2, 4096, 4096, "bfloat16")
    assert read == ["linear_bfloat16"]
