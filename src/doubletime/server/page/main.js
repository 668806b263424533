// The live page: one feed, and the panels that show it.

import { askForKey, watchKeyDialog } from "./api.js";
import { Chat } from "./chat.js";
import { Detail } from "./detail.js";
import { byId, setText } from "./dom.js";
import { follow } from "./feed.js";
import { count, plural } from "./format.js";
import { History } from "./history.js";
import { Memory } from "./memory.js";
import { showQueue } from "./reasons.js";
import { Readouts } from "./readouts.js";
import { Requests } from "./requests.js";
import { Series } from "./series.js";
import { startTheme } from "./theme.js";
import { Timeline } from "./timeline.js";

startTheme();
watchKeyDialog();

const history = new History();
const readouts = new Readouts();
const series = new Series(history);
const memory = new Memory(history);
const timeline = new Timeline(pick);
const requests = new Requests(pick);
const detail = new Detail(() => highlight(null));
const chat = new Chat(pick);
let lastTime = -Infinity;
let halted = false;

function pick(id) {
  highlight(id);
  detail.open(id);
}

function highlight(id) {
  timeline.highlight(id);
  requests.select(id);
}

function show(frame) {
  if (frame.time_s < lastTime) {
    history.clear(); // another engine: its clock began anew
    timeline.clear();
  }
  lastTime = frame.time_s;
  history.add(frame);
  readouts.show(frame);
  timeline.add(frame);
  showEngine(frame.engine);
  requests.show(frame.requests);
  detail.show(frame.requests);
  if (document.hidden) return;
  series.draw();
  memory.show(frame.kv);
  showQueue(frame.queue);
}

function showEngine(engine) {
  const facts = [
    engine.model, engine.policy, engine.device, engine.dtype, engine.kernels,
    engine.threads && plural(engine.threads, "thread"),
    `${count(engine.max_model_len)} tokens long`, `version ${engine.version}`,
  ];
  setText(byId("engine"), facts.filter(Boolean).join(" · "));
  document.title = `${engine.model} – doubletime`;
}

function showLink(state, text) {
  byId("link").dataset.state = state;
  setText(byId("link"), text);
  const stale = state !== "live" && lastTime > -Infinity;
  if (document.body.toggleAttribute("data-stale", stale) !== halted) timeline.halt((halted = stale));
}

const retry = follow(show, showLink);

function startChat() {
  chat.start().catch(() => {}); // the feed tells the same trouble, and sending tries again
}

byId("key-button").addEventListener("click", async () => {
  await askForKey().then(retry, () => {});
  startChat();
});

const command = `doubletime bench ${location.origin} --rate 2 --output 64`;
setText(byId("bench-line"), command);
byId("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(command);
  setText(byId("copy"), "Copied");
});

startChat();
