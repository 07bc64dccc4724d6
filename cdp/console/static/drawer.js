// A link with data-drawer opens its page in the drawer beside the list. The address of the
// open one is kept in the list's own address, so that reloading and "back" do what they should.
let opener = null;
// Which opening is the last, and whether its answer is on its way.
let turn = 0, coming = false;

const box = () => document.getElementById("drawer");
const withOpen = (value) => {
  const url = new URL(location);
  if (value) url.searchParams.set("open", value);
  else url.searchParams.delete("open");
  return url;
};

async function load(href) {
  const mine = ++turn, at = document.activeElement;
  coming = true;
  const text = await fetch(href, { headers: { "HX-Request": "true" } }).then((answer) => (answer.ok ? answer.text() : null)).catch(() => null);
  // Something else was opened meanwhile, or all was closed.
  if (mine !== turn) return;
  coming = false;
  if (text === null) { location.assign(href); return; }
  const place = box();
  const had = place.contains(document.activeElement) || document.activeElement === at;
  place.innerHTML = text;
  // Whoever has gone on to something else keeps the focus there.
  if (had) place.querySelector("[data-close]")?.focus();
  window.htmx?.process(place);
}

function mark(value) {
  for (const row of document.querySelectorAll("main [data-row]")) {
    row.classList.toggle("at", Boolean(value) && row.dataset.row === value);
  }
}

function close(push = true) {
  if (!coming && !box()?.childElementCount) return;
  turn += 1;
  coming = false;
  box().replaceChildren();
  if (push) history.pushState({}, "", withOpen(null));
  opener?.focus();
  opener = null;
}

export const drawer = {
  start() {
    if (!box()) return;
    document.addEventListener("click", (event) => {
      if (event.target.closest("#drawer [data-close]")) { event.preventDefault(); close(); return; }
      const link = event.target.closest("a[data-drawer]");
      if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      opener = link;
      history.pushState({}, "", withOpen(link.dataset.drawer));
      mark(link.dataset.drawer);
      load(link.href);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) close();
    });
    addEventListener("popstate", () => {
      const value = new URL(location).searchParams.get("open");
      const link = value && document.querySelector(`a[data-drawer="${CSS.escape(value)}"]`);
      if (!value) close(false);
      else if (link) { mark(value); load(link.href); }
      else location.reload();
    });
  },
};
