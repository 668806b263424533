"""The table of all cells."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.lab.columns import Column, bar, best, columns, texts
from doubletime.lab.compare import Compared
from doubletime.lab.report.page import swatch
from doubletime.lab.report.svg import tag, text


def table(found: Sequence[Compared], names: Sequence[str]) -> str:
    """A row a cell; the best of each column and load is marked. A click on a title sorts."""
    every = columns(found)
    shown = [column for column in every if len(texts(column, found)) > 1] or every
    winners = [best(column, found) for column in shown]
    titles = [_title("load", "word"), _title("design", "word"), *(_title(column.title) for column in shown)]
    rows = [_row(at, found, names, shown, winners) for at in range(len(found))]
    alike = ", ".join(f"{column.title} {min(texts(column, found))}" for column in every if column not in shown)
    note = tag("p", text(f"Alike in all cells: {alike}."), class_="note") if alike else ""
    body = tag("table", tag("thead", tag("tr", *titles)), tag("tbody", *rows))
    return tag("div", body, class_="scroll") + note


def _title(title: str, class_: str | None = None) -> str:
    return tag("th", tag("button", text(title), type="button"), class_=class_)


def _row(
    at: int, found: Sequence[Compared], names: Sequence[str], shown: Sequence[Column], winners: Sequence[set[int]]
) -> str:
    cell = found[at]
    index = names.index(cell.variant.name)
    start = at > 0 and found[at - 1].load != cell.load
    cells = [
        tag("td", text(cell.load.name), class_="word", data_sort=f"{cell.offered or 0:g}"),
        tag("td", swatch(index), text(cell.variant.name), class_="word", data_sort=cell.variant.name),
    ]
    if cell.result is None:
        cells.append(tag("td", text(f"cannot run: {cell.refused}"), class_="why", colspan=len(shown)))
    else:
        cells += [_figure(column, cell, at in winning) for column, winning in zip(shown, winners, strict=True)]
    return tag("tr", *cells, class_="start" if start else None, data_variant=str(index))


def _figure(column: Column, cell: Compared, winning: bool) -> str:
    assert cell.result is not None
    value = column.value(cell.result)
    if value is None:
        return tag("td", "-")
    ends = bar(cell.result, column.place)
    between = ends and f"{column.text(ends[0])} to {column.text(ends[1])} within the error of the times"
    return tag("td", text(column.text(value)), class_="best" if winning else None, data_sort=repr(value), title=between)
