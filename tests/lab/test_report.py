"""The plotting module, and the report made with it: one file, nothing from outside, nothing unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.compare import Compared, compare, tasks
from doubletime.lab.grid import loads, variants
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.report import units
from doubletime.lab.report.comparison import page
from doubletime.lab.report.palette import DARK, LIGHT, look
from doubletime.lab.report.pareto import Point, frontier
from doubletime.lab.report.scale import clock, linear, logarithmic
from doubletime.lab.report.svg import tag
from tests.lab.fakes import Fake

TRACE = "poisson:rate=2,prompt=lognormal:800:0.8,output=100,n=60"
SLO_1S = SLO(ttft=SECOND, tpot=SECOND // 33)


def cells(
    slo: SLO = SLO_1S, trace: str = TRACE, rates: tuple[float, ...] = (2, 8), *, error_bars: bool = False
) -> list[Compared]:
    axes = {"policy": ["fcfs", "sarathi"], "hardware": ["h100", "tiny"]}
    work = tasks(variants(Design("m<1>", "h100"), axes), loads(trace, rates), slo, 0, None)
    return compare(work, keep_series=True, error_bars=error_bars, rehearse=Fake())


class Reader(HTMLParser):
    """Collects tags, and fails where one is not closed."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((name, dict(attributes)))
        if name not in self.VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


# ---- the report


@pytest.fixture(scope="module")
def html() -> str:
    return page(cells(), TRACE, SLO_1S, "doubletime compare --model 'm<1>'")


def test_the_page_is_well_formed_and_loads_nothing(html: str) -> None:
    reader = read(html)
    assert not any(key in ("src", "href") for _, attributes in reader.tags for key in attributes)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", html)


def test_what_users_write_is_escaped(html: str) -> None:
    assert "m<1>" not in html
    assert "m&lt;1&gt; on h100 and tiny: 4 designs compared" in html


def test_the_page_has_every_part(html: str) -> None:
    for part in (
        "TTFT distribution", "TPOT distribution", "SLO attainment against rate", "Throughput against latency",
        "KV use and batch composition", "All cells", "Error bar of the predictions", "Reproduce",
        "virtual: predicted", "TTFT ≤ 1 s, TPOT ≤ 30.3 ms", "cannot run: the weights take",
    ):  # fmt: skip
        assert part in html
    assert "prefers-color-scheme:dark" in html


def test_each_load_is_a_layer_of_which_the_most_telling_is_shown(html: str) -> None:
    layers = [attributes for name, attributes in read(html).tags if attributes.get("data-layer") == "load"]
    assert {layer["data-value"] for layer in layers} == {"2/s", "8/s"}
    assert all(("hidden" in layer) == (layer["data-value"] == "2/s") for layer in layers)


def test_every_variant_has_a_button_that_hides_it(html: str) -> None:
    tags = read(html).tags
    buttons = {attributes["data-of"] for name, attributes in tags if "data-of" in attributes}
    assert buttons == {"0", "1", "2", "3"}
    assert {attributes["data-variant"] for _, attributes in tags if "data-variant" in attributes} == buttons


def test_error_bars_are_drawn_where_they_were_rehearsed(html: str) -> None:
    assert 'class="error-bar"' not in html
    assert 'class="band"' not in html
    barred = page(cells(error_bars=True), TRACE, SLO_1S, "…")
    assert 'class="error-bar"' in barred
    assert 'class="band"' in barred
    assert "within the error of the times" in barred
    read(barred)


def test_without_an_slo_the_page_says_how_to_ask() -> None:
    html = page(cells(slo=SLO()), TRACE, SLO(), "…")
    assert "No SLO was given" in html
    assert "Most requests within the SLO" not in html


def test_a_closed_loop_has_no_rate() -> None:
    html = page(cells(trace="closed:concurrency=4,n=20", rates=()), "closed:concurrency=4", SLO_1S, "…")
    assert "A closed loop has no rate" in html


def test_a_measured_run_has_neither_series_nor_error_bar() -> None:
    found = cells()
    for cell in found:
        if cell.result is not None:
            cell.result.update(clock="real", error=None)
    html = page([Compared(cell.variant, cell.load, cell.offered, cell.result) for cell in found], TRACE, SLO_1S, "…")
    assert "real: measured" in html
    assert "Error bar of the predictions" not in html
    assert "KV use and batch composition" not in html


