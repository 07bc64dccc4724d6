// ⌘K: asks the server what fits and moves through the answers by arrow keys.
import { hand } from "./hand.js";

export const palette = {
  start() {
    const input = document.querySelector("[data-palette]");
    if (!input) return;
    const found = document.getElementById(input.getAttribute("aria-controls"));
    const dialog = input.closest("dialog");
    // `stale`: the answers are for other words; `meant`: Enter was pressed for the answer to come.
    let timer, asked = 0, stale = false, meant = false;
    const held = hand(found);

    const links = () => [...found.querySelectorAll("a")];
    const select = (link) => {
      links().forEach((other) => other.setAttribute("aria-selected", String(other === link)));
      if (link) input.setAttribute("aria-activedescendant", link.id);
      else input.removeAttribute("aria-activedescendant");
      link?.scrollIntoView({ block: "nearest" });
    };
    const ask = async () => {
      const turn = ++asked;
      clearTimeout(timer);
      const text = await fetch(`${input.dataset.palette}?q=${encodeURIComponent(input.value)}`, { headers: { "HX-Request": "true" } })
        .then((answer) => (answer.ok ? answer.text() : null)).catch(() => null);
      held.after(() => show(turn, text));
    };
    const show = (turn, text) => {
      if (turn !== asked) return;
      stale = false;
      if (text === null) { meant = false; found.textContent = "The search didn't answer. Reload the page and try again."; return; }
      found.innerHTML = text;
      select(links()[0]);
      if (meant) links()[0]?.click();
      meant = false;
    };
    input.addEventListener("input", () => {
      asked += 1;
      [stale, meant] = [true, false];
      clearTimeout(timer);
      timer = setTimeout(ask, 120);
    });
    dialog.addEventListener("close", () => { meant = false; });
    input.addEventListener("focus", () => { if (!found.childElementCount) ask(); });
    input.addEventListener("keydown", (event) => {
      const all = links();
      const at = all.findIndex((link) => link.getAttribute("aria-selected") === "true");
      if (event.key === "ArrowDown") select(all[Math.min(all.length - 1, at + 1)]);
      else if (event.key === "ArrowUp") select(all[Math.max(0, at - 1)]);
      else if (event.key === "Enter" && stale) meant = true;
      else if (event.key === "Enter") all[Math.max(0, at)]?.click();
      else return;
      event.preventDefault();
    });
    found.addEventListener("click", (event) => {
      dialog.close();
      const link = event.target.closest("a[data-post]");
      if (!link) return;
      event.preventDefault();
      const form = document.createElement("form");
      form.method = "post";
      form.action = link.href;
      const token = document.createElement("input");
      token.name = "csrf";
      token.type = "hidden";
      token.value = document.querySelector('meta[name="csrf"]').content;
      form.append(token);
      document.body.append(form);
      form.submit();
    });
  },
};
