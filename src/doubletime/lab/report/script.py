"""What moves in a report: tooltips, the legend, choices, sorting, copying. Without it everything is still there."""

from __future__ import annotations

JS = """
(() => {
const all = (query, from = document) => [...from.querySelectorAll(query)];
const hiddenVariants = new Set();
const tip = document.createElement('div');
tip.className = 'tip'; tip.hidden = true; document.body.append(tip);

// choices: one layer of a group is shown
for (const button of all('[data-choose]')) button.addEventListener('click', () => {
  const {choose: group, value} = button.dataset;
  for (const other of all(`[data-choose="${group}"]`))
    other.setAttribute('aria-pressed', other.dataset.value === value);
  for (const layer of all(`[data-layer="${group}"]`)) layer.hidden = layer.dataset.value !== value;
});

// the legend hides variants, and points them out
const groups = variant => all(`[data-variant="${variant}"]`);
for (const button of all('.legend button')) {
  const variant = button.dataset.of;
  button.addEventListener('click', () => {
    const shown = button.getAttribute('aria-pressed') === 'false';
    button.setAttribute('aria-pressed', shown);
    shown ? hiddenVariants.delete(+variant) : hiddenVariants.add(+variant);
    for (const part of groups(variant)) part.toggleAttribute('hidden', !shown);
  });
  const dim = on => all('.chart [data-variant]').forEach(part =>
    part.classList.toggle('dim', on && part.dataset.variant !== variant));
  button.addEventListener('mouseenter', () => dim(true));
  button.addEventListener('mouseleave', () => dim(false));
}

// tooltips: the nearest spot of a chart
const shape = (name, given) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in given) made.setAttribute(key, given[key]);
  return made;
};
const place = (x, y) => {
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.min(x + 14, innerWidth - box.width - 8) + 'px';
  tip.style.top = (y + 16 + box.height > innerHeight ? y - box.height - 12 : y + 16) + 'px';
};
for (const chart of all('.chart')) {
  const spots = JSON.parse(chart.nextElementSibling.textContent), across = chart.dataset.across;
  let found = [];
  const clear = () => { tip.hidden = true; found.forEach(part => part.remove()); found = []; };
  chart.addEventListener('pointerleave', clear);
  chart.addEventListener('pointermove', event => {
    const view = chart.viewBox.baseVal, box = chart.getBoundingClientRect();
    const x = (event.clientX - box.left) * view.width / box.width;
    const y = (event.clientY - box.top) * view.height / box.height;
    let nearest = null, least = across ? 12 : 28;
    for (const spot of spots) {
      if (hiddenVariants.has(spot[3])) continue;
      const away = across ? Math.abs(spot[0] - x) : Math.hypot(spot[0] - x, spot[1] - y);
      if (away < least) { least = away; nearest = spot; }
    }
    clear();
    if (!nearest) return;
    const [cx, cy] = nearest;
    if (across) found.push(shape('line', {class: 'cross', x1: cx, x2: cx, y1: 8, y2: view.height - 10}));
    found.push(shape('circle', {class: 'finder', cx, cy, r: across ? 3 : 6}));
    chart.append(...found);
    tip.replaceChildren(...nearest[2].map((line, at) => {
      const row = document.createElement(at ? 'div' : 'b'); row.textContent = line; return row;
    }));
    tip.hidden = false;
    place(event.clientX, event.clientY);
  });
}

// tables: a click on a title sorts
for (const title of all('th button')) title.addEventListener('click', () => {
  const head = title.closest('th'), body = title.closest('table').tBodies[0], at = head.cellIndex;
  const down = head.getAttribute('aria-sort') === 'ascending';
  all('th', head.parentNode).forEach(other => other.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const key = row => { const cell = row.cells[at]; return cell ? cell.dataset.sort ?? '' : ''; };
  const order = (a, b) => key(a) === '' ? 1 : key(b) === '' ? -1
    : (isNaN(key(a)) || isNaN(key(b)) ? key(a).localeCompare(key(b)) : key(a) - key(b)) * (down ? -1 : 1);
  const rows = [...body.rows];
  rows.forEach(row => row.classList.remove('start'));
  body.append(...rows.sort(order));
});

for (const button of all('[data-copy]')) button.addEventListener('click', async () => {
  const source = document.getElementById(button.dataset.copy);
  try { await navigator.clipboard.writeText(source.textContent); button.textContent = 'Copied'; }
  catch { getSelection().selectAllChildren(source); button.textContent = 'Selected'; }
});
})();
"""
