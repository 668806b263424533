// What the timeline shows: steps, and their slabs in lanes, a lane a sequence.

const KEPT_S = 35; // seconds of steps that are kept
const IDLE_S = 0.15; // a sequence that has ended leaves its lane after so long

export class Lanes {
  steps = []; // as told: one step, or several (`steps`) that only decode the same sequences
  lanes = []; // [{key, request, last, slabs: [{start, end, request, choice, at, tokens, top, bottom, prefill, step}]}]
  most = 1; // tokens of the largest prefill
  gaps = []; // [{start, end}]: stretches whose steps were not told
  missed = 0; // how many steps that were, since the beginning
  #total = null; // steps that the engine had run when the last frame came
  #of = new Map();
  #prompts = new Map();

  clear() {
    this.steps = [];
    this.lanes = [];
    this.gaps = [];
    this.missed = 0;
    this.#total = null;
    this.#of.clear();
  }

  get end() {
    const last = this.steps.at(-1);
    return last ? last.start_s + last.duration_s : -Infinity;
  }

  /** Takes in the steps of a frame. */
  add(frame) {
    this.#prompts = new Map(frame.requests.map((request) => [request.id, request.prompt_tokens]));
    const living = new Set(frame.requests.filter((one) => one.state !== "finished").map((one) => one.id));
    const known = this.steps.at(-1)?.step ?? -1; // a feed that begins again tells some a second time
    const told = frame.steps.filter((step) => step.step > known);
    this.#compare(frame.totals.steps, told);
    for (const step of told) {
      this.steps.push(step);
      for (const slab of step.slabs) this.#place(step, slab, living);
    }
    this.#trim(frame.time_s - KEPT_S);
  }

  /** Notes what is missing between the last frame's steps and this one's. */
  #compare(total, told) {
    const before = this.#total ?? total;
    const missing = total - before - told.reduce((sum, step) => sum + step.steps, 0);
    this.#total = total;
    if (missing <= 0 || !told.length) return;
    this.missed += missing;
    this.gaps.push({ start: this.end, end: told[0].start_s });
  }

  #place(step, slab, living) {
    const key = `${slab.request}#${slab.choice}`;
    let lane = this.#of.get(key);
    if (!lane) {
      lane = this.#free(step.start_s, living);
      this.#of.delete(lane.key);
      Object.assign(lane, { key, request: slab.request });
      this.#of.set(key, lane);
    }
    lane.last = step.start_s + step.duration_s;
    const prefill = this.#isPrefill(step, slab);
    if (prefill) this.most = Math.max(this.most, slab.tokens);
    lane.slabs.push({
      start: step.start_s, end: lane.last, request: slab.request, choice: slab.choice, at: slab.start, tokens: slab.tokens,
      top: slab.top, bottom: slab.bottom, prefill, step,
    });
  }

  #isPrefill(step, slab) {
    if (!step.prefill_tokens) return false;
    const prompt = this.#prompts.get(slab.request);
    return prompt === undefined ? slab.tokens > 1 : slab.start < prompt;
  }

  /** The first lane whose sequence has ended, else a new one. */
  #free(now, living) {
    const idle = this.lanes.find((lane) => !living.has(lane.request) && lane.last < now + 1e-9 - IDLE_S);
    if (idle) return idle;
    this.lanes.push({ key: "", request: "", last: -Infinity, slabs: [] });
    return this.lanes.at(-1);
  }

  #trim(before) {
    const old = this.steps.findIndex((step) => step.start_s + step.duration_s >= before);
    if (old > 0) this.steps.splice(0, old);
    this.gaps = this.gaps.filter((gap) => gap.end >= before);
    for (const lane of this.lanes) {
      const first = lane.slabs.findIndex((slab) => slab.end >= before);
      if (first !== 0) lane.slabs.splice(0, first < 0 ? lane.slabs.length : first);
    }
    while (this.lanes.length && !this.lanes.at(-1).slabs.length) this.#of.delete(this.lanes.pop().key);
  }

  /** The lanes that have something between two times, the highest place first. */
  within(from, to) {
    return this.lanes.filter((lane) => lane.slabs.length && lane.last >= from && lane.slabs[0].start <= to);
  }
}

/** The place of the first slab that ends after a time. */
export function firstAfter(slabs, time) {
  let [low, high] = [0, slabs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slabs[middle].end < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
