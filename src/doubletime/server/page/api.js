// Requests to the server that this page came from, with the API key where it wants one.

import { byId, setText } from "./dom.js";

const KEPT = "Kept in this page's memory only, until it is closed or loaded again.";
const WANTED = "the server wants an API key: press “API key”";
let key = "";
let declined = false; // the user closed the dialog: only what they do themselves opens it again
let asking = null;

export class ServerError extends Error {
  constructor(status, message, detail = {}) {
    super(message);
    this.status = status;
    this.param = detail.param ?? null;
  }
}

/**
 * A successful response. Asks the user for a key if the server does. `insist`: the user caused this request.
 * Throws ServerError, or TypeError where there is no network.
 */
export async function ask(path, { body, signal, insist = false } = {}) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const used = key;
  if (used) headers.Authorization = `Bearer ${used}`;
  const response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  if (response.status === 401) {
    if (key === used) {
      if (declined && !insist) throw new ServerError(401, WANTED);
      await askForKey(used ? "The server does not know this key. " : "The server asks for its API key. ");
    }
    return ask(path, { body, signal, insist });
  }
  if (!response.ok) throw await problem(response);
  return response;
}

async function problem(response) {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text);
    return new ServerError(response.status, error.message, error);
  } catch {
    return new ServerError(response.status, `${response.status} ${text.slice(0, 200) || response.statusText}`);
  }
}

/** Resolves when the user has given a key; all who wait share one dialog. */
export function askForKey(why = "") {
  asking ??= new Promise((resolve, reject) => {
    const dialog = byId("key-dialog");
    setText(byId("key-why"), why + KEPT);
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      asking = null;
      declined = dialog.returnValue !== "given";
      if (declined) reject(new ServerError(401, WANTED));
      else resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

export function watchKeyDialog() {
  const dialog = byId("key-dialog");
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    key = byId("key").value.trim();
    byId("key").value = "";
    dialog.close("given");
  });
  byId("key-cancel").addEventListener("click", () => dialog.close());
}
