// The panel beside the canvas: the form of the step that is open, or of the journey itself.
import { button, h } from "../builder/dom.js";
import { START } from "./graph.js";
import { fieldsOf, labelled } from "./fields.js";
import { letter } from "./letter.js";
import { NAMES } from "./words.js";

export class Panel {
  constructor(place, { model, words, shapes, journey, titles, addresses, editable, faults, onclose, onremove, onduplicate }) {
    Object.assign(this, { place, model, words, shapes, journey, known: titles, addresses, editable, faults, onclose, onremove, onduplicate });
    this.opened = new Set();
    this.open = null;
  }

  // Opens a step by where it stands; null closes.
  show(at) {
    if (at !== this.open) this.opened.clear();
    this.open = at;
    this.draw();
    if (at) this.place.querySelector("h2")?.focus();
  }

  draw(key) {
    const found = this.open === START ? null : this.model.all().find(({ place }) => place === this.open);
    if (!this.open || (this.open !== START && !found)) { this.open = null; this.place.hidden = true; this.place.replaceChildren(); return; }
    const waiting = [];
    const ctx = this.context(waiting);
    const active = key ?? document.activeElement?.closest?.("[data-field]")?.dataset.field;
    const scroll = this.place.scrollTop;
    this.place.hidden = false;
    this.place.replaceChildren(...(found ? this.step(found, ctx) : this.whole(ctx)));
    this.place.scrollTop = scroll;
    for (const work of waiting) work();
    if (active) this.place.querySelector(`[data-field="${CSS.escape(active)}"]`)?.querySelector("input, select, textarea, button")?.focus();
  }

  context(waiting) {
    return {
      opened: this.opened,
      changed: (at) => this.model.changed(at ?? null),
      redraw: (key) => { this.model.changed(); this.draw(key); },
      wrong: (place) => this.faults().filter(({ field }) => field === place).map(({ text, line, column }) => (line ? `Line ${line}, column ${column}: ${text}` : text)),
      titles: (kind) => this.known[kind] ?? {},
      steps: () => this.model.all().filter(({ step, place }) => step.kind && place !== this.open).map(({ step, place }) => ({ id: step.id || this.words.ids[place], text: `${NAMES[step.kind]}: ${this.words.step(step)}` })).filter(({ id }) => id),
      aim: (spec, id) => {
        const aim = this.model.all().find(({ step, place }) => (step.id || this.words.ids[place]) === id);
        if (aim) aim.step.id = id; // so that it is called so whatever is put before it
        spec.step = id;
      },
      beside: (kind, key) => (kind === "template" ? this.template(key) : null),
      later: (work) => waiting.push(work),
    };
  }

  head(title, sub) {
    return h("div", { class: "title" }, h("h2", { tabindex: "-1" }, title), sub ? h("p", { class: "muted small" }, sub) : null,
      button("Close", () => this.onclose(), { class: "button small quiet right", "data-close-panel": "1" }));
  }

  step({ step, place }, ctx) {
    const shape = this.shapes[step.kind];
    const prefix = `${place}.${step.kind}`;
    const mine = ({ field }) => this.model.all().filter(({ place: at }) => field === at || field.startsWith(`${at}.`)).at(-1)?.place === place;
    const rest = this.faults().filter((fault) => mine(fault) && !this.hasField(fault.field, prefix)).map(({ text }) => text);
    if (!shape) return [this.head("Not a step"), h("div", { class: "body form" }, h("p", { class: "wrong" }, rest.join(" ")), this.tools(step))];
    const note = labelled("Note", "For those who work on it; nobody else sees it.", [], (id) => {
      const made = h("textarea", { id, rows: 2, maxlength: 2000, value: step.note ?? "" });
      made.addEventListener("input", () => { step.note = made.value; this.model.changed(`${place}.note`); });
      return made;
    }, false);
    const name = labelled("Id of the step", `Reports and files call it so. Unset, it is ${this.words.ids[place] ?? "made of what it does"}.`, ctx.wrong(`${place}.id`), (id) => {
      const made = h("input", { id, type: "text", spellcheck: "false", maxlength: 100, value: step.id ?? "" });
      made.addEventListener("input", () => { step.id = made.value.trim(); this.model.changed(`${place}.id`); });
      return made;
    }, false);
    return [
      this.head(NAMES[step.kind] ?? shape.title, shape.about),
      h("div", { class: "body form" }, rest.map((text) => h("p", { class: "wrong" }, text)), fieldsOf(shape, step.spec, ctx, prefix), note,
        h("details", { class: "fold", open: step.id ? true : null }, h("summary", {}, "Id"), name), this.tools(step)),
    ];
  }

  // Whether a fault is shown at a field of its own.
  hasField(field, prefix) { return field.startsWith(`${prefix}.`) && !/\]\.?$/.test(field); }

  tools(step) {
    if (!this.editable) return null;
    return h("div", { class: "buttons" }, button("Duplicate", () => this.onduplicate(step)), button("Remove step", () => this.onremove(step), { class: "button small danger" }));
  }

  whole(ctx) {
    const rest = this.model.rest;
    const line = (name, label, about, rows) => labelled(label, about, ctx.wrong(name), (id) => {
      const made = rows ? h("textarea", { id, rows, maxlength: 5000, value: rest[name] ?? "" }) : h("input", { id, type: "text", maxlength: 100, value: rest[name] ?? "" });
      made.addEventListener("input", () => { if (made.value) rest[name] = made.value; else delete rest[name]; this.model.changed(name); });
      return made;
    }, name === "name");
    return [this.head("Trigger and goal", "What begins it, who may enter, and what it is for."),
      h("div", { class: "body form" }, line("name", "Name", ""), fieldsOf(this.journey, rest, ctx, ""), line("description", "What it is for", "", 2))];
  }

  // The message of a template, as a real person would get it.
  template(key) {
    const found = this.known.template?.[key];
    const links = [h("a", { href: this.addresses.newTemplate, target: "_blank" }, "Write a new message")];
    if (!found) return h("p", { class: "small" }, links);
    links.unshift(h("a", { href: this.addresses.template.replace("KEY", key), target: "_blank" }, "Edit it"), " · ");
    const frame = h("details", { class: "fold preview-of" }, h("summary", {}, "Preview as a real person"));
    frame.addEventListener("toggle", () => {
      if (frame.open && frame.children.length < 2) letter(frame, { address: this.addresses.letter.replace("KEY", key), name: found.name, event: this.model.rest.trigger?.event });
    });
    return h("div", { class: "stack" }, h("p", { class: "small" }, links), frame);
  }
}
