// Draws a stretch of time: above, the tokens of each step; below, the slabs in their lanes.

import { fit, niceTop } from "./canvas.js";
import { compact, duration, shortId } from "./format.js";
import { firstAfter } from "./lanes.js";
import { colours } from "./theme.js";

export const GUTTER = 96; // left of time: labels
const STRIP = 30; // height of each of the two strips
const GAP = 8;
const AXIS = 18;
const LANE_MOST = 30;
const LANE_WISH = 8;

/** Where things are: x of a time, and the lanes' place. */
export function layout(width, height, from, to, lanes) {
  const top = 2 * (STRIP + GAP) + 4;
  const laneHeight = Math.min(LANE_MOST, (height - AXIS - top) / Math.max(1, lanes));
  const perSecond = (width - GUTTER) / (to - from);
  return { width, height, top, laneHeight, from, to, perSecond, x: (time) => GUTTER + (time - from) * perSecond };
}

/** The height in which so many lanes can be told apart. */
export const wishedHeight = (lanes) => 2 * (STRIP + GAP) + 4 + AXIS + LANE_WISH * lanes;

/** Draws the view {from, to, depth, chosen: step or null, request: id or null}; returns its layout and lanes. */
export function draw(canvas, model, view) {
  const { context, width: wide, height } = fit(canvas);
  const lanes = model.within(view.from, view.to);
  const place = layout(wide, height, view.from, view.to, lanes.length);
  context.save();
  context.beginPath();
  context.rect(GUTTER, 0, wide - GUTTER, height);
  context.clip();
  ticks(context, place);
  const steps = model.steps.filter((step) => step.start_s <= view.to && step.start_s + step.duration_s >= view.from);
  const tops = {
    decodes: strip(context, place, steps, 0, (step) => step.decodes, colours.decode),
    prefill: strip(context, place, steps, STRIP + GAP, (step) => step.prefill_tokens, colours.prefill),
  };
  lanes.forEach((lane, row) => slabs(context, place, lane, row, view, model.most));
  if (!steps.length && model.steps.length) idle(context, place, view.to - model.end);
  for (const gap of model.gaps) hatch(context, place, gap);
  if (view.chosen) mark(context, place, view.chosen);
  context.restore();
  labels(context, place, lanes, tops, view);
  return { place, lanes };
}

/** The steps of a row side by side, as far as they can be told apart. */
function* parts(left, right, steps) {
  const many = (right - left) / steps >= 3 ? steps : 1;
  const each = (right - left) / many;
  for (let at = 0; at < many; at++) yield [left + at * each, left + (at + 1) * each];
}

/** With a line between neighbours where there is room for one. */
const width = (left, right) => Math.max(right - left - (right - left > 4 ? 1 : 0), 0.75);

/** The values of all steps as bars; returns the top of their scale. */
function strip(context, place, steps, y, value, colour) {
  const top = niceTop(Math.max(1, ...steps.map(value)));
  context.fillStyle = colours.track;
  context.fillRect(GUTTER, y + STRIP, place.width - GUTTER, 1);
  context.fillStyle = colour;
  for (const step of steps) {
    const high = (STRIP * value(step)) / top;
    if (!high) continue;
    for (const [left, right] of parts(place.x(step.start_s), place.x(step.start_s + step.duration_s), step.steps)) {
      context.fillRect(left, y + STRIP - high, width(left, right), high);
    }
  }
  return top;
}

/**
 * A lane's slabs, prefills the darker the more tokens they have (`most`: of the largest). Where they are too narrow to
 * tell apart, neighbours are drawn as one.
 */
