// The chat box.

import { ask } from "./api.js";
import { answer, lacksTemplate } from "./completion.js";
import { byId, h, setText } from "./dom.js";
import { count, duration, rate } from "./format.js";

export class Chat {
  #messages = [];
  #mode = "chat";
  #control = null; // of the answer that is streaming
  #onPick;

  /** onPick(id): the request of an answer was chosen. */
  constructor(onPick) {
    this.#onPick = onPick;
    byId("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#control) this.#control.abort();
      else this.#send();
    });
    byId("text").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.#control) byId("ask").requestSubmit();
    });
    byId("chat-clear").addEventListener("click", () => this.#clear());
  }

  /** Fills the list of models. */
  async start() {
    const response = await ask("v1/models");
    const { data } = await response.json();
    byId("model").replaceChildren(...data.map((model) => h("option", { value: model.id }, model.id)));
  }

  #clear() {
    this.#control?.abort();
    this.#messages = [];
    byId("talk").replaceChildren(byId("talk-empty") ?? hint("Try the model."));
    byId("text").focus();
  }

  async #send() {
    const text = byId("text").value.trim();
    if (!text) return;
    byId("text").value = "";
    byId("talk-empty")?.remove();
    this.#say("you", text);
    this.#messages.push({ role: "user", content: text });
    this.#busy(new AbortController());
    const turn = new Turn(this.#onPick);
    this.#append(turn.node);
    try {
      await this.#receive(turn);
    } catch (error) {
      if (error.name === "AbortError") turn.end("stopped");
      else turn.fail(error.message);
    }
    this.#settle(turn);
    this.#busy(null);
  }

  async #receive(turn) {
    if (!byId("model").value) await this.start();
    const options = { model: byId("model").value };
    for (const [field, id] of [["temperature", "temperature"], ["max_tokens", "max-tokens"]]) {
      if (byId(id).value !== "") options[field] = Number(byId(id).value);
    }
    try {
      await this.#stream(turn, options);
    } catch (error) {
      if (this.#mode !== "chat" || !lacksTemplate(error)) throw error;
      this.#mode = "text";
      turn.node.before(hint("This model has no chat template: each text is continued as it stands."));
      await this.#stream(turn, options);
    }
  }

  async #stream(turn, options) {
    turn.begin();
    for await (const piece of answer(this.#mode, this.#messages, options, this.#control.signal)) {
      const low = atEnd();
      turn.add(piece);
      if (low) toEnd();
    }
    turn.end();
  }

  /** Only what was really answered goes into the next turn. */
  #settle(turn) {
    if (turn.text) this.#messages.push({ role: "assistant", content: turn.text });
    else this.#messages.pop();
    toEnd();
  }

  #busy(control) {
    this.#control = control;
    setText(byId("send"), control ? "Stop" : "Send");
    byId("send").classList.toggle("stop", control !== null);
    byId("text").required = control === null;
    byId("talk").setAttribute("aria-busy", String(control !== null));
  }

  #say(who, text) {
    this.#append(h("div", { class: `said ${who}` }, text));
  }

  #append(node) {
    byId("talk").append(node);
    toEnd();
  }
}

/** One answer as it grows. */
class Turn {
  text = "";
  #thought = "";
  #usage = null;
  #id = null;
  #began = 0;
  #first = null;
  #last = 0;
  #finish = "";
  #pieces = 0;

  constructor(onPick) {
    this.thinking = h("div", { class: "thought", hidden: "" });
    this.body = h("div", { class: "body" });
    this.facts = h("button", { type: "button", class: "facts", disabled: "", onclick: () => onPick(this.#id) }, "…");
    this.node = h("div", { class: "said model" }, this.thinking, this.body, this.facts);
  }

  begin() {
    this.#began = performance.now();
  }

  add(piece) {
    this.#last = performance.now();
    if (piece.id && !this.#id) this.#begun(piece.id);
    if (piece.text || piece.thought) {
      this.#first ??= this.#last;
      this.#pieces += 1;
    }
    this.#usage = piece.usage ?? this.#usage;
    this.#finish = piece.finish ?? this.#finish;
    this.#thought += piece.thought;
    this.text += piece.text;
    this.thinking.hidden = !this.#thought;
    setText(this.thinking, this.#thought);
    setText(this.body, this.text);
    setText(this.facts, this.#told());
  }

  #begun(id) {
    this.#id = id;
    this.facts.disabled = false;
    this.facts.title = `${id}: show this request`;
  }

  end(how = this.#finish) {
    if (!this.text && !this.#thought) this.body.classList.add("nothing");
    setText(this.facts, [this.#told(), how].filter(Boolean).join(" · "));
  }

  fail(message) {
    this.node.append(h("p", { class: "error", role: "alert" }, message));
    if (this.#first === null) this.facts.remove();
    else this.end("broken off");
  }

  #told() {
    if (this.#first === null) return "";
    const tokens = this.#usage?.completion_tokens ?? this.#pieces;
    const seconds = (this.#last - this.#first) / 1000;
    const speed = tokens > 1 && seconds > 0 ? ` · ${rate((tokens - 1) / seconds)} tokens/s` : "";
    return `${count(tokens)} tokens · first after ${duration((this.#first - this.#began) / 1000)}${speed}`;
  }
}

const hint = (text) => h("p", { class: "hint" }, text);

function atEnd() {
  const talk = byId("talk");
  return talk.scrollHeight - talk.scrollTop - talk.clientHeight < 24;
}

function toEnd() {
  byId("talk").scrollTop = byId("talk").scrollHeight;
}
