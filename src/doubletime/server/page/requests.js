// The table of requests: sorted, filtered, updated in place so that focus and selections stay.

import { COLUMNS, isLive, stateText, waitTitle } from "./columns.js";
import { byId, choose, h, setText } from "./dom.js";

const WHICH = [["all", "All"], ["live", "Live"], ["waiting", "Waiting"]];
const FILTERS = { all: () => true, live: isLive, waiting: (one) => one.waits_for !== null && isLive(one) };

export class Requests {
  #requests = [];
  #column = COLUMNS[1];
  #descending = false;
  #which = "all";
  #rows = new Map();
  #selected = null;
  #onPick;

  /** onPick(id): a request was chosen. */
  constructor(onPick) {
    this.#onPick = onPick;
    choose(byId("which"), WHICH, "all", (value) => {
      this.#which = value;
      this.#draw();
    });
    byId("columns").append(...COLUMNS.map((column) => this.#head(column)));
    this.#mark();
  }

  show(requests) {
    this.#requests = requests;
    this.#draw();
  }

  select(id) {
    this.#selected = id;
    for (const [key, row] of this.#rows) row.node.toggleAttribute("data-selected", key === id);
  }

  #head(column) {
    const button = h("button", { type: "button", onclick: () => this.#sortBy(column) }, column.name);
    return h("th", { scope: "col", class: column.numeric ? "number" : null }, button);
  }

  #sortBy(column) {
    this.#descending = this.#column === column ? !this.#descending : Boolean(column.numeric);
    this.#column = column;
    this.#mark();
    this.#draw();
  }

  #mark() {
    [...byId("columns").children].forEach((cell, at) => {
      if (COLUMNS[at] === this.#column) cell.setAttribute("aria-sort", this.#descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  }

  #draw() {
    const shown = this.#requests.filter(FILTERS[this.#which]).sort((one, other) => this.#compare(one, other));
    const kept = new Set(shown.map((one) => one.id));
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue;
      row.node.remove();
      this.#rows.delete(id);
    }
    shown.forEach((one, at) => this.#place(this.#row(one), at));
    setText(byId("request-count"), shown.length ? `${shown.length} shown` : "");
    byId("requests-empty").hidden = shown.length > 0;
    setText(byId("requests-empty"), this.#requests.length ? "None of these now." : "No request yet. The chat sends one.");
  }

  /** Equal ones: the newest first. */
  #compare(one, other) {
    const [a, b] = [this.#column.sort(one), this.#column.sort(other)];
    const way = this.#descending ? -1 : 1;
    if (a === b) return other.arrived_s - one.arrived_s;
    return a < b ? -way : way;
  }

  #row(one) {
    let row = this.#rows.get(one.id);
    if (!row) {
      row = this.#build(one.id);
      this.#rows.set(one.id, row);
    }
    row.node.dataset.state = one.state;
    row.node.dataset.finish = one.finish_reason ?? "";
    COLUMNS.forEach((column, at) => setText(row.texts[at], column.text(one)));
    row.texts[2].title = waitTitle(one);
    row.texts[0].setAttribute("aria-label", `${one.id}, ${stateText(one)}`);
    return row;
  }

  #build(id) {
    const button = h("button", { type: "button", class: "id", title: id });
    const texts = COLUMNS.map((column, at) => (at ? h("td", { class: column.numeric ? "number" : null }) : button));
    const cells = texts.map((text, at) => (at ? text : h("td", {}, button)));
    const node = h("tr", { onclick: () => this.#onPick(id) }, ...cells);
    node.toggleAttribute("data-selected", id === this.#selected);
    return { node, texts };
  }

  #place(row, at) {
    const rows = byId("rows");
    if (rows.children[at] !== row.node) rows.insertBefore(row.node, rows.children[at] ?? null);
  }
}
