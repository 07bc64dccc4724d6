// A message as somebody would get it, in place: one leafs through people, looks at it as on a
// phone, and tries it with the data of a real event.
import { button, h } from "../builder/dom.js";

export function letter(place, { address, name, event }) {
  const state = { person: "", sample_name: event ?? "", sample_event: "" };
  let narrow = false, last = 0;
  const out = h("div", { class: "stack", "aria-live": "polite" });
  const who = h("input", { type: "text", "aria-label": "Show it as", placeholder: "Email address or id", autocomplete: "off", spellcheck: "false" });
  const what = h("input", { type: "text", "aria-label": "With the data of the event", placeholder: "Event", autocomplete: "off", value: state.sample_name });
  const wide = button("Phone width", () => {
    narrow = !narrow;
    wide.setAttribute("aria-pressed", String(narrow));
    out.querySelector("iframe")?.classList.toggle("narrow", narrow);
  }, { "aria-pressed": "false", class: "button small" });

  async function show(go = "") {
    const mine = ++last;
    const asked = new URLSearchParams({ ...state, go });
    const answer = await fetch(`${address}?${asked}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (mine !== last) return;
    if (!answer?.ok) { out.replaceChildren(h("p", { class: "wrong" }, answer?.status === 404 ? "It can’t be shown: the message is gone, or your role does not see people’s values." : "The server can’t be reached.")); return; }
    const said = await answer.json();
    // Nobody has done it yet: the message is shown without the event's data.
    if (go === "event" && said.missing) { await show(); if (mine + 1 === last) out.prepend(h("p", { class: "muted small" }, said.missing)); return; }
    state.person = said.person;
    if (said.event) state.sample_event = said.event;
    who.value = said.person;
    draw(said);
  }

  function draw({ label, nobody, fields, html, text, error }) {
    out.replaceChildren(...[
      nobody ? h("p", { class: "wrong" }, `Nobody is called ${nobody}.`) : null,
      h("p", { class: "muted small" }, label ? `As ${label} would get it` : "There is nobody yet whose message it could be"),
      error ? h("p", { class: "wrong" }, error) : null,
      Object.keys(fields).length ? h("dl", { class: "pairs small" }, Object.entries(fields).flatMap(([one, value]) => [h("dt", {}, one[0].toUpperCase() + one.slice(1).replace("_", " ")), h("dd", {}, value)])) : null,
      html ? h("iframe", { class: `letter light${narrow ? " narrow" : ""}`, title: `Preview of ${name}`, sandbox: "", srcdoc: html }) : text ? h("pre", { class: "small", tabindex: "0" }, text) : null,
    ].filter(Boolean));
  }

  const typed = (input, act) => input.addEventListener("keydown", (key) => { if (key.key === "Enter") { key.preventDefault(); act(); } });
  typed(who, () => { state.person = who.value.trim(); show(); });
  typed(what, () => { state.sample_name = what.value.trim(); state.sample_event = ""; show(state.sample_name ? "event" : ""); });
  place.append(h("div", { class: "stack" },
    h("div", { class: "line" }, button("Previous person", () => show("previous"), { class: "button small" }), button("Next person", () => show("next"), { class: "button small" }), wide),
    h("div", { class: "line pair" }, who, what), out));
  show(event ? "event" : "");
}
