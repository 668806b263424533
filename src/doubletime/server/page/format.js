// Numbers as people read them. null and undefined are a dash.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const DASH = "–";
const known = (value) => typeof value === "number" && Number.isFinite(value);

export const count = (value) => (known(value) ? grouped.format(value) : DASH);

/** A rate: one decimal where it matters. */
export function rate(value) {
  if (!known(value)) return DASH;
  return value > 0 && value < 10 ? value.toFixed(1) : grouped.format(value);
}

/** A number for the scale of a chart. */
export const compact = (value) => short.format(value);

export const percent = (share) => (known(share) ? `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)}%` : DASH);

/** Seconds, in the unit that needs the fewest digits. */
export function duration(seconds) {
  if (!known(seconds)) return DASH;
  if (seconds === 0) return "0 s";
  if (seconds < 0.01) return `${(1000 * seconds).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** The time of day of a unix time. */
export const clock = (seconds) => (known(seconds) ? new Date(1000 * seconds).toLocaleTimeString() : DASH);

/** “1 step”, “2 steps”. */
export const plural = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** The end of an id, which is what tells it from others. */
export const shortId = (id) => (id.length > 10 ? `…${id.slice(-8)}` : id);
