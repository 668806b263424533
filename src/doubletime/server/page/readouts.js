// The row of numbers on top.

import { byId, h, setText } from "./dom.js";
import { count, percent, rate } from "./format.js";
import { used } from "./memory.js";

const READOUTS = [
  { title: "Output", unit: "tokens/s", value: (frame) => rate(frame.throughput.output_tokens_per_s), lead: true },
  { title: "Prompt", unit: "tokens/s", value: (frame) => rate(frame.throughput.prompt_tokens_per_s) },
  { title: "Answered", unit: "requests/s", value: (frame) => rate(frame.throughput.requests_per_s) },
  { title: "Running", unit: "requests", value: (frame) => count(frame.queue.running) },
  { title: "Waiting", unit: "requests", value: (frame) => count(frame.queue.waiting), alarm: (frame) => frame.queue.waiting > 0 },
  { title: "KV in use", unit: "of blocks", value: (frame) => percent(used(frame.kv)) },
  { title: "Prefix hits", unit: "of prompts", value: (frame) => percent(frame.prefix_hit_rate) },
  { title: "Preemptions", unit: "in all", value: (frame) => count(frame.totals.preemptions) },
];

export class Readouts {
  #values = READOUTS.map((one) => h("b", { class: one.lead ? "value lead" : "value" }, "–"));

  constructor() {
    byId("readouts").append(...READOUTS.map((one, at) =>
      h("div", { class: "readout" }, h("span", {}, one.title), this.#values[at], h("span", { class: "unit" }, one.unit))));
  }

  show(frame) {
    READOUTS.forEach((one, at) => {
      setText(this.#values[at], one.value(frame));
      if (one.alarm) this.#values[at].toggleAttribute("data-alarm", one.alarm(frame));
    });
  }
}
