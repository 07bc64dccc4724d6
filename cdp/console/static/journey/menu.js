// The menu that adds a step: a dialog with a search; arrows and Enter choose.
import { h } from "../builder/dom.js";
import { MENU } from "./words.js";

export function addMenu(dialog, onpick, onpaste) {
  const find = h("input", { type: "search", "aria-label": "Find a step", placeholder: "Find a step", autocomplete: "off" });
  const found = h("div", { class: "kinds" });
  const draw = () => {
    const q = find.value.trim().toLowerCase();
    const groups = MENU.map(([title, items]) => [title, items.filter(([kind, name, sub]) => `${kind} ${name} ${sub} ${title}`.toLowerCase().includes(q))]).filter(([, items]) => items.length);
    found.replaceChildren(...groups.map(([title, items]) => h("section", { "aria-label": title }, h("h3", {}, title), items.map(([kind, name, sub]) => h("button", {
      type: "button", "data-kind": kind, onclick: () => { dialog.close(); onpick(kind); },
    }, h("span", {}, name), sub ? h("small", { class: "muted" }, sub) : null)))),
    onpaste && !q ? h("section", { "aria-label": "Copied" }, h("button", { type: "button", onclick: () => { dialog.close(); onpaste(); } }, h("span", {}, "Paste the copied step"))) : "",
    groups.length ? "" : h("p", { class: "muted" }, "No kind of step is called so."));
  };
  find.addEventListener("input", draw);
  const buttons = () => [...found.querySelectorAll("button")];
  const keys = (event) => {
    if (event.key === "Enter" && event.target === find) { event.preventDefault(); buttons()[0]?.click(); return; }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const all = buttons(), at = all.indexOf(document.activeElement);
    (event.key === "ArrowDown" ? all[Math.min(at + 1, all.length - 1)] : at <= 0 ? find : all[at - 1])?.focus();
  };
  dialog.replaceChildren(h("h2", {}, "Add a step"), find, found, h("form", { method: "dialog" }, h("button", { class: "button" }, "Close")));
  dialog.onkeydown = keys;
  draw();
  dialog.showModal();
  find.focus();
}
