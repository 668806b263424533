"""A plan for the terminal: the winner, the runners-up, what binds, and how sure it is."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

from doubletime.lab.plan.replicas import Fitted
from doubletime.lab.plan.search import Plan, per_million

if TYPE_CHECKING:
    from rich.table import Table

_NONE = "-"


def show(found: Plan, file: IO[str] | None = None) -> None:
    """Prints the answer first, then what it was chosen from."""
    from rich.console import Console

    console = Console(file=file or sys.stdout, highlight=False, soft_wrap=True)
    for line in (*answer(found), ""):
        console.print(line)
    console.print(_table(found), soft_wrap=False)
    for line in _below(found):
        console.print(line)


def answer(found: Plan) -> list[str]:
    """The winner and whether to trust it."""
    best, goal = found.winner, found.goal
    if best is None:
        top = found.found[0]
        return [
            f"nothing meets the SLO for {goal.attainment:.0%} of the requests within the devices allowed",
            f"closest: {_what(top)} with {top.trial.attainment:.1%}; {top.binds} binds",
        ]
    lines = [f"[bold]{_what(best)}[/]: ${best.cost:,.2f} an hour, {best.trial.attainment:.1%} meet the SLO"]
    return [*lines, _trust(found, best)]


def _trust(found: Plan, best: Fitted) -> str:
    error = f"±{best.trial.error:.1%} ({best.trial.source})"
    if not best.trial.error:
        return "the prediction has no error bar"
    if found.sure:
        return f"it holds within the error of the predicted times, {error}"
    assert found.slow is not None
    text = f"only just: with steps slower by their error, {error}, {found.slow.attainment:.1%} do"
    if found.safe is None:
        return f"{text}, and no allowed number of replicas helps"
    return f"{text}; to be safe take {found.safe.replicas} replicas, ${found.safe.cost:,.2f} an hour"


def _table(found: Plan) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("design", no_wrap=True)
    for title in ("GPUs", "$/h", "$/M\ntokens", "SLO\nmet", "TTFT\nmargin", "TPOT\nmargin", "times\n±"):
        table.add_column(title, justify="right")
    table.add_column("binds")
    for fitted in found.found:
        table.add_row(_what(fitted), *_figures(fitted), style=None if fitted.meets else "dim")
    return table


def _figures(fitted: Fitted) -> tuple[str, ...]:
    trial, tokens = fitted.trial, per_million(fitted)
    return (
        str(fitted.devices),
        f"{fitted.cost:,.2f}",
        _NONE if tokens is None else f"{tokens:.2f}",
        f"{trial.attainment:.1%}",
        _percent(trial.ttft_margin),
        _percent(trial.tpot_margin),
        f"{trial.error:.1%}",
        fitted.binds,
    )


def _what(fitted: Fitted) -> str:
    """The design in words: replicas of an engine of devices, under a policy."""
    design = fitted.arm.design
    parallel = [f"{key}{size}" for key, size in (("tp", design.tp), ("pp", design.pp)) if size > 1]
    return f"{fitted.replicas} x {' '.join([design.hardware, *parallel])}, {design.policy}"


def _below(found: Plan) -> list[str]:
    """On what it rests, and what was never tried."""
    asked = found.demand
    lines = [
        f"{found.tried} engines and policies tried on {asked.requests:,} requests at {asked.rate:.3g}/s.",
        f"Margins are those of the {found.goal.attainment:.0%} of requests that must meet a target.",
        "Prices are for one device on demand, and an assumption: --price gives your own.",
    ]
    for binds in dict.fromkeys(one.binds for one in found.pruned):
        names = "; ".join(one.name for one in found.pruned if one.binds == binds)
        lines.append(f"Left out for {binds}: {names}.")
    return lines


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{value:.0%}"
