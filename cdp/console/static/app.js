// Everything that pages do beyond being pages. Each island looks for its own elements; what
// may come in later is listened for on the document.
import { copyButtons } from "./copy.js";
import { drafts } from "./drafts.js";
import { drawer } from "./drawer.js";
import { editor } from "./editor.js";
import { edits } from "./edits.js";
import { fates } from "./fates.js";
import { keys } from "./keys.js";
import { live } from "./live.js";
import { only } from "./only.js";
import { palette } from "./palette.js";
import { polls } from "./polls.js";
import { recent } from "./recent.js";
import { themeForm } from "./theme.js";
import { times } from "./times.js";
import { toasts } from "./toast.js";

const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? "";

document.body.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = csrf();
});
document.body.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status !== 401) toasts.show("The server refused: " + event.detail.xhr.status, "bad");
});
document.body.addEventListener("htmx:sendError", () => toasts.show("The server can't be reached.", "bad"));

document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-href]");
  if (row && !event.target.closest("a, button, input, label, summary") && !String(getSelection())) {
    row.querySelector("a[data-main]")?.click();
  }
  const menu = document.querySelector("details[data-menu][open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});

// On a narrow screen the present tab and place may lie beyond the edge.
for (const here of document.querySelectorAll(".tabs [aria-current], .rail [aria-current]")) {
  const strip = here.parentElement;
  if (strip.scrollWidth > strip.clientWidth) strip.scrollLeft = here.offsetLeft - strip.clientWidth / 2;
}

document.addEventListener("click", (event) => {
  const all = event.target.closest("[data-check-all]");
  for (const box of all?.form.querySelectorAll("input[type=checkbox]") ?? []) box.checked = true;
});

document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit();
});

for (const island of [toasts, copyButtons, times, themeForm, keys, palette, drawer, drafts, fates, only, recent, live, editor, edits, polls]) {
  island.start();
}
