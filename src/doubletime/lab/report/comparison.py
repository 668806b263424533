"""The report of a comparison: one HTML file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.columns import bar, error_of, figure
from doubletime.lab.compare import SHARES, Compared
from doubletime.lab.report import units
from doubletime.lab.report.cells import table
from doubletime.lab.report.lines import Line, Target, against_rate, distribution
from doubletime.lab.report.page import card, choice, document, layers, legend, named
from doubletime.lab.report.pareto import Point, pareto
from doubletime.lab.report.svg import tag, text
from doubletime.lab.report.tiles import tiles
from doubletime.lab.report.timeline import STRIPS, Tops, timeline

Json = dict[str, Any]
_FIRST_LATENCY = "TTFT p99"
_LATENCIES = (("TTFT", "ttft_s"), ("TPOT", "tpot_s"), ("E2E", "e2e_s"))


def page(found: Sequence[Compared], trace: str, slo: SLO, command: str) -> str:
    """The whole file. At least one cell has a result. `command` reproduces it."""
    report = _Report(found, trace, slo)
    return document(
        report.title,
        report.header(),
        report.controls(),
        report.tiles(),
        tag("div", report.cdf("TTFT"), report.cdf("TPOT"), report.attainment(), report.pareto(), class_="grid"),
        report.timelines(),
        report.table(),
        report.errors(),
        report.reproduce(command),
    )


class _Report:
    def __init__(self, found: Sequence[Compared], trace: str, slo: SLO) -> None:
        self.found = found
        self.trace = trace
        self.slo = slo
        self.names = list(dict.fromkeys(cell.variant.name for cell in found))
        self.loads = list(dict.fromkeys(cell.load.name for cell in found))
        self.first = _telling(found)
        self.results = [cell.result for cell in found if cell.result is not None]

    @property
    def title(self) -> str:
        designs = [cell.variant.design for cell in self.found]
        hardware = " and ".join(dict.fromkeys(design.hardware for design in designs))
        return f"{designs[0].model} on {hardware}: {_many(len(self.names), 'design')} compared"

    def header(self) -> str:
        facts = [
            ("trace", Path(self.trace).name if Path(self.trace).is_file() else self.trace),
            ("requests", f"{self.results[0]['requests']['sent']:,} a cell"),
        ]
        facts += [("SLO", _slo(self.slo))] if self.slo != SLO() else []
        virtual = self.results[0]["clock"] == "virtual"
        facts.append(("clock", "virtual: predicted" if virtual else "real: measured"))
        items = [tag("li", f"{name} ", tag("b", text(value))) for name, value in facts]
        return tag(
            "header",
            tag("div", "doubletime compare", class_="eyebrow"),
            tag("h1", text(self.title)),
            tag("ul", *items, class_="facts"),
        )

    def controls(self) -> str:
        choices = choice("load", self.loads, self.first)
        load = tag("div", tag("span", "load", class_="name"), choices) if choices else ""
        return tag("nav", load, legend(self.names), class_="bar")

    def tiles(self) -> str:
        return layers("load", [(load, tiles(self._at(load), self.names)) for load in self.loads], self.first, "tiles")

    def cdf(self, what: str) -> str:
        key = what.lower()
        asked = getattr(self.slo, key)
        target = None if asked is None else Target(asked / SECOND, f"SLO {units.seconds(asked / SECOND)}")

        def chart(load: str) -> str:
            lines = [
                Line(self._index(cell), cell.variant.name, tuple(zip(getattr(cell, key), SHARES, strict=True)))
                for cell in self._at(load)
                if getattr(cell, key)
            ]
            return distribution(lines, what, target)

        meaning = {"TTFT": "Arrival to first token.", "TPOT": "Time per output token after the first."}[what]
        return card(f"{what} distribution", meaning, self._by_load(chart))

    def attainment(self) -> str:
        """Against the offered rate, where there are rates and something was asked."""
        lines = [line for at, name in enumerate(self.names) if (line := self._attained(at, name)).points]
        if not lines:
            return card("SLO attainment", "No SLO was given: --slo ttft=SECONDS,tpot=SECONDS shows how many meet it.")
        if all(rate is None for rate in (cell.offered for cell in self.found)):
            return card("SLO attainment", "A closed loop has no rate to plot against; the table has the figures.")
        words = "Share of the requests sent that met every target, against how many were offered a second."
        return card("SLO attainment against rate", words, against_rate(lines, "offered requests/s"))

    def _attained(self, variant: int, name: str) -> Line:
        place = ("slo", "attainment")
        points = [
            (cell.offered or 0.0, value, bar(cell.result, place))
            for cell in self.found
            if cell.variant.name == name and cell.result and (value := figure(cell.result, place)) is not None
        ]
        points.sort(key=lambda point: point[0])
        return Line(variant, name, tuple((x, y) for x, y, _ in points), tuple(ends for _, _, ends in points))

    def pareto(self) -> str:
        shown = [(f"{name} {point}", pareto(self._points(key, point), f"{name} {point}"))
                 for name, key in _LATENCIES for point in ("p50", "p99")]  # fmt: skip
        words = "All loads. Up and to the left is better; the dashed line joins what nothing beats in both."
        control = choice("latency", [name for name, _ in shown], _FIRST_LATENCY)
        return card("Throughput against latency", words, layers("latency", shown, _FIRST_LATENCY), control=control)

    def _points(self, key: str, point: str) -> list[Point]:
        return [self._point(cell, cell.result, (key, point)) for cell in self.found if cell.result and cell.result[key]]

    def _point(self, cell: Compared, result: Json, place: tuple[str, str]) -> Point:
        """Throughput is that of one device, so that designs of different size compare."""
        speed, devices = ("throughput", "output_tokens_per_s"), cell.variant.design.devices
        ends = bar(result, speed)
        return Point(
            self._index(cell), cell.variant.name, cell.load.name,
            figure(result, place) or 0.0, (figure(result, speed) or 0.0) / devices,
            bar(result, place), ends and (ends[0] / devices, ends[1] / devices),
        )  # fmt: skip

    def timelines(self) -> str:
        kept = [cell.series for cell in self.found if cell.series is not None]
        if not kept:
            return ""

        def panels(load: str) -> str:
            cells = [(cell, cell.series) for cell in self._at(load) if cell.series is not None]
            if not cells:
                return ""
            tops = Tops.of([series for _, series in cells])
            parts = [
                tag("div", named(self._index(cell), cell.variant.name),
                    timeline(series, cell.variant.name, tops),
                    class_="panel", data_variant=str(self._index(cell)))
                for cell, series in cells
            ]  # fmt: skip
            return tag("div", *parts, class_="panels")

        keys = "".join(tag("span", tag("i", class_=strip.field), strip.key) for strip in STRIPS)
        words = "Means over equal spans of time; rows are summed over replicas. The designs of a load share their axes."
        control = tag("div", keys, class_="keys")
        return card("KV use and batch composition", words, self._by_load(panels), control=control, wide=True)

    def table(self) -> str:
        words = "The best of each column among the designs of a load is marked. Click a title to sort."
        return card("All cells", words, table(self.found, self.names), wide=True)

    def errors(self) -> str:
        told = {
            (cell.variant.design.hardware, error, cell.result["error"]["source"])
            for cell in self.found
            if cell.result is not None and (error := error_of(cell.result)) is not None
        }
        if not told:
            return ""
        worst: dict[tuple[str, str], float] = {}
        for hardware, error, source in told:
            worst[hardware, source] = max(error, worst.get((hardware, source), 0.0))
        items = [
            tag("li", tag("b", text(hardware)), text(f" ±{error:.1%}: {source}"))
            for (hardware, source), error in sorted(worst.items())
        ]
        words = (
            "How far the predicted times of steps may be off, and what they rest on. Near saturation a small error "
            "of a step becomes a large one of a queue: "
        )
        drawn = any(cell.result and "figures" in (cell.result["error"] or {}) for cell in self.found)
        words += (
            "every cell was rehearsed with faster and slower steps too, and the bars and bands show what came of it."
            if drawn
            else "--error-bars rehearses every cell with faster and slower steps too, and draws what comes of it."
        )
        return card("Error bar of the predictions", words, tag("ul", *items), wide=True)

    def reproduce(self, command: str) -> str:
        first = self.results[0]
        kept = {key: first[key] for key in ("version", "seed", "clock", "config")}
        copy = tag("button", "Copy", type="button", class_="copy", data_copy="command")
        config = tag(
            "details",
            tag("summary", "resolved configuration of the first cell"),
            tag("pre", text(json.dumps(kept, indent=1))),
        )
        return card("Reproduce", "", tag("pre", text(command), id="command"), config, control=copy, wide=True)

    def _by_load(self, chart: Callable[[str], str]) -> str:
        return layers("load", [(load, chart(load)) for load in self.loads], self.first)

    def _at(self, load: str) -> list[Compared]:
        return [cell for cell in self.found if cell.load.name == load]

    def _index(self, cell: Compared) -> int:
        return self.names.index(cell.variant.name)


def _telling(found: Sequence[Compared]) -> str:
    """The load at which the designs differ most in what they attain, the heaviest of equals: it is shown first."""
    attained: dict[str, list[float]] = {}
    for cell in found:
        value = cell.result["slo"]["attainment"] if cell.result else None
        attained.setdefault(cell.load.name, []).append(value or 0.0)
    return max(reversed(attained), key=lambda load: round(max(attained[load]) - min(attained[load]), 2))


def _slo(slo: SLO) -> str:
    named = (("TTFT", slo.ttft), ("TPOT", slo.tpot))
    return ", ".join(f"{name} ≤ {units.seconds(value / SECOND)}" for name, value in named if value is not None)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
