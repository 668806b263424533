from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from doubletime import LLM, SamplingParams
from doubletime.cli import main
from tests.served import checkpoint


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replay") / "log"
    with LLM(str(checkpoint()), kv_memory="4MB", max_model_len=128, policy="sarathi+priority", record=str(path)) as llm:
        llm.generate(["The dog", "The fox"], SamplingParams(max_tokens=10, ignore_eos=True))
    return path


def altered(recording: Path, folder: Path, old: str, new: str) -> str:
    text = recording.read_text()
    assert old in text
    (folder / "altered").write_text(text.replace(old, new, 1))
    return str(folder / "altered")


def test_a_true_recording_is_confirmed(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording)]) == 0
    assert "every plan is the same (policy sarathi+priority)" in capsys.readouterr().out


def test_as_json(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["policy"], told["requests"], told["complete"]) == ("sarathi+priority", 2, True)


def test_an_altered_one_is_not(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = altered(recording, tmp_path, '"duration":', '"duration":1')
    assert main(["replay", path]) == 1
    assert "was altered" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"schema":1', '"schema":99', "has schema 99; this version reads schema 1"),
        ('"doubletime":"log"', '"doubletime":"x"', "no doubletime recording"),
        ('"kind":"result"', '"kind":"miracle"', "unknown event kind 'miracle'"),
        ('"policy":"sarathi+priority"', '"policy":"fast"', "no policy is named 'fast'"),
    ],
)
def test_what_cannot_be_read_is_told(
    recording: Path, tmp_path: Path, old: str, new: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", altered(recording, tmp_path, old, new)]) == 1
    assert told in capsys.readouterr().err


def test_no_such_file_and_an_empty_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "nothing")]) == 1
    (tmp_path / "empty").write_text("")
    assert main(["replay", str(tmp_path / "empty")]) == 1
    told = capsys.readouterr().err
    assert "No such file" in told
    assert "the recording is empty" in told
