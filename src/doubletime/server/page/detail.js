// One request in full: what it did, and what it waited for.

import { ask } from "./api.js";
import { stateText } from "./columns.js";
import { bar, byId, h, setText } from "./dom.js";
import { clock, count, duration } from "./format.js";
import { reason } from "./reasons.js";

export class Detail {
  #id = null;
  #onClose;
  #before = null;

  constructor(onClose) {
    this.#onClose = onClose;
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#id !== null) this.close();
    });
  }

  get id() {
    return this.#id;
  }

  async open(id) {
    this.#before ??= document.activeElement;
    this.#id = id;
    this.#build(id);
    byId("detail").hidden = false;
    byId("detail-close").focus();
    await this.#fetch(id);
  }

  /** The newest state, if this request is still among those that are told. */
  show(requests) {
    const found = this.#id && requests.find((one) => one.id === this.#id);
    if (found) this.#fill(found);
  }

  close() {
    this.#id = null;
    byId("detail").hidden = true;
    this.#before?.focus?.();
    this.#before = null;
    this.#onClose();
  }

  async #fetch(id) {
    try {
      const response = await ask(`requests/${encodeURIComponent(id)}`);
      const found = await response.json();
      if (this.#id === id) this.#fill(found);
    } catch (error) {
      const note = byId("detail-body");
      if (this.#id === id && !note.children.length) note.append(h("p", { class: "hint" }, error.message));
    }
  }

  #build(id) {
    const close = h("button", { type: "button", id: "detail-close", onclick: () => this.close() }, "Close");
    byId("detail").replaceChildren(
      h("header", {}, h("h2", { id: "detail-title" }, id), close),
      h("div", { id: "detail-body" }),
    );
  }

  #fill(one) {
    const body = byId("detail-body");
    if (!body.querySelector("dl")) body.replaceChildren(h("p", { class: "state" }), waits(one), h("dl"));
    const waiting = one.waits_for;
    const note = waiting ? ` Waits now: ${waiting.note || reason(waiting.reason)}.` : "";
    setText(body.firstElementChild, `${capital(stateText(one))}.${note}`);
    body.children[1].replaceWith(waits(one));
    body.querySelector("dl").replaceChildren(...facts(one).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function waits(one) {
  const found = Object.entries(one.waited_s.by_reason).filter(([, seconds]) => seconds > 0);
  found.sort(([, a], [, b]) => b - a);
  const rows = found.map(([name, seconds]) =>
    h("li", {},
      h("span", { class: "reason" }, h("b", {}, name), " ", h("span", { class: "why" }, reason(name))),
      h("b", { class: "value" }, duration(seconds)),
      bar([{ value: seconds, kind: "wait" }], one.waited_s.total)));
  const { total } = one.waited_s;
  const title = h("h3", {}, total ? `Waited ${duration(total)} of ${duration(one.age_s)}` : "Never waited");
  return h("section", {}, title, h("ul", { class: "reasons" }, ...rows));
}

const facts = (one) => [
  ["Arrived", clock(one.arrived_s)],
  ["Age", duration(one.age_s)],
  ["Prompt", `${count(one.prefilled_tokens)} of ${count(one.prompt_tokens)} tokens computed`],
  ["Found in the cache", `${count(one.cached_tokens)} tokens`],
  ["Output", `${count(one.output_tokens)} of at most ${count(one.max_tokens)} tokens`],
  ["Choices", count(one.choices)],
  ["To the first token", duration(one.ttft_s)],
  ["A token after it", duration(one.tpot_s)],
  ["KV blocks", (one.blocks ?? []).map(count).join(" + ") || "–"],
  ["Preemptions", count(one.preemptions)],
  ["Priority", count(one.priority)],
  ["Tenant", one.tenant || "–"],
];
