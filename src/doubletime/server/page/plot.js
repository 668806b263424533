// The frame and the curves of a chart over time.

import { fit } from "./canvas.js";
import { colours } from "./theme.js";

const LEFT = 44; // labels of the scale
const HEAD = 5; // so that the top label is not cut

/** A cleared canvas with a scale from 0 to `top`, and where values belong on it. */
export function plot(canvas, history, top, label) {
  const { context, width, height } = fit(canvas);
  const { end, span } = history;
  const x = (time) => LEFT + (1 - (end - time) / span) * (width - LEFT);
  const y = (value) => height - 1 - (value / top) * (height - 1 - HEAD);
  context.textAlign = "right";
  for (const value of [0, top]) {
    context.fillStyle = colours.line;
    context.fillRect(LEFT, Math.round(y(value)), width - LEFT, 1);
    context.fillStyle = colours["ink-2"];
    context.fillText(label(value), LEFT - 6, y(value) + (value ? 5 : 0));
  }
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT, height);
  context.clip();
  return { context, x, y, height };
}

/** The time under a pointer, in seconds back from the newest point. */
export function backAt(canvas, history, offsetX) {
  const share = Math.min(1, Math.max(0, (offsetX - LEFT) / (canvas.clientWidth - LEFT)));
  return history.span * (1 - share);
}

/** A line over a faint area. */
export function line({ context, x, y }, stretches, value, colour) {
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.strokeStyle = colour;
  for (const stretch of stretches) {
    area({ context, x, y }, stretch, () => 0, value, colour, 0.13);
    context.beginPath();
    stretch.forEach((point, at) => context[at ? "lineTo" : "moveTo"](x(point.time), y(value(point))));
    context.stroke();
  }
}

/** The area between two curves. */
export function area({ context, x, y }, stretch, low, high, colour, alpha = 1) {
  context.beginPath();
  for (const point of stretch) context.lineTo(x(point.time), y(high(point)));
  for (const point of stretch.toReversed()) context.lineTo(x(point.time), y(low(point)));
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}

/** Where the pointer is. */
export function needle({ context, x, height }, point) {
  context.fillStyle = colours.ink;
  context.fillRect(Math.round(x(point.time)), 0, 1, height);
}

export function nearest(stretches, time) {
  const distance = (point) => Math.abs(point.time - time);
  return stretches.flat().reduce((best, one) => (best && distance(best) <= distance(one) ? best : one), null);
}
