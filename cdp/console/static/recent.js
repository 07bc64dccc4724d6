// Home leads back to the things one looked at last; this browser alone remembers them.
const KEY = "recent";
const MOST = 5;
const THINGS = /^\/(people\/[^/]+|audiences\/[a-z][^/]*|catalogue\/(computed-traits|virtual-events)\/[a-z][^/]*|connections\/(sources|destinations)\/[^/]+)/;

function read() {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? []; } catch { return []; }
}

function note() {
  const found = location.pathname.match(THINGS);
  const title = document.querySelector("main h1")?.textContent.trim();
  if (!found || !title || found[0].endsWith("/new") || document.querySelector("[data-error]")) return;
  const others = read().filter(([address]) => address !== found[0]);
  localStorage.setItem(KEY, JSON.stringify([[found[0], title.slice(0, 60)], ...others].slice(0, MOST)));
}

export const recent = {
  start() {
    if (document.body.classList.contains("alone")) { localStorage.removeItem(KEY); return; }
    note();
    const list = document.querySelector("[data-recent]");
    const places = read();
    if (!list || !places.length) return;
    for (const [address, title] of places) {
      const link = document.createElement("a");
      link.href = address;
      link.textContent = title;
      const item = document.createElement("li");
      item.append(link);
      list.append(item);
    }
    list.hidden = false;
  },
};
