// The timeline in motion: its clock, freezing, pointing and keys.

import { byId, choose, h, setText } from "./dom.js";
import { draw, GUTTER, wishedHeight } from "./draw.js";
import { count, duration, plural, shortId } from "./format.js";
import { Lanes } from "./lanes.js";
import { onTheme } from "./theme.js";

const BEHIND_S = 0.7; // steps are told twice a second: drawn so late, they come in smoothly
const SPANS = [["1", "1 s"], ["3", "3 s"], ["10", "10 s"], ["30", "30 s"]];
const FRAME_MS = 40;
const HEIGHTS = [300, 460]; // pixels

export class Timeline {
  #model = new Lanes();
  #span = 3;
  #offset = null; // engine time minus this page's, smoothed, in seconds
  #frozen = null; // the right edge while the user has frozen it
  #halted = null; // the right edge while no feed comes
  #chosen = null;
  #request = null;
  #depth = 1;
  #drawn = null;
  #dirty = true;
  #lastTick = 0;
  #height = 0;
  #onPick;

  /** onPick(id): a lane was clicked. */
  constructor(onPick) {
    this.#onPick = onPick;
    this.canvas = byId("timeline");
    choose(byId("spans"), SPANS, "3", (value) => this.#show(Number(value)));
    byId("freeze").addEventListener("click", () => this.#freeze(this.#frozen === null));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerleave", () => (byId("tip").hidden = true));
    this.canvas.addEventListener("click", (event) => this.#pick(event));
    new ResizeObserver(() => (this.#dirty = true)).observe(this.canvas);
    onTheme(() => (this.#dirty = true));
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const tick = (now) => {
      requestAnimationFrame(tick);
      if (this.#dirty || (!still.matches && now - this.#lastTick >= FRAME_MS && this.#moving())) this.#draw(now);
    };
    requestAnimationFrame(tick);
  }

  add(frame) {
    const offset = frame.time_s - performance.now() / 1000;
    if (this.#offset === null || Math.abs(offset - this.#offset) > 2) this.#offset = offset;
    else this.#offset += 0.1 * (offset - this.#offset);
    this.#depth = Math.max(1, frame.depth);
    this.#model.add(frame);
    this.#dirty ||= this.#frozen === null;
    byId("steps-empty").hidden = this.#model.steps.length > 0 || frame.totals.steps > 0;
    if (this.#frozen === null) this.#say(this.#model.steps.at(-1));
  }

  /** The engine began anew. */
  clear() {
    this.#model.clear();
    this.#offset = null;
    this.#chosen = null;
    this.#freeze(false);
  }

  /** Without a feed time stands still: what is not known must not look like an idle engine. */
  halt(on) {
    this.#halted = on ? this.#edge : null;
    this.#dirty = true;
  }

  highlight(request) {
    this.#request = request;
    this.#dirty = true;
  }

  get #edge() {
    return this.#frozen ?? this.#halted ?? performance.now() / 1000 + (this.#offset ?? 0) - BEHIND_S;
  }

  #moving() {
    return this.#frozen === null && this.#halted === null && this.#model.end > this.#edge - this.#span - 0.2;
  }

  #draw(now) {
    this.#dirty = false;
    this.#lastTick = now;
    const to = this.#edge;
    this.#drawn = draw(this.canvas, this.#model, {
      from: to - this.#span, to, depth: this.#depth, chosen: this.#chosen, request: this.#request,
    });
    this.#grow(wishedHeight(this.#drawn.lanes.length));
  }

  /** Makes room for many lanes, and keeps it: a page that jumps is hard to read. */
  #grow(wish) {
    const height = Math.min(HEIGHTS[1], Math.max(HEIGHTS[0], wish, this.#height));
    if (height === this.#height) return;
    this.#height = height;
    byId("stage").style.height = `${height}px`;
  }

  #show(seconds) {
    this.#span = seconds;
    this.#dirty = true;
  }

  #freeze(on) {
    this.#frozen = on ? this.#edge : null;
    if (!on) this.#chosen = null;
    byId("freeze").setAttribute("aria-pressed", String(on));
    setText(byId("freeze"), on ? "Go on" : "Freeze");
    byId("step-line").setAttribute("aria-live", on ? "polite" : "off");
    this.#dirty = true;
  }

  #key(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === " ") this.#freeze(this.#frozen === null);
    else if (way) this.#walk(way);
    else if (event.key === "Escape") this.#freeze(false);
    else return;
    event.preventDefault();
  }

  /** To the next or the last step; the view follows. */
  #walk(way) {
    const { steps } = this.#model;
    if (!steps.length) return;
    if (this.#frozen === null) this.#freeze(true);
    const at = this.#chosen ? steps.indexOf(this.#chosen) + way : steps.findLastIndex((step) => step.start_s <= this.#frozen);
    this.#chosen = steps[Math.min(steps.length - 1, Math.max(0, at))];
    const { start_s: start, duration_s: length } = this.#chosen;
    if (start < this.#frozen - this.#span) this.#frozen = start + this.#span * 0.9;
    if (start + length > this.#frozen) this.#frozen = start + length + this.#span * 0.1;
    this.#say(this.#chosen);
    this.#dirty = true;
  }

  /** The slab and the step under the pointer. */
  #under(event) {
    if (!this.#drawn) return {};
    const { place, lanes } = this.#drawn;
    if (event.offsetX < GUTTER) return { lane: lanes[Math.floor((event.offsetY - place.top) / place.laneHeight)] };
    const time = place.from + (event.offsetX - GUTTER) / place.perSecond;
    const covers = (one) => one.start_s <= time && time < one.start_s + one.duration_s;
    const lane = lanes[Math.floor((event.offsetY - place.top) / place.laneHeight)];
    const slab = lane?.slabs.findLast((one) => one.start <= time && time < one.end);
    return { lane, slab, step: slab?.step ?? this.#model.steps.findLast(covers) };
  }

  #point(event) {
    const { slab, step } = this.#under(event);
    const tip = byId("tip");
    tip.hidden = !step;
    if (!step) return;
    const lines = [stepText(step)];
    if (slab) lines.unshift(slabText(slab, this.#depth));
    tip.replaceChildren(...lines.map((line) => h("div", {}, line)));
    tip.style.top = `${event.offsetY + 14}px`;
    const right = event.offsetX > this.canvas.clientWidth / 2;
    tip.style.left = right ? "auto" : `${event.offsetX + 12}px`;
    tip.style.right = right ? `${this.canvas.clientWidth - event.offsetX + 12}px` : "auto";
  }

  #pick(event) {
    const { lane, step } = this.#under(event);
    if (step && this.#frozen !== null) {
      this.#chosen = step;
      this.#say(step);
      this.#dirty = true;
    }
    if (lane) this.#onPick(lane.request);
  }

  #say(step) {
    const missed = this.#model.missed ? ` · ${count(this.#model.missed)} steps not told (hatched): more than the feed carries` : "";
    setText(byId("step-line"), step ? stepText(step) + (this.#frozen === null ? missed : "") : "No step yet");
  }
}

function stepText(step) {
  const work = `${plural(step.decodes, "decode")}, ${plural(step.prefill_tokens, "prefill token")}`;
  if (step.steps === 1) return `step ${count(step.step)}: ${duration(step.duration_s)}, ${work}`;
  const each = duration(step.duration_s / step.steps);
  return `steps ${count(step.step - step.steps + 1)} to ${count(step.step)}: ${each} each, ${plural(step.decodes, "decode")}`;
}

function slabText(slab, depth) {
  const tokens = slab.tokens === 1 ? `token ${slab.at}` : `tokens ${slab.at}–${slab.at + slab.tokens - 1}`;
  const whole = slab.top === 0 && slab.bottom === depth;
  const through = whole ? "full depth" : `depth ${slab.top}–${slab.bottom} of ${depth}`;
  return `${shortId(slab.request)}: ${slab.prefill ? "prefill" : "decode"}, ${tokens}, ${through}`;
}
