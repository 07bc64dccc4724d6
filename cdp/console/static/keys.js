// Keys: j/k and Enter in lists, / to search, g + letter to places, ? for the sheet.
const places = { h: 0, l: 1, e: 2, p: 3, a: 4, j: 5, m: 6, c: 7, s: 8 };
let going = 0;

const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
const rows = () => [...document.querySelectorAll("main [data-row]")].filter((row) => row.offsetParent);

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.classList.contains("at"));
  const to = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + step))];
  all[at]?.classList.remove("at");
  to.classList.add("at");
  to.querySelector("a[data-main]")?.focus({ preventScroll: true });
  to.scrollIntoView({ block: "nearest" });
}

export function open(id) {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) {
    dialog.showModal();
    dialog.querySelector("input")?.select();
  }
}

function edit() {
  const place = document.querySelector("main [data-edit]");
  if (place?.matches("input")) place.focus();
  else place?.click();
}

function plain(event) {
  const { key } = event;
  if (Date.now() - going < 1500 && key in places) {
    going = 0;
    document.querySelectorAll(".rail a.place")[places[key]]?.click();
  } else if (key === "g") going = Date.now();
  else if (key === "j") move(1);
  else if (key === "k") move(-1);
  else if (key === "?") open("keys");
  else if (key === "/") document.querySelector("main input[type=search], main .filters input")?.focus();
  else if (key === "e") edit();
  else if (key === "p") document.querySelector("main [data-pause]")?.click();
  else if (key === "Enter" && event.target === document.body) {
    document.querySelector("main [data-row].at a[data-main]")?.click();
  } else return;
  event.preventDefault();
}

export const keys = {
  start() {
    const mac = /Mac|iPhone|iPad/.test(navigator.platform);
    if (mac) document.querySelectorAll("[data-mod]").forEach((kbd) => { kbd.textContent = "⌘K"; });
    document.addEventListener("click", (event) => {
      const opener = event.target.closest("[data-open]");
      if (opener) open(opener.dataset.open);
      else if (event.target instanceof HTMLDialogElement) event.target.close();
    });
    document.addEventListener("keydown", (event) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        open("palette");
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      plain(event);
    });
  },
};
