from __future__ import annotations

import io
import json
import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from doubletime import LLM, SamplingParams
from doubletime.cli import main
from tests.served import COMMAND, ENVIRONMENT, VOCAB, checkpoint

OPTIONS = ["--kv-memory", "4MB", "--max-model-len", "128", "--ignore-eos", "--max-tokens", "12"]
PROMPT = "The quick brown fox"


@pytest.fixture(scope="module")
def expected() -> tuple[str, list[int], list[int]]:
    """Text, token ids and prompt of the offline engine."""
    with LLM(str(checkpoint()), kv_memory="4MB", max_model_len=128) as llm:
        output = llm.generate(PROMPT, SamplingParams(temperature=0, max_tokens=12, ignore_eos=True))[0]
    return output.outputs[0].text, output.outputs[0].token_ids, output.prompt_token_ids


Expected = tuple[str, list[int], list[int]]


def test_it_prints_the_text(expected: Expected, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(checkpoint()), *OPTIONS, "--prompt", PROMPT]) == 0
    assert capsys.readouterr().out == expected[0] + "\n"


def test_as_json_a_line_for_each_prompt(expected: Expected, capsys: pytest.CaptureFixture[str]) -> None:
    text, ids, prompt = expected
    tokens = ",".join(map(str, prompt))
    assert (
        main(
            [
                "generate",
                str(checkpoint()),
                *OPTIONS,
                "--prompt",
                PROMPT,
                "--prompt-tokens",
                tokens,
                "--n",
                "2",
                "--json",
            ]
        )
        == 0
    )
    by_text, by_ids = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (by_text["prompt"], by_ids["prompt"]) == (PROMPT, None)
    for output in (by_text, by_ids):
        assert output["prompt_token_ids"] == prompt
        assert [choice["index"] for choice in output["outputs"]] == [0, 1]
        assert all((choice["text"], choice["token_ids"]) == (text, ids) for choice in output["outputs"])
        assert all(choice["finish_reason"] == "length" for choice in output["outputs"])


def test_a_dash_reads_stdin(
    expected: Expected, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PROMPT))
    assert main(["generate", str(checkpoint()), *OPTIONS, "--prompt", "-"]) == 0
    assert capsys.readouterr().out == expected[0] + "\n"


def test_a_chat_prompt_goes_through_the_template(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(checkpoint()), *OPTIONS, "--prompt", PROMPT, "--chat", "--json"]) == 0
    with LLM(str(checkpoint()), kv_memory="4MB", max_model_len=128) as llm:
        expected = llm.chat_prompt([{"role": "user", "content": PROMPT}])["prompt_token_ids"]
    assert json.loads(capsys.readouterr().out)["prompt_token_ids"] == expected


def test_random_weights_speak_in_token_ids(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.checkpoints import checkpoint as bare

    assert main(["generate", str(bare("llama")), *OPTIONS, "--prompt-tokens", "5,6,7"]) == 0
    assert len(capsys.readouterr().out.split()) == 12


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([], "give at least one --prompt or --prompt-tokens"),
        (["--prompt-tokens", "5,x"], "x"),
        (["--prompt-tokens", str(VOCAB)], "token id outside"),
        (["--prompt", PROMPT, "--max-tokens", "500"], "the model holds 128"),
        (["--prompt", PROMPT, "--top-p", "2"], "top_p must be from 0 to 1"),
        (["--prompt", PROMPT, "--policy", "fast"], "no policy is named 'fast'"),
        (["--prompt", PROMPT, "--tokenizer", "/nowhere"], "nowhere"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(wrong: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(checkpoint()), *OPTIONS, *wrong]) == 1
    error = capsys.readouterr().err
    assert error.startswith("doubletime generate: ")
    assert told in error
    assert error.count("\n") == 1


def test_as_a_process_with_a_recording(expected: Expected, tmp_path: Path) -> None:
    record = tmp_path / "log"
    command = [*COMMAND, "generate", str(checkpoint()), *OPTIONS, "--prompt", PROMPT, "--record", str(record)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)
    assert done.stdout.decode() == expected[0] + "\n"
    assert main(["replay", str(record)]) == 0


SHORT = ["generate", str(checkpoint()), "--kv-memory", "4MB", "--max-model-len", "128", "--prompt", PROMPT]


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        (["--regex", "[0-9]{3}"], "[0-9]{3}"),
        (["--choice", "left", "--choice", "right"], "left|right"),
        (["--json-object"], r"(?s)\{.*"),
    ],
)
def test_the_output_looks_as_it_must(options: list[str], pattern: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--temperature", "1", *options]) == 0
    assert re.fullmatch(pattern, capsys.readouterr().out.rstrip("\n"))


def test_schemas_and_grammars_are_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "schema.json").write_text('{"enum": [7, null]}')
    assert main([*SHORT, "--json-schema", str(tmp_path / "schema.json")]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO('start: "left" | "right"'))
    assert main([*SHORT, "--grammar", "-"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) in (7, None)
    assert second in ("left", "right")


def test_penalties_biases_and_ends(expected: Expected, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--logit-bias", "40=100", "--min-tokens", "2", "--max-tokens", "5", "--logprobs", "1", "--json"]
    assert main([*SHORT, *options, "--frequency-penalty", "2", "--presence-penalty", "1"]) == 0
    assert main([*SHORT, "--stop-token-id", str(expected[1][2]), "--include-stop", "--json"]) == 0
    biased, stopped = (json.loads(line)["outputs"][0] for line in capsys.readouterr().out.splitlines())
    assert biased["token_ids"] == [40] * 5
    assert [entry["40"]["rank"] > 1 for entry in biased["logprobs"]] == [True] * 5, "of the raw distribution"
    assert (stopped["finish_reason"], stopped["stop_reason"]) == ("stop", expected[1][2])


@pytest.mark.parametrize(
    ("options", "told"),
    [(["--logit-bias", "x=1"], "not a token id, =, and a number"), (["--regex", "a", "--choice", "b"], "not allowed")],
)
def test_wrong_options_are_named(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*SHORT, *options])
    assert told in capsys.readouterr().err
