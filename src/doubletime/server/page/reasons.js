// Why requests wait, in words.

import { bar, byId, h } from "./dom.js";
import { count } from "./format.js";

export const REASONS = {
  rows: "the step has no more rows (--max-rows)",
  seats: "every seat is taken (--max-seats)",
  blocks: "no KV blocks are free (--kv-memory)",
  activations: "no room to keep another slab open",
  grain: "clipped to what a KV window holds at once",
  admit: "the policy admits it later",
  busy: "waits for a result or for input",
  policy: "the policy put others first",
};

export const reason = (name) => REASONS[name] ?? name;

export function showQueue(queue) {
  const found = Object.entries(queue.waiting_by_reason).filter(([, waiting]) => waiting > 0);
  found.sort(([, one], [, other]) => other - one);
  const rows = found.map(([name, waiting]) => row(name, waiting, queue.waiting));
  const nobody = queue.waiting ? `${count(queue.waiting)} wait for their first step.` : "Nobody waits.";
  byId("queue").replaceChildren(...(rows.length ? [h("ul", { class: "reasons" }, ...rows)] : [h("p", { class: "hint" }, nobody)]));
}

const row = (name, waiting, all) =>
  h("li", {},
    h("span", { class: "reason" }, h("b", {}, name), " ", h("span", { class: "why" }, reason(name))),
    h("b", { class: "value" }, count(waiting)),
    bar([{ value: waiting, kind: "wait" }], Math.max(all, waiting)));
