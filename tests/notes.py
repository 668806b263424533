"""What tests want to have printed at the end, also from the workers of pytest-xdist, which cannot print."""

from __future__ import annotations

from typing import Any

import pytest

_NOTES = pytest.StashKey[dict[str, list[str]]]()
_SENT = "notes"


def add_note(config: pytest.Config, title: str, lines: list[str]) -> None:
    """A section for the end of the output."""
    config.stash.setdefault(_NOTES, {}).setdefault(title, []).extend(lines)


def send(config: pytest.Config) -> None:
    """A worker hands its notes to the process that prints."""
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[_SENT] = config.stash.get(_NOTES, {})


def receive(config: pytest.Config, output: dict[str, Any]) -> None:
    for title, lines in output.get(_SENT, {}).items():
        add_note(config, title, lines)


def show(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for title, lines in config.stash.get(_NOTES, {}).items():
        reporter.section(title)
        for line in lines:
            reporter.write_line(line)
