// A form made of a shape: each field edits one value of `spec` and says so by `ctx.changed`.
import { button, fresh, h, menu } from "../builder/dom.js";
import { picker } from "../builder/picker.js";
import { pick } from "../builder/server.js";
import { conditionField } from "./condition.js";
import { entryField } from "./entry.js";
import { rolloutField } from "./rollout.js";
import { jsonText, jsonValue, valuesField } from "./values.js";

const DAYS = [["mon", "Mon"], ["tue", "Tue"], ["wed", "Wed"], ["thu", "Thu"], ["fri", "Fri"], ["sat", "Sat"], ["sun", "Sun"]];

// All fields of a shape for a spec; `place` is where the server would say it stands.
export function fieldsOf(shape, spec, ctx, place) {
  const parts = [];
  let hidden = new Set(), mine = new Set(), chosen = null;
  if (shape.modes?.length) {
    const mode = shape.modes.find(({ key }) => spec[key] !== undefined && spec[key] !== false) ?? shape.modes[0];
    if (spec[mode.key] === undefined) begin(shape, spec, mode.key);
    chosen = mode.key;
    mine = new Set([mode.key, ...mode.fields]);
    hidden = new Set(shape.modes.flatMap(({ key, fields }) => [key, ...fields]).filter((name) => !mine.has(name)));
    // What says itself by being chosen has no field of its own.
    if (spec[mode.key] === true) hidden.add(mode.key);
    parts.push(labelled("What", "", null, (id) => {
      const made = menu("", shape.modes.map(({ key, label }) => [key, label]), mode.key, (key) => {
        for (const name of new Set([mode.key, ...mode.fields])) delete spec[name];
        begin(shape, spec, key);
        ctx.redraw();
      }, { id });
      made.removeAttribute("aria-label");
      return made;
    }));
  }
  const shown = shape.fields.filter(({ name, type }) => type !== "steps" && type !== "outs" && !hidden.has(name) );
  const one = (field) => fieldOf(field.name === chosen ? { ...field, required: true } : field, spec, ctx, place);
  const folds = ({ name, more }) => more && !mine.has(name);
  parts.push(...shown.filter((field) => !folds(field)).map(one));
  const folded = shown.filter(folds);
  if (folded.length) {
    const open = folded.some(({ name }) => spec[name] !== undefined && spec[name] !== "" || ctx.wrong(place ? `${place}.${name}` : name).length);
    parts.push(h("details", { class: "fold", open }, h("summary", {}, "More"), h("div", { class: "stack" }, folded.map(one))));
  }
  return parts;
}

// The id of the field in which the event stands that a condition is about.
export const eventId = (at) => `e-${at.replace(/[^A-Za-z0-9]/g, "-")}`;

function begin(shape, spec, key) {
  const field = shape.fields.find(({ name }) => name === key);
  spec[key] = field.type === "yes" ? true : field.type === "many" ? [{}] : field.type === "lines" ? [] : field.type === "choice" ? field.choices[0] : "";
}

// A label over a control that `make(id)` makes, with what is wrong and a hint below it.
export function labelled(label, about, wrong, make, required = true) {
  const id = fresh("f");
  const control = make(id);
  const below = `${id}-h`;
  if (about || wrong?.length) control.setAttribute?.("aria-describedby", below);
  if (wrong?.length) control.setAttribute?.("aria-invalid", "true");
  return h("div", { class: `field${wrong?.length ? " bad" : ""}` },
    h("label", { for: id }, label, required ? null : h("span", { class: "optional" }, " (optional)")), control, under(below, about, wrong));
}

export function under(id, about, wrong) {
  if (!about && !wrong?.length) return null;
  return h("div", { id }, (wrong ?? []).map((text) => h("p", { class: "wrong" }, text)), about ? h("p", { class: "hint" }, about) : null);
}

function fieldOf(field, spec, ctx, place) {
  const at = place ? `${place}.${field.name}` : field.name;
  const make = TYPES[field.type] ?? TYPES.text;
  return h("div", { class: "part", "data-field": at }, make(field, spec, ctx, at, ctx.wrong(at)));
}

const input = (field, spec, ctx, at, props, read = (text) => text) => (id) => {
  const made = h("input", { id, type: "text", autocomplete: "off", value: spec[field.name] ?? field.default ?? "", ...props });
  made.addEventListener("input", () => { spec[field.name] = read(made.value); ctx.changed(at); });
  return made;
};
const told = (field, wrong, make) => labelled(field.label, field.about, wrong, make, field.required);

