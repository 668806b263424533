// One streamed answer: through the chat template, or as plain text where the model has none.

import { ask } from "./api.js";
import { events } from "./sse.js";

const PATHS = { chat: "v1/chat/completions", text: "v1/completions" };

/** Yields {id, text, thought, finish, usage} as they come. `mode` is "chat" or "text". Throws ServerError. */
export async function* answer(mode, messages, options, signal) {
  const input = mode === "chat" ? { messages } : { prompt: messages.at(-1).content };
  const body = { ...options, ...input, stream: true, stream_options: { include_usage: true } };
  const response = await ask(PATHS[mode], { body, signal, insist: true });
  for await (const data of events(response)) {
    if (data === "[DONE]") return;
    const item = JSON.parse(data);
    if (item.error) throw new Error(item.error.message);
    yield piece(item);
  }
  throw new Error("the stream broke off");
}

function piece(item) {
  const choice = item.choices?.[0];
  const delta = choice?.delta;
  return {
    id: item.id,
    text: (delta ? delta.content : choice?.text) ?? "",
    thought: delta?.reasoning_content ?? "",
    finish: choice?.finish_reason ?? null,
    usage: item.usage ?? null,
  };
}

/** True if an error says that the model cannot chat. */
export const lacksTemplate = (error) => error.status === 400 && /template/i.test(error.message);
