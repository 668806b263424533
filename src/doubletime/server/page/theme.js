// Light, dark, or as the system says; and the colours as canvases need them.

import { byId, h, setText } from "./dom.js";

const THEMES = ["auto", "light", "dark"];
const STORED = "doubletime-theme";
const NAMES = ["ink", "ink-2", "line", "track", "surface", "accent", "decode", "prefill", "cached", "held", "warn"];
const listeners = [];

export let colours = {};

export function onTheme(listener) {
  listeners.push(listener);
}

export function startTheme() {
  let theme = THEMES.includes(stored()) ? stored() : "auto";
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    setText(byId("theme"), `Theme: ${theme}`);
    colours = resolved();
    for (const listener of listeners) listener();
  };
  byId("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    store(theme);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
}

/** What the style sheet's colours are now. */
function resolved() {
  const probe = document.body.appendChild(h("i", { hidden: "" }));
  const found = {};
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // storage may be forbidden
  }
}

function store(theme) {
  try {
    localStorage.setItem(STORED, theme);
  } catch {
    // then it lasts as long as the page
  }
}