def test_a_load_of_which_nothing_was_completed_has_nothing_to_plot() -> None:
    found = cells()
    empty = {"ttft_s": None, "tpot_s": None, "e2e_s": None}
    told = [
        Compared(cell.variant, cell.load, cell.offered, cell.result and cell.result | empty)
        if cell.load.name == "8/s"
        else cell
        for cell in found
    ]
    html = page(told, TRACE, SLO_1S, "…")
    read(html)
    assert "TTFT distribution" in html


def test_a_target_out_of_sight_is_not_drawn() -> None:
    far = SLO(ttft=900 * SECOND, tpot=SECOND // 33)
    html = page(cells(slo=far), TRACE, far, "…")
    assert "SLO 30.3 ms" in html
    assert "SLO 15 min</text>" not in html


# ---- axes


@pytest.mark.parametrize("top", [0.0007, 0.04, 1, 3.3, 47, 99, 12_345])
def test_a_linear_axis_ends_at_a_round_number_above_all_values(top: float) -> None:
    scale = linear([top / 3, top], 0, 100)
    assert scale.high >= top
    assert scale.ticks[-1] == pytest.approx(scale.high)
    assert 3 <= len(scale.ticks) <= 7
    assert scale.at(0) == 0
    assert scale.at(scale.high) == 100


@pytest.mark.parametrize(("low", "high"), [(0.01, 30), (1, 1), (0.2, 0.9), (1e-6, 1e6)])
def test_a_logarithmic_axis_holds_all_values_between_few_ticks(low: float, high: float) -> None:
    scale = logarithmic([low, high], 0, 100)
    assert scale.low < low <= high < scale.high
    assert 2 <= len(scale.ticks) <= 7
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks)
    assert scale.at(low) < scale.at(high * 1.01)


def test_what_is_beyond_an_axis_is_drawn_at_its_end() -> None:
    assert logarithmic([1, 100], 0, 100).at(1e9) == 100
    assert linear([1], 0, 100, high=1.0).at(5) == 100


def test_axes_of_nothing() -> None:
    assert linear([], 0, 1).high > 0
    assert logarithmic([], 0, 1).ticks


@pytest.mark.parametrize(("span", "step"), [(0.4, 0.1), (7, 2), (70, 15), (200, 60), (3600, 900), (500_000, 100_000)])
def test_time_has_the_ticks_of_a_clock(span: float, step: float) -> None:
    ticks = clock(span, 0, 1).ticks
    assert ticks[1] - ticks[0] == pytest.approx(step)


# ---- numbers


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (units.seconds, 0, "0"),
        (units.seconds, 0.00025, "250 µs"),
        (units.seconds, 0.035, "35 ms"),
        (units.seconds, 1, "1 s"),
        (units.seconds, 300, "5 min"),
        (units.seconds, 7200, "2 h"),
        (units.moment, 45, "45 s"),
        (units.moment, 120, "2 min"),
        (units.moment, 150, "2:30 min"),
        (units.moment, 4500, "1:15 h"),
        (units.percent, 0.985, "98.5%"),
        (units.count, 0, "0"),
        (units.count, 950, "950"),
        (units.count, 3400, "3.4k"),
        (units.count, 1_200_000, "1.2M"),
    ],
)
def test_numbers_as_people_write_them(unit: units.Unit, value: float, text: str) -> None:
    assert unit(value) == text


# ---- looks


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear_parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear_parts, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_can_be_seen() -> None:
    assert all(contrast(colour, "#ffffff") >= 3 for colour in LIGHT)
    assert all(contrast(colour, "#161b21") >= 3 for colour in DARK)


def test_no_two_variants_look_alike() -> None:
    assert len({look(index) for index in range(24)}) == 24


def test_attributes_are_escaped() -> None:
    assert tag("g", "x", data_a='"<', class_="c", width=1.234, gone=None) == (
        '<g data-a="&quot;&lt;" class="c" width="1.23">x</g>'
    )


def test_the_frontier_is_what_nothing_beats() -> None:
    points = [Point(0, "a", "", latency, throughput, 0.0) for latency, throughput in ((1, 1), (2, 3), (3, 2), (2, 1))]
    assert [(point.latency, point.throughput) for point in frontier(points)] == [(1, 1), (2, 3)]
