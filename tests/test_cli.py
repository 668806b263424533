from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from doubletime import cli


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    told = capsys.readouterr().out
    assert all(name in told for name in cli.COMMANDS)


def test_help_of_the_command_line_loads_nothing_heavy() -> None:
    code = "import sys, doubletime.cli as c; c._parser('serve').format_help(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "tokenizers", "starlette", "uvicorn", "transformers", "rich"} & set(loaded)


def test_serve_knows_its_options() -> None:
    args = cli._parser("serve").parse_args(
        "serve folder --port 0 --kv-memory 64MB --max-model-len 512 --in-flight 2 --policy sarathi+priority".split()
    )
    assert (args.model, args.host, args.port, args.policy) == ("folder", "127.0.0.1", 0, "sarathi+priority")
    assert (args.kv_memory, args.max_model_len, args.in_flight, args.seed) == (64_000_000, 512, 2, 0)
    assert {args.max_seats, args.max_rows, args.record, args.served_model_name} == {None}


@pytest.mark.parametrize(
    "wrong",
    ["--port 65536", "--kv-memory x", "--max-model-len 0", "--dtype int4", "--in-flight 0", "--max-seats x", "--what"],
)
def test_a_wrong_option_is_a_usage_error(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["serve", *wrong.split()])
    assert caught.value.code == 2
    assert wrong.split()[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("outcome", "status", "told"),
    [(0, 0, ""), (3, 3, ""), (ValueError("no such model"), 1, "no such model"), (KeyboardInterrupt(), 130, "")],
)
def test_the_exit_status_tells_what_happened(
    outcome: int | BaseException,
    status: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(_: object) -> int:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(cli, "_load", lambda _: SimpleNamespace(run=run, add_arguments=lambda parser: None))
    assert cli.main(["serve"]) == status
    assert told in capsys.readouterr().err
