"""Float32 rows that live for one step."""

from __future__ import annotations

import torch
from torch import Tensor

_REMEMBERED = 512  # views


class Arena:
    """Hands out rows of one buffer; `begin` takes them all back.

    Steps ask for the same rows again and again, so views are remembered: making one, like every call into torch, gives
    the interpreter's lock away, and the engine's thread, which has just got a result, would keep it while the next step
    waits.
    """

    def __init__(self, width: int) -> None:
        self._buffer = torch.empty(0, width)
        self._views: dict[tuple[int, int], Tensor] = {}  # (first row, rows)
        self._used = 0

    def begin(self) -> None:
        """A new step: what was handed out is free."""
        self._used = 0

    def take(self, rows: int) -> Tensor:
        """A tensor [rows, width] with anything in it."""
        view = self._views.get((self._used, rows))
        if view is None:
            view = self._view(rows)
        self._used += rows
        return view

    def _view(self, rows: int) -> Tensor:
        if self._used + rows > len(self._buffer) or len(self._views) >= _REMEMBERED:
            self._views.clear()
        if self._used + rows > len(self._buffer):  # what was handed out keeps the old buffer alive
            self._buffer, self._used = torch.empty(2 * (self._used + rows), self._buffer.shape[1]), 0
        view = self._views[self._used, rows] = self._buffer[self._used : self._used + rows]
        return view
