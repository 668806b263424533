// Charts over the last minutes, one under the other, with one pointer for all.

import { niceTop } from "./canvas.js";
import { byId, h, setText } from "./dom.js";
import { compact, count, rate } from "./format.js";
import { backAt, line, nearest, needle, plot } from "./plot.js";
import { colours, onTheme } from "./theme.js";

const CHARTS = [
  { title: "Output tokens/s", value: (point) => point.output, text: rate, colour: "accent" },
  { title: "Prompt tokens/s", value: (point) => point.prompt, text: rate, colour: "prefill" },
  { title: "Running requests", value: (point) => point.running, text: count, colour: "accent" },
  { title: "Waiting requests", value: (point) => point.waiting, text: count, colour: "warn" },
];

export class Series {
  #charts;
  #history;
  #back = null; // seconds back from now, where the pointer is

  constructor(history) {
    this.#history = history;
    this.#charts = CHARTS.map((chart) => this.#build(chart));
    byId("series").append(...this.#charts.map((chart) => chart.node));
    new ResizeObserver(() => this.draw()).observe(byId("series"));
    onTheme(() => this.draw());
  }

  draw() {
    const { span, stretches } = this.#history;
    const shown = this.#back === null ? `Last ${Math.round(span / 60)} min` : `${Math.round(this.#back)} s ago`;
    setText(byId("series-title"), shown);
    for (const chart of this.#charts) this.#draw(chart, stretches);
  }

  #build(chart) {
    const now = h("b", { class: "value" });
    const canvas = h("canvas", { role: "img", "aria-label": `${chart.title} over the last minutes` });
    canvas.addEventListener("pointermove", (event) => this.#point(backAt(canvas, this.#history, event.offsetX)));
    canvas.addEventListener("pointerleave", () => this.#point(null));
    const head = h("div", { class: "series-head" }, h("span", {}, chart.title), now);
    return { ...chart, now, canvas, node: h("div", { class: "series" }, head, canvas) };
  }

  #point(back) {
    this.#back = back;
    this.draw();
  }

  #draw(chart, stretches) {
    const top = niceTop(Math.max(1, ...stretches.flat().map(chart.value)));
    const place = plot(chart.canvas, this.#history, top, compact);
    line(place, stretches, chart.value, colours[chart.colour]);
    const found = nearest(stretches, this.#history.end - (this.#back ?? 0));
    if (found && this.#back !== null) needle(place, found);
    place.context.restore();
    setText(chart.now, found ? chart.text(chart.value(found)) : "–");
  }
}
