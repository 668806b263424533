// What the table of requests tells of each, and how it sorts.

import { count, duration, shortId } from "./format.js";
import { REASONS } from "./reasons.js";

const ORDER = ["running", "held", "waiting", "forking", "finished"];

/** `sort`: what a click on the head sorts by; `text`: the cell; `numeric`: to the right, largest first. */
export const COLUMNS = [
  { name: "Request", sort: (one) => one.id, text: (one) => shortId(one.id) },
  { name: "State", sort: (one) => ORDER.indexOf(one.state), text: stateText },
  { name: "Waits for", sort: (one) => one.waits_for?.reason ?? "", text: waitsFor },
  { name: "Age", numeric: true, sort: (one) => one.age_s, text: (one) => duration(one.age_s) },
  { name: "Waited", numeric: true, sort: (one) => one.waited_s.total, text: (one) => duration(one.waited_s.total) },
  { name: "Prompt", numeric: true, sort: (one) => one.prompt_tokens, text: promptText },
  { name: "Output", numeric: true, sort: (one) => one.output_tokens, text: outputText },
  { name: "TTFT", numeric: true, sort: (one) => one.ttft_s ?? -1, text: (one) => duration(one.ttft_s) },
  { name: "TPOT", numeric: true, sort: (one) => one.tpot_s ?? -1, text: (one) => duration(one.tpot_s) },
  { name: "Cached", numeric: true, sort: (one) => one.cached_tokens, text: (one) => count(one.cached_tokens) },
  { name: "Blocks", numeric: true, sort: (one) => blocksOf(one), text: (one) => count(blocksOf(one)) },
  { name: "Preempted", numeric: true, sort: (one) => one.preemptions, text: (one) => count(one.preemptions) },
];

export const isLive = (one) => one.state !== "finished";

/** Blocks of all KV groups. */
export const blocksOf = (one) => (one.blocks ?? []).reduce((sum, blocks) => sum + blocks, 0);

const ENDS = { error: "failed", cancel: "cancelled" };

/** In a word or two. */
export function stateText(one) {
  if (isLive(one)) return one.state;
  return ENDS[one.finish_reason] ?? (one.finish_reason ? `done (${one.finish_reason})` : "done");
}

function waitsFor(one) {
  const waits = one.waits_for;
  if (!waits) return "";
  return waits.note ? `${waits.reason}: ${waits.note}` : waits.reason;
}

export const waitTitle = (one) => (one.waits_for ? (REASONS[one.waits_for.reason] ?? "") : "");

function promptText(one) {
  const { prefilled_tokens: done, prompt_tokens: all } = one;
  return isLive(one) && done < all ? `${count(done)} / ${count(all)}` : count(all);
}

function outputText(one) {
  const { output_tokens: done, max_tokens: most } = one;
  return isLive(one) && most ? `${count(done)} / ${count(most)}` : count(done);
}