const TYPES = {
  text: (field, spec, ctx, at, wrong) => told(field, wrong, input(field, spec, ctx, at, ["question", "description"].includes(field.name) ? {} : { spellcheck: "false" })),
  clock: (field, spec, ctx, at, wrong) => told(field, wrong, input(field, spec, ctx, at, { type: "time" })),
  number: (field, spec, ctx, at, wrong) => told(field, wrong, input(field, spec, ctx, at, { type: "number", step: "any", min: 0 }, (text) => (text === "" ? "" : Number(text)))),
  json: (field, spec, ctx, at, wrong) => told(field, wrong, (id) => {
    const made = h("textarea", { id, rows: 2, spellcheck: "false", value: spec[field.name] === undefined ? "" : jsonText(spec[field.name]) });
    made.addEventListener("input", () => { if (made.value.trim()) spec[field.name] = jsonValue(made.value); else delete spec[field.name]; ctx.changed(at); });
    return made;
  }),
  zone: (field, spec, ctx, at, wrong) => named(field, spec, ctx, at, wrong, (q) => pick({ kind: "zone", q })),
  pick: (field, spec, ctx, at, wrong) => (field.pick === "event" || field.pick === "trait"
    ? named(field, spec, ctx, at, wrong, (q) => pick({ kind: field.pick, q }))
    : chooser(field, spec, ctx, at, wrong)),
  step: (field, spec, ctx, at, wrong) => told(field, wrong, (id) => {
    const some = ctx.steps();
    const made = h("select", { id, value: spec[field.name] ?? "", onchange: () => { ctx.aim(spec, made.value); ctx.redraw(); } },
      h("option", { value: "" }, "Choose one"), some.map(({ id: key, text }) => h("option", { value: key }, text)));
    return made;
  }),
  choice: (field, spec, ctx, at, wrong) => told(field, wrong, (id) => {
    const now = spec[field.name] ?? field.default ?? "";
    const made = h("select", { id, onchange: () => { spec[field.name] = made.value; ctx.changed(); } }, field.choices.map((value) => h("option", { value, selected: value === now }, value.replaceAll("_", " "))));
    return made;
  }),
  yes: (field, spec, ctx, at, wrong) => h("div", { class: "field" }, h("label", { class: "check" }, h("input", {
    type: "checkbox", checked: spec[field.name] ?? field.default ?? false, onchange: (event) => { spec[field.name] = event.target.checked; ctx.changed(); },
  }), ` ${field.label}`), under(fresh("h"), field.about, wrong)),
  days: (field, spec, ctx, at, wrong) => h("fieldset", {}, h("legend", {}, field.label), h("div", { class: "days" }, DAYS.map(([day, word]) => h("label", { class: "check" }, h("input", {
    type: "checkbox", checked: (spec[field.name] ?? []).includes(day),
    onchange: (event) => {
      const some = new Set(spec[field.name] ?? []);
      if (event.target.checked) some.add(day); else some.delete(day);
      spec[field.name] = DAYS.map(([one]) => one).filter((one) => some.has(one));
      ctx.changed();
    },
  }), ` ${word}`))), under(fresh("h"), field.about, wrong)),
  lines: (field, spec, ctx, at, wrong) => {
    const some = (spec[field.name] ??= []);
    const rows = some.map((_, index) => h("div", { class: "line" }, select(ctx.titles(field.pick), some[index], (key) => { some[index] = key; ctx.redraw(); }, { "aria-label": `${field.label}, ${index + 1}` }),
      button("✕", () => { some.splice(index, 1); ctx.redraw(); }, { "aria-label": `Remove ${index + 1}` })));
    return h("fieldset", {}, h("legend", {}, field.label), rows, h("div", {}, button("+ Add one", () => { some.push(""); ctx.redraw(); })), under(fresh("h"), field.about, wrong));
  },
  values: (field, spec, ctx, at, wrong) => valuesField(field, spec, ctx, at, wrong),
  entry: (field, spec, ctx, at, wrong) => entryField(field, spec, ctx, wrong),
  rollout: (field, spec, ctx, at, wrong) => rolloutField(field, spec, ctx, wrong),
  condition: (field, spec, ctx, at, wrong) => conditionField(field, spec, ctx, at, wrong),
  expression: (field, spec, ctx, at, wrong) => conditionField(field, spec, ctx, at, wrong),
  group: (field, spec, ctx, at, wrong) => {
    const given = spec[field.name];
    if (!field.required && given === undefined) {
      return h("div", { class: "field" }, h("div", {}, button(`+ ${field.label}`, () => { spec[field.name] = {}; ctx.redraw(); })), under(fresh("h"), field.about, wrong));
    }
    const inner = (spec[field.name] ??= {});
    const remove = field.required ? null : button("Remove", () => { delete spec[field.name]; ctx.redraw(); }, { "aria-label": `Remove: ${field.label}` });
    return h("fieldset", { class: "inner" }, h("legend", {}, field.label), under(fresh("h"), field.about, wrong), fieldsOf(field, inner, ctx, at), remove);
  },
  many: (field, spec, ctx, at, wrong) => {
    const items = (spec[field.name] ??= []);
    // The way of everybody else is last, and nothing is set of it.
    const last = items.findIndex((item) => "else" in item);
    const rows = items.map((item, index) => h("fieldset", { class: "inner" }, h("legend", {}, "else" in item ? "Everybody else" : `${WAY[field.name] ?? field.label} ${index + 1}`),
      "else" in item ? h("p", { class: "hint" }, "Whoever takes no other way.") : fieldsOf({ ...field, fields: field.fields.filter(({ name }) => name !== "else") }, item, ctx, `${at}[${index}]`),
      h("div", { class: "buttons" }, index && !("else" in item) ? button("Up", () => { items.splice(index - 1, 0, ...items.splice(index, 1)); ctx.redraw(); }, { "aria-label": `Move ${index + 1} up` }) : null,
        button("Remove", () => { items.splice(index, 1); ctx.redraw(); }, { "aria-label": `Remove ${WAY[field.name] ?? field.label} ${index + 1}` }))));
    const made = () => (field.name === "variants" ? { name: "abcdefghij"[items.length] ?? "", share: 50 } : field.name === "ways" && field.fields.some(({ name }) => name === "share") ? { share: 50 } : {});
    const add = button(`+ ${WAY[field.name] ?? "Add one"}`, () => { items.splice(last < 0 ? items.length : last, 0, made()); ctx.redraw(); });
    const other = last < 0 && field.fields.some(({ name }) => name === "else") ? button("+ Everybody else", () => { items.push({ else: [] }); ctx.redraw(); }) : null;
    return h("div", { class: "stack" }, under(fresh("h"), null, wrong), rows, h("div", { class: "buttons" }, add, other));
  },
};
const WAY = { ways: "Way", variants: "Variant", any: "Thing", guardrails: "Guardrail" };

