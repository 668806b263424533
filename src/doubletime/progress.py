"""A progress bar on the terminal, imported only when one is shown."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """Shows how many of `total` (None: nobody knows) are done, on stderr, if that is a terminal and `shown` is set."""

    def __init__(self, title: str, total: int | None, *, shown: bool = True) -> None:
        self._title = title
        self._total = total
        self._shown = shown and sys.stderr.isatty()
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        if self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            said = TextColumn("{task.fields[said]}")
            self._bar = Bar(*columns, TimeRemainingColumn(), said, console=Console(stderr=True))
            self._bar.start()
            self._bar.add_task(self._title, total=self._total, said="")
        return self

    def advance(self, steps: int = 1) -> None:
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], steps)

    def say(self, text: str) -> None:
        """Beside the bar: how it is going."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], said=text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
