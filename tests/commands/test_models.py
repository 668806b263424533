from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from doubletime.cli import main
from doubletime.shapes import PUBLISHED
from tests.shapes.configs import LLAMA_31


def test_the_list_has_every_published_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    told = capsys.readouterr().out
    assert {line.split()[0] for line in told.splitlines() if line.split()} > set(PUBLISHED)
    assert "671.0 B" in told
    assert "8/256" in told


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(PUBLISHED)
    assert rows["llama-3.1-8b"]["kv_bytes_per_token"] == 32 * 2 * 8 * 128 * 2
    assert rows["deepseek-v3"]["kv_bytes_per_token"] == 61 * (512 + 64) * 2
    assert rows["gpt-oss-120b"]["kv_bytes_per_token_beyond_window"] == 18 * 2 * 8 * 64 * 2
    assert (rows["llama-3.1-8b"]["runs"], rows["deepseek-v3"]["runs"]) == (True, False)


def test_one_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "Qwen3-30B-A3B"]) == 0
    told = capsys.readouterr().out
    assert "30,532,122,624" in told
    assert "runs" in told


def test_a_config_or_a_folder_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(LLAMA_31))
    for name in (config, tmp_path):
        assert main(["models", str(name), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["parameters"] == 8_030_261_248


@pytest.mark.parametrize(
    ("text", "error"), [("{", "is no JSON"), ("[]", "holds no JSON object"), (None, "has no config.json")]
)
def test_what_is_no_config_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, error: str
) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    assert main(["models", str(tmp_path)]) == 1
    assert error in capsys.readouterr().err


def test_an_unknown_name_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "gpt-5"]) == 1
    assert "deepseek-v3" in capsys.readouterr().err


def test_no_torch_is_imported() -> None:
    code = "import sys; from doubletime.cli import main; main(['models', '--json']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0
