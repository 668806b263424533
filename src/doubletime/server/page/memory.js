// KV blocks by state: now as a bar, over the last minutes as stacked areas; a part a group.

import { niceTop } from "./canvas.js";
import { bar, byId, h } from "./dom.js";
import { compact, count, percent } from "./format.js";
import { area, plot } from "./plot.js";
import { colours, onTheme } from "./theme.js";

const STATES = [
  ["running", "sequences compute with them"],
  ["held", "of preempted sequences; kept in place while nobody needs the memory more"],
  ["cached", "prefixes that a later request may hit; given up when blocks are needed"],
  ["free", "hold nothing"],
];
const STACKED = [["running", "accent"], ["held", "held"], ["cached", "cached"]];

export class Memory {
  #history;
  #parts = [];

  constructor(history) {
    this.#history = history;
    onTheme(() => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(byId("kv"));
  }

  show(groups) {
    if (this.#parts.length !== groups.length) this.#build(groups);
    groups.forEach((group, at) => this.#parts[at].now.replaceChildren(...now(group, groups.length > 1)));
    this.#draw();
  }

  #build(groups) {
    this.#parts = groups.map((group) => {
      const canvas = h("canvas", { role: "img", "aria-label": "KV blocks by state over the last minutes" });
      return { canvas, now: h("div", {}) };
    });
    byId("kv").replaceChildren(...this.#parts.map((part) => h("div", { class: "kv-group" }, part.now, part.canvas)));
  }

  #draw() {
    this.#parts.forEach((part, at) => this.#stack(part.canvas, at));
  }

  #stack(canvas, group) {
    const { points, stretches } = this.#history;
    const most = Math.max(1, ...stretches.flat().map(({ kv }) => kv[group].running + kv[group].held + kv[group].cached));
    const place = plot(canvas, this.#history, Math.min(niceTop(most), points.at(-1).kv[group].total || 1), compact);
    for (const stretch of stretches) {
      let below = () => 0;
      for (const [state, colour] of STACKED) {
        const floor = below;
        const above = (point) => floor(point) + point.kv[group][state];
        area(place, stretch, floor, above, colours[colour]);
        below = above;
      }
    }
    place.context.restore();
  }
}

function now(group, named) {
  const taken = group.total ? (group.running + group.held) / group.total : null;
  const head = h("div", { class: "kv-head" },
    h("span", {}, named ? `group ${group.group}: ` : "", h("b", { class: "value" }, percent(taken)), " in use"),
    h("span", {}, `${count(group.total)} blocks`));
  const legend = STATES.map(([state, meaning]) =>
    h("li", { title: meaning }, h("i", { class: `key ${state}` }), state, " ", h("b", {}, count(group[state]))));
  const parts = STATES.map(([state]) => ({ value: group[state], kind: state }));
  return [head, bar(parts, group.total), h("ul", { class: "keys" }, ...legend)];
}

/** The share of the fullest group that sequences hold. */
export function used(groups) {
  const shares = groups.filter((group) => group.total).map((group) => (group.running + group.held) / group.total);
  return shares.length ? Math.max(...shares) : null;
}
