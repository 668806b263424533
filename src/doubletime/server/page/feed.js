// The live feed: one event a frame, twice a second; comes back by itself when it breaks off.

import { ask } from "./api.js";
import { events } from "./sse.js";

const SILENCE_MS = 6000; // without an event for so long, the connection counts as lost
const WAITS_MS = [500, 1000, 2000, 4000, 8000];

/** Calls onFrame(frame) and onState(state, text) for as long as the page lives; returns a function that retries now. */
export function follow(onFrame, onState) {
  let wake = () => {};
  let failures = 0;
  const once = async () => {
    const control = new AbortController();
    let timer = setTimeout(() => control.abort(), SILENCE_MS);
    try {
      onState("connecting", failures ? "reconnecting" : "connecting");
      const response = await ask("live?stream=1", { signal: control.signal });
      for await (const data of events(response)) {
        clearTimeout(timer);
        timer = setTimeout(() => control.abort(), SILENCE_MS);
        failures = 0;
        onFrame(JSON.parse(data));
        onState("live", "live");
      }
      return "the server ended the feed";
    } catch (error) {
      return error.status ? error.message : "no connection";
    } finally {
      clearTimeout(timer);
    }
  };
  const forever = async () => {
    for (;;) {
      const why = await once();
      const wait = WAITS_MS[Math.min(failures++, WAITS_MS.length - 1)];
      onState("lost", `${why}; next try in ${wait / 1000} s`);
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, wait);
      });
    }
  };
  forever();
  return () => wake();
}
