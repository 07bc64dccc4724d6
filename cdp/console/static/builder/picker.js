// A field with what may be meant below it (combobox of the ARIA patterns): arrows move, Enter
// takes, Escape closes. What is typed and not among the options is taken as it is.
import { hand } from "../hand.js";
import { fresh, h } from "./dom.js";

const WAIT_MS = 120;

// find(text) → options; ontype(text) on every letter; onpick(option).
export function picker({ label, key, value, placeholder, find, ontype, onpick, wide, required = true, mode = "text" }) {
  const id = fresh("list");
  const list = h("ul", { id, role: "listbox", "aria-label": label, class: "options", hidden: true });
  const input = h("input", {
    type: "text", role: "combobox", "aria-label": label, "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list",
    autocomplete: "off", spellcheck: "false", autocapitalize: "off", placeholder, value, "data-key": key, inputmode: mode,
    "data-needed": required, class: wide ? "wide" : null,
  });
  // `shown`: the words that the options are for.
  let options = [], shown = null, at = -1, asked = 0, timer;
  const held = hand(list);
  fit(input);

  const close = () => {
    asked += 1;
    shown = null;
    clearTimeout(timer);
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (to) => {
    at = to;
    [...list.querySelectorAll("[role=option]")].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
    const item = list.querySelectorAll("[role=option]")[at];
    if (!item) { input.removeAttribute("aria-activedescendant"); return; }
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  };
  const take = (option) => { close(); onpick(option); };
  const show = (found, text) => {
    const was = options[at];
    [options, shown] = [found, text];
    let group = "";
    const rows = found.flatMap((option, index) => {
      const head = option.group && option.group !== group ? [h("li", { role: "presentation", class: "group" }, option.group)] : [];
      group = option.group;
      const item = h("li", { id: `${id}-${index}`, role: "option", "aria-selected": "false" }, h("span", {}, option.label), option.sub ? h("small", {}, option.sub) : null);
      item.addEventListener("pointerdown", (event) => event.preventDefault());
      item.addEventListener("click", () => take(option));
      return [...head, item];
    });
    list.replaceChildren(...rows);
    list.hidden = !rows.length;
    input.setAttribute("aria-expanded", String(rows.length > 0));
    const exact = found.findIndex((option) => option.label === text);
    mark(exact >= 0 && text ? exact : was ? found.findIndex(({ group: of, label: said }) => of === was.group && said === was.label) : -1);
  };
  const ask = async (text) => {
    const turn = ++asked;
    clearTimeout(timer);
    let found = [];
    try { found = await find(text); } catch { /* one can type on without options */ }
    held.after(() => { if (turn === asked && document.activeElement === input) show(found, text); });
  };

  input.addEventListener("input", () => {
    fit(input);
    ontype?.(input.value);
    mark(-1); // what was marked is an answer to other words
    clearTimeout(timer);
    timer = setTimeout(() => ask(input.value), WAIT_MS);
  });
  input.addEventListener("focus", () => { input.select(); });
  input.addEventListener("click", () => { if (list.hidden) ask(""); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", async (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) { await ask(""); if (options.length) mark(0); return; }
      mark((at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1) + options.length) % options.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const words = input.value;
      if (!list.hidden && at >= 0) take(options[at]);
      else if (ontype || (list.hidden && !words.trim())) close();
      else {
        // The list may still be the one for fewer letters.
        if (list.hidden || shown !== words) await ask(words);
        if (shown === words && input.value === words && options.length) take(options[0]);
      }
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      close();
    }
  });
  return h("span", { class: wide ? "pick wide" : "pick" }, input, list);
}

// As wide as what is in it; the style sheet sets the bounds.
export function fit(input) {
  input.size = Math.min(40, Math.max(6, (input.value || input.placeholder || "").length + 1));
}
