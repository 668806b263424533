"""The table of ratios, and the failures below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.peerbench.records import Failure, Record, Row, Spread, ratios, rows, spread

_QUIET = 0.1  # cores
_HEADERS = ("", "bit", "what", "ours", "peer", "theirs", "ours ÷ theirs", "")


def table(records: Iterable[Record], ours: str) -> str:
    """One line a row and peer: medians, and the median, least and most of the rounds' ratios. Lines are `|`-separated,
    so that they can be pasted into Markdown."""
    lines: list[Sequence[str]] = [_HEADERS]
    for row, engines in rows(records).items():
        for peer, found in ratios(engines, ours):
            middle = (_number(spread(engines[each].values()).median) for each in (ours, peer))
            mine, theirs = middle
            lines.append(
                (row.model, row.precision, _what(row), mine, peer, theirs, _ratio(found), _verdict(row, found))
            )
        for alone in () if ours in engines else engines:
            theirs = _number(spread(engines[alone].values()).median)
            lines.append((row.model, row.precision, _what(row), "-", alone, theirs, "-", ""))
    return _aligned(lines)


def disturbed(records: Iterable[Record]) -> str:
    """A warning if others used more than a tenth of a core while an engine was measured, else nothing."""
    shares = [each.others for each in records if each.section != "busy"]
    if not shares or max(shares) < _QUIET:
        return ""
    most, often = max(shares), sum(share >= _QUIET for share in shares) / len(shares)
    return (
        f"warning: other processes used up to {most:.1f} cores ({often:.0%} of the figures): measure on a quiet machine"
    )


def failures(found: Iterable[Failure]) -> str:
    """One line each."""
    lines = []
    for each in found:
        when = "not run" if each.round is None else f"failed in round {each.round + 1}"
        lines.append(f"{each.engine}, {each.section}, {each.model}, {each.precision} bit: {when}: {each.error}")
    return "\n".join(dict.fromkeys(lines))


def _what(row: Row) -> str:
    return f"{row.what}, {row.unit}"


def _ratio(found: Spread) -> str:
    return f"{found.median:.2f} ({found.least:.2f} to {found.most:.2f})"


def _verdict(row: Row, found: Spread) -> str:
    """Whether every round agrees on who is better."""
    worst, best = (found.least, found.most) if row.more_is_better else (1 / found.most, 1 / found.least)
    return "better" if worst > 1 else "worse" if best < 1 else "even"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADERS))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([text[0], rule, *text[1:]])
