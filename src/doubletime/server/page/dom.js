// Elements from data. Text is only ever set as text: nothing that a request brings is read as HTML.

export const byId = (id) => document.getElementById(id);

/** An element; `on…` properties are listeners, `class` and the rest attributes, null leaves one out. */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Changes the text only if it differs, so that selections and screen readers are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A group of radio buttons that looks like one switch. */
export function choose(fieldset, options, chosen, onChoice) {
  for (const [value, label] of options) {
    const input = h("input", { type: "radio", name: fieldset.id, value, onchange: () => onChoice(value) });
    input.checked = value === chosen;
    fieldset.append(h("label", {}, input, h("span", {}, label)));
  }
}

/** A bar of parts side by side: [{value, kind}]; `total` is its whole width. */
export function bar(parts, total) {
  const node = h("div", { class: "parts", "aria-hidden": "true" });
  for (const part of parts) {
    const piece = h("i", { class: `part ${part.kind}` });
    piece.style.width = `${total > 0 ? (100 * part.value) / total : 0}%`;
    node.append(piece);
  }
  return node;
}
