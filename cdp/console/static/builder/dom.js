// Making elements, and keeping the focus where it was when they are made anew.
let count = 0;
export const fresh = (name) => `b-${name}-${++count}`;

// h("button", {class: "x", onclick: f}, "text"); a null child is nothing.
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  if (tag === "select" && "value" in props) made.value = props.value;
  return made;
}

// A menu of [value, word], or of {label, items} for a part with a heading.
export function menu(label, choices, value, onpick, props = {}) {
  const option = ([key, word]) => h("option", { value: key }, word);
  const made = h("select", { "aria-label": label, ...props, onchange: (event) => onpick(event.target.value) },
    choices.map((one) => (one.items ? h("optgroup", { label: one.label }, one.items.map(option)) : option(one))));
  made.value = value;
  narrow(made);
  made.addEventListener("change", () => narrow(made));
  return made;
}

// As wide as what is chosen, where the style sheet can't say so.
function narrow(select) {
  if (!CSS.supports("field-sizing: content")) select.style.width = `calc(${select.selectedOptions[0]?.text.length ?? 4}ch + 40px)`;
}

export function button(word, onclick, props = {}) {
  return h("button", { type: "button", class: "button small quiet", ...props, onclick }, word);
}

// Draws anew by `draw`, then puts the focus back on the control of the same key.
export function redraw(place, draw, wanted) {
  const active = place.contains(document.activeElement) ? document.activeElement : null;
  const key = wanted ?? active?.closest("[data-key]")?.dataset.key;
  place.replaceChildren(...draw());
  if (!key) return;
  const all = place.querySelectorAll(`[data-key="${CSS.escape(key)}"]`);
  (all[0]?.matches("input, select, button, textarea") ? all[0] : all[0]?.querySelector("input, select, button, textarea"))?.focus();
}
