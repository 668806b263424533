"""How hypothesis searches: the same examples on every run, unless asked otherwise with --hypothesis-profile.

And what is printed at the end (notes.py).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, settings

from tests import notes

settings.register_profile("same", deadline=None, derandomize=True, database=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.register_profile("mutants", settings.get_profile("same"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("same")


def pytest_sessionfinish(session: pytest.Session) -> None:
    notes.send(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    notes.receive(node.config, getattr(node, "workeroutput", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    notes.show(terminalreporter, config)