function slabs(context, place, lane, row, view, most) {
  const y = place.top + row * place.laneHeight;
  const high = Math.max(1, place.laneHeight - (place.laneHeight > 5 ? 2 : 0.5));
  const faded = view.request && view.request !== lane.request ? 0.3 : 1;
  context.globalAlpha = faded;
  context.fillStyle = colours.track;
  context.fillRect(GUTTER, y, place.width - GUTTER, high);
  let run = null;
  const flush = () => {
    if (!run) return;
    const [from, to] = [high * (run.top / view.depth), high * (run.bottom / view.depth)];
    context.globalAlpha = faded * (run.prefill ? 0.7 + 0.3 * Math.sqrt(run.tokens / most) : 1);
    context.fillStyle = run.prefill ? colours.prefill : colours.decode;
    context.fillRect(run.left, y + from, width(run.left, run.right), Math.max(1, to - from));
  };
  const add = (slab, left, right) => {
    const same = run && run.prefill === slab.prefill && run.top === slab.top && run.bottom === slab.bottom;
    if (same && right - left < 3 && left - run.right < 0.5) {
      run.right = right;
      return;
    }
    flush();
    run = { left, right, top: slab.top, bottom: slab.bottom, prefill: slab.prefill, tokens: slab.tokens };
  };
  for (let at = firstAfter(lane.slabs, view.from); at < lane.slabs.length && lane.slabs[at].start <= view.to; at++) {
    const slab = lane.slabs[at];
    for (const [left, right] of parts(place.x(slab.start), place.x(slab.end), slab.step.steps)) add(slab, left, right);
  }
  flush();
  context.globalAlpha = 1;
}

/** Lines at round times, counted back from the right edge. */
function ticks(context, place) {
  const every = (place.to - place.from) / 6;
  context.textAlign = "center";
  for (let back = every; back < place.to - place.from; back += every) {
    const x = place.x(place.to - back);
    context.fillStyle = colours.line;
    context.fillRect(Math.round(x), 0, 1, place.height - AXIS);
    context.fillStyle = colours["ink-2"];
    if (x > GUTTER + 24) context.fillText(`−${Number(back.toFixed(3))} s`, x, place.height - 5);
  }
}

function idle(context, place, seconds) {
  if (seconds <= 0) return;
  context.fillStyle = colours["ink-2"];
  context.textAlign = "center";
  context.fillText(`idle for ${duration(Math.round(seconds))}`, (GUTTER + place.width) / 2, place.height / 2);
}

/** Over a stretch of which nothing is known: an idle engine looks different. */
function hatch(context, place, gap) {
  const [left, right] = [place.x(gap.start), place.x(gap.end)];
  if (right < GUTTER || left > place.width || right - left < 2) return;
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, place.height - AXIS);
  context.clip();
  context.strokeStyle = colours.cached;
  context.beginPath();
  const step = 6;
  for (let x = Math.floor((left - place.height) / step) * step; x < right; x += step) {
    context.moveTo(x, place.height);
    context.lineTo(x + place.height, 0);
  }
  context.stroke();
  context.restore();
}

function mark(context, place, step) {
  const [left, right] = [place.x(step.start_s), place.x(step.start_s + step.duration_s)];
  context.strokeStyle = colours.ink;
  context.strokeRect(Math.round(left) - 0.5, 0.5, Math.max(2, Math.round(right - left)), place.height - AXIS);
}

function labels(context, place, lanes, tops, view) {
  context.textAlign = "right";
  context.fillStyle = colours["ink-2"];
  context.fillText(`decodes ≤ ${compact(tops.decodes)}`, GUTTER - 10, STRIP - 4);
  context.fillText(`prefill ≤ ${compact(tops.prefill)}`, GUTTER - 10, 2 * STRIP + GAP - 4);
  if (place.laneHeight < 11) {
    context.fillText(`${lanes.length} sequences`, GUTTER - 10, place.top + 12);
    return;
  }
  lanes.forEach((lane, row) => {
    context.fillStyle = lane.request === view.request ? colours.ink : colours["ink-2"];
    context.fillText(shortId(lane.request), GUTTER - 10, place.top + row * place.laneHeight + place.laneHeight / 2 + 3);
  });
}
