// What is typed into a form with data-draft outlives an expired login or a reload, in this tab.
import { toasts } from "./toast.js";

const store = sessionStorage;
const keyOf = (form) => `draft:${form.dataset.draft}`;

// Where a form grows, hidden fields say what its parts are.
const grows = (form, item) => form.dataset.redraw && item.type === "hidden" && !["csrf", "seen"].includes(item.name);
const fields = (form) => [...form.elements].filter(
  (item) => item.name && (grows(form, item) || !["hidden", "password", "submit", "button", "file"].includes(item.type)),
);

function save(form) {
  const values = fields(form).map((item) => [item.name, ["checkbox", "radio"].includes(item.type) ? item.checked : item.value, item.value]);
  store.setItem(keyOf(form), JSON.stringify(values));
}

// A form that had other parts is drawn by the server as it was.
function redraw(form, kept) {
  const values = new FormData();
  for (const [name, value, said] of kept) if (value !== false) values.append(name, said);
  for (const name of ["csrf", "seen"]) if (form.elements[name]) values.append(name, form.elements[name].value);
  values.append("edit", "show");
  const place = form.querySelector(form.dataset.redraw);
  place.inert = true; // what would be typed until then would be lost
  fetch(form.action, { method: "POST", body: new URLSearchParams(values), headers: { "HX-Request": "true" } })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
    .then((text) => {
      window.htmx.swap(place, text, { swapStyle: "innerHTML" });
      document.body.dispatchEvent(new Event("redrawn", { bubbles: true }));
    })
    .catch(() => toasts.show("What you typed is kept in this tab, but the server can't show it now.", "bad"))
    .finally(() => { place.inert = false; });
}

const touched = (item) => ("defaultValue" in item && !["checkbox", "radio"].includes(item.type) && item.value !== item.defaultValue);

function restore(form) {
  const kept = JSON.parse(store.getItem(keyOf(form)) ?? "null");
  if (!kept || form.dataset.answered) return;
  const all = fields(form);
  if (form.dataset.redraw && kept.map(([name]) => name).join() !== all.map((item) => item.name).join()) {
    redraw(form, kept);
    return;
  }
  kept.forEach(([name, value], index) => {
    const item = all[index];
    // What was typed before this script was there is newer.
    if (!item || item.name !== name || touched(item)) return;
    if (item.closest("details")) item.closest("details").open = true;
    if (typeof value === "boolean") item.checked = value;
    else item.value = value;
  });
}

export const drafts = {
  start() {
    const forms = [...document.querySelectorAll("form[data-draft]")];
    const sent = store.getItem("draft-sent");
    // What was sent has arrived, unless a login or an error page answered or one went back.
    const [how] = performance.getEntriesByType("navigation");
    const lost = document.body.classList.contains("alone") || how?.type === "back_forward"
      || document.querySelector("[data-error]");
    if (sent && !lost) store.removeItem(sent);
    store.removeItem("draft-sent");
    for (const form of forms) {
      restore(form);
      form.addEventListener("input", () => save(form));
      if (form.dataset.redraw) form.addEventListener("htmx:afterSettle", () => save(form));
      form.addEventListener("submit", () => store.setItem("draft-sent", keyOf(form)));
    }
  },
};
