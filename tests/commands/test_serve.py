"""What `doubletime serve` makes of its options and the environment."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from doubletime.commands.serve import add_arguments, server_settings
from doubletime.server.monitor.settings import MonitorSettings
from doubletime.server.settings import ServerSettings


def settings(*options: str, **environment: str) -> ServerSettings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return server_settings(parser.parse_args(options), environment)


def test_by_default_it_listens_here_without_keys_or_foreign_pages() -> None:
    expected = ServerSettings(host="127.0.0.1", api_keys=(), origins=(), monitor=MonitorSettings(10.0))
    assert settings() == expected


def test_every_option_is_taken() -> None:
    given = settings(
        "--host", "0.0.0.0", "--port", "9000", "--served-model-name", "m", "--api-key", "a", "--api-key", "b",
        "--max-queue", "5", "--request-timeout", "1.5", "--max-body", "1MB", "--allow-origin", "https://a.example",
        "--grace", "7", "--log-interval", "0", "--metrics-compat", "vllm",
    )  # fmt: skip
    monitor = MonitorSettings(0.0, vllm_names=True)
    expected = ServerSettings(
        "0.0.0.0", 9000, "m", ("a", "b"), 5, 1.5, 1_000_000, ("https://a.example",), 7.0, monitor=monitor
    )
    assert given == expected


def test_keys_come_from_options_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# of the team\n  two \n\nthree\n")
    given = settings("--api-key", "one", "--api-key-file", str(file), DOUBLETIME_API_KEY="four")
    assert given.api_keys == ("one", "two", "three", "four")


def test_a_key_that_is_empty_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# none\n")
    with pytest.raises(ValueError, match="an API key is empty"):
        settings("--api-key", " ")
    with pytest.raises(ValueError, match="an API key is empty"):
        settings(DOUBLETIME_API_KEY="")
    with pytest.raises(ValueError, match="holds no API key"):
        settings("--api-key-file", str(tmp_path / "keys"))
    with pytest.raises(OSError, match="nowhere"):
        settings("--api-key-file", str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--request-timeout", "0"], "more than 0"),
        (["--request-timeout", "inf"], "more than 0"),
        (["--grace", "-1"], "more than 0"),
        (["--log-interval", "-1"], "or 0 for none"),
        (["--max-queue", "0"], "at least 1"),
        (["--port", "70000"], "from 0 to 65535"),
        (["--max-body", "much"], "much"),
    ],
)
def test_what_makes_no_sense_is_refused(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        settings(*options)
    assert told in capsys.readouterr().err
