"""A comparison as a table for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from doubletime.lab.columns import NONE, Column, bar, best, columns, error_of, texts
from doubletime.lab.compare import Compared

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_ENDLESS = 10_000  # columns of characters
_SPREAD = ("slo", "attainment")  # the figure that is shown with its error bar, where there are some
_FEWEST = 4  # columns that are shown however narrow the terminal is


def show(found: Sequence[Compared], file: IO[str] | None = None) -> None:
    """Prints all cells by load; a star marks the best of each column among those of a load."""
    from rich.console import Console

    console = Console(file=file or sys.stdout, highlight=False)
    shown = [column for column in columns(found) if column.place != ("error",)]  # `_errors` tells those
    differing = [column for column in shown if len(texts(column, found)) > 1] or shown
    fitting, table = len(differing), _table(found, differing)
    while fitting > _FEWEST and _width(console, table) > console.width:
        fitting -= 1
        table = _table(found, differing[:fitting])
    console.print(table)
    for line in _below(found, [column for column in shown if column not in differing], differing[fitting:]):
        console.print(line)


def _width(console: Console, table: Table) -> int:
    """What the table takes where nothing is cut."""
    return console.measure(table, options=console.options.update(width=_ENDLESS)).maximum


def _table(found: Sequence[Compared], shown: Sequence[Column]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("design", no_wrap=True, vertical="bottom")
    for column in shown:
        table.add_column(column.title.replace(", ", "\n").replace(" ", "\n", 1), justify="right")
    winners = [best(column, found) for column in shown]
    several = len({cell.load.name for cell in found}) > 1
    for at, cell in enumerate(found):
        if several and (at == 0 or found[at - 1].load != cell.load):
            table.add_row(f"[bold]{cell.load.name}[/]")
        last = at + 1 < len(found) and found[at + 1].load != cell.load
        table.add_row(several * "  " + cell.variant.name, *_figures(cell, at, shown, winners), end_section=last)
    return table


def _below(found: Sequence[Compared], alike: Sequence[Column], dropped: Sequence[Column]) -> list[str]:
    """What the table itself does not say."""
    lines = ["* best of its column" + (" at that load" if len({cell.load.name for cell in found}) > 1 else "")]
    if alike:
        lines.append("alike in all: " + ", ".join(f"{column.title} {min(texts(column, found))}" for column in alike))
    if dropped:
        lines.append(f"no room for: {'; '.join(column.title for column in dropped)} (--json has all)")
    lines += _errors(found)
    refused = {cell.variant.name: cell.refused for cell in found if cell.refused}
    return lines + [f"{name} cannot run: {why}" for name, why in refused.items()]


def _errors(found: Sequence[Compared]) -> list[str]:
    """How far step times may be off, by what they rest on."""
    told: dict[str, list[float]] = {}
    for cell in found:
        if cell.result is not None and (error := error_of(cell.result)) is not None:
            told.setdefault(cell.result["error"]["source"], []).append(error)
    return [
        f"predicted {source}, ±{min(errors):.1%}" + (f" to {max(errors):.1%}" if max(errors) > min(errors) else "")
        for source, errors in told.items()
    ]


def _figures(cell: Compared, at: int, shown: Sequence[Column], winners: Sequence[set[int]]) -> list[str]:
    if cell.result is None:
        return [NONE] * len(shown)
    figures = []
    for column, winning in zip(shown, winners, strict=True):
        value = column.value(cell.result)
        text = NONE if value is None else column.text(value)
        ends = bar(cell.result, column.place) if column.place == _SPREAD else None
        if ends is not None:
            text += f" ({100 * ends[0]:.1f}-{100 * ends[1]:.1f})"
        figures.append(f"[bold]*{text}[/]" if at in winning else text)
    return figures