function named(field, spec, ctx, at, wrong, find) {
  const made = picker({
    label: field.label, key: at, value: String(spec[field.name] ?? field.default ?? ""), placeholder: "", required: false, find,
    ontype: (text) => { spec[field.name] = text; ctx.changed(at); },
    onpick: (option) => { spec[field.name] = Array.isArray(option.value) ? option.label : option.value; ctx.redraw(at); },
  });
  const box = made.querySelector("input");
  if (wrong.length) box.setAttribute("aria-invalid", "true");
  if (field.pick === "event") box.id = eventId(at);
  return h("div", { class: `field${wrong.length ? " bad" : ""}` }, h("span", { class: "label" }, field.label, field.required ? null : h("span", { class: "optional" }, " (optional)")), made, under(fresh("h"), field.about, wrong));
}

function select(titles, now, onpick, props) {
  const known = Object.entries(titles);
  const made = h("select", { ...props, onchange: () => onpick(made.value) }, h("option", { value: "" }, "Choose one"),
    known.map(([key, { name, sub }]) => h("option", { value: key, selected: key === now }, sub ? `${name} · ${sub}` : name)),
    now && !(now in titles) ? h("option", { value: now, selected: true }, `${now} (not there yet)`) : null);
  return made;
}

function chooser(field, spec, ctx, at, wrong) {
  const now = spec[field.name] ?? "";
  const made = told(field, wrong, (id) => select(ctx.titles(field.pick), now, (key) => { spec[field.name] = key; ctx.redraw(); }, { id }));
  const more = ctx.beside?.(field.pick, now);
  return h("div", { class: "stack" }, made, more ?? null);
}
