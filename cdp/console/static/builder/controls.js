// Controls of a row: events, paths, durations, windows, values. Each changes what it is given
// and tells the scope; `line` takes what stands in the row, `blocks` what stands below it.
import { button, h, menu } from "./dom.js";
import { fit, picker } from "./picker.js";
import { pick } from "./server.js";
import { FIGURES, FUNCTIONS, LITERALS, MOMENTS, SPANS, TIMES, UNITS, keysText, rootOf, roots, textKeys } from "./words.js";
import { group } from "./rows.js";

const ids = new WeakMap();
let last = 0;
// A name for a control that stays while its row does, so that the focus can come back to it.
export function keyOf(thing, name) {
  if (!ids.has(thing)) ids.set(thing, ++last);
  return `${ids.get(thing)}-${name}`;
}

export const word = (text) => h("span", { class: "word" }, text);

export function eventPicker(line, thing, scope, label = "Event") {
  line.push(picker({
    label, key: keyOf(thing, "event"), value: thing.event ?? "", placeholder: "an event",
    find: (q) => pick({ kind: "event", q }),
    ontype: (text) => { thing.event = text; scope.changed(); },
    onpick: (option) => { thing.event = option.value; scope.redraw(keyOf(thing, "event")); },
  }));
}

// "where …" of an event: a button, or the rows below.
export function where(line, blocks, thing, scope) {
  if (!thing.where) {
    line.push(button("+ where", () => { thing.where = group(); scope.redraw(keyOf(thing.where, "add")); }, { "data-key": keyOf(thing, "where") }));
    return;
  }
  const inner = { ...scope, where: true, event: () => thing.event };
  blocks.push(h("div", { class: "where" }, scope.drawGroup(thing.where, inner, { lead: "where", remove: () => { thing.where = null; scope.redraw(keyOf(thing, "where")); } })));
}

export function numberField(line, label, key, get, set, scope, placeholder = "0") {
  const field = h("input", {
    type: "text", inputmode: "decimal", "aria-label": label, "data-key": key, "data-needed": true, placeholder, value: get() ?? "", autocomplete: "off", class: "digits",
    oninput: (event) => { fit(event.target); set(event.target.value.trim()); scope.changed(); },
  });
  fit(field);
  line.push(field);
}

export function durationField(line, thing, scope, label = "Duration") {
  numberField(line, label, keyOf(thing, "n"), () => thing.n, (text) => { thing.n = text; }, scope, "30");
  line.push(menu(`${label}: unit`, UNITS, thing.unit, (unit) => { thing.unit = unit; scope.changed(); }, { "data-key": keyOf(thing, "unit") }));
}

const days = (n) => ({ n, unit: "d" });

export function windowField(line, thing, scope) {
  const found = thing.window;
  const kinds = [["", "at any time"], ["within", "in the last"], ["between", "between"], ["since", "since"]];
  line.push(menu("When", kinds, found?.kind ?? "", (kind) => {
    thing.window = { "": null, within: { kind, ...days("30") }, between: { kind, older: days("60"), newer: days("30") }, since: { kind, start: { kind: "start", unit: "month", zone: "UTC" } } }[kind];
    scope.redraw(keyOf(thing, "window"));
  }, { "data-key": keyOf(thing, "window") }));
  if (found?.kind === "within") durationField(line, found, scope);
  if (found?.kind === "since") operand(line, [], found.start, (made) => { found.start = made; }, scope, { only: "times", label: "Since" });
  if (found?.kind === "between") {
    durationField(line, found.older, scope, "From");
    line.push(word("and"));
    durationField(line, found.newer, scope, "To");
    line.push(word("ago"));
  }
}

// Where a path begins, and the rest of it.
export function pathPicker(line, thing, name, scope, options = {}) {
  const parts = thing[name] ?? [];
  const root = options.root ?? rootOf(parts, scope);
  const [, label, head, kind] = root;
  line.push(picker({
    label: label === "other" ? "Path" : label[0].toUpperCase() + label.slice(1), key: keyOf(thing, name), placeholder: `a ${label}`.replace(/^a ([aeio])/, "an $1"),
    value: keysText(parts.slice(head.length)),
    find: (q) => pick({ kind, q, event: kind === "property" ? scope.event?.() : null }),
    ontype: (text) => { thing[name] = [...head, ...(text ? textKeys(text) : [null])]; scope.changed(); },
    onpick: (option) => { thing[name] = option.value; options.onpicked?.(option); scope.redraw(options.next ?? keyOf(thing, name)); },
  }));
}

const listOf = (kind) => (items) => ({ kind: "list", items: items.length ? items.map((item) => ("text" in item ? { kind, text: item.text } : item)) : [blank[kind]()] });

const blank = {
  text: () => ({ kind: "text", text: "" }), number: () => ({ kind: "number", text: "" }), truth: () => ({ kind: "truth", yes: true }), empty: () => ({ kind: "empty" }),
  nothing: () => ({ kind: "nothing" }), uploaded: () => ({ kind: "uploaded", name: "" }), instant: () => ({ kind: "instant", date: "", time: "" }), now: () => ({ kind: "now" }),
  ago: () => ({ kind: "ago", n: "", unit: "d" }), ahead: () => ({ kind: "ahead", n: "", unit: "d" }), start: () => ({ kind: "start", unit: "month", zone: "UTC" }),
};

// An operand of another kind, made of as much of the old one as fits.
export function become(key, old, scope) {
  const [kind, detail] = key.split(":");
  if (kind === "path") {
    const [, , head] = roots(scope).find(([root]) => root === detail);
    return { kind, parts: [...head, ...(old?.kind === "path" ? tail(old.parts, scope) : [null])] };
  }
  if (kind === "call") {
    const [, , n] = FUNCTIONS.find(([name]) => name === detail);
    const kept = old?.kind === "call" ? old.args : [["path", "figure"].includes(old?.kind) ? old : become(`path:${roots(scope)[0][0]}`, null, scope)];
    return { kind, name: detail, args: Array.from({ length: n }, (_, at) => kept[at] ?? blank.text()) };
  }
  if (kind === "figure") {
    const [fn, time] = detail.split(" ");
    const same = old?.kind === "figure" ? old : { event: "", where: null, window: null, of: null };
    return { ...same, kind, fn, of: fn === "count" || time ? null : same.of ?? ["properties", null] };
  }
  if (["text", "number"].includes(kind) && ["text", "number"].includes(old?.kind)) return { kind, text: old.text };
  if (kind === "list") return detail ? listOf(detail)(old?.items ?? []) : { kind, items: old?.items ?? [] };
  if (["ago", "ahead"].includes(kind) && ["ago", "ahead"].includes(old?.kind)) return { ...old, kind };
  return blank[kind]();
}

// What a path says behind its beginning.
const tail = (parts, scope) => parts.slice(rootOf(parts, scope)[2].length);

function keyOfKind(found, scope) {
  if (found.kind === "path") return `path:${rootOf(found.parts, scope)[0]}`;
  if (found.kind === "call") return `call:${found.name}`;
  if (found.kind === "figure") return `figure:${found.fn}${found.of === null && found.fn !== "count" ? " time" : ""}`;
  if (found.kind === "list") return `list:${alike(found) ?? ""}`.replace(/:$/, "");
  return found.kind;
}

// The kind that all items of a list have, if it is one of the plain ones.
const alike = ({ items }) => ["text", "number"].find((kind) => items.length && items.every((item) => item.kind === kind));

function kinds(found, scope, only) {
  const paths = { label: "What is known", items: roots(scope).map(([key, label]) => [`path:${key}`, label]) };
  const person = scope.context === "person" && !scope.where;
  const calls = { label: "Made of it", items: FUNCTIONS.filter(([name]) => person || !["audience", "subscribed", "has_device"].includes(name)).map(([name, label]) => [`call:${name}`, label]) };
  const figures = { label: "From events", items: FIGURES.map(([key, label]) => [`figure:${key}`, label]) };
  const moments = { label: "Time", items: person || scope.context === "person" ? MOMENTS : MOMENTS.slice(0, 1) };
  const values = { label: "Value", items: [...LITERALS, ["list:text", "list of texts"], ["list:number", "list of numbers"], ["list", "list"], ["uploaded", "uploaded list"]] };
  const all = only === "times" ? [moments] : only === "made" ? [figures, paths, calls] : only === "literals" ? [values] : only === "left" ? [paths, ...(person ? [figures] : []), calls, values, moments] : [values, moments, paths, ...(person ? [figures] : []), calls];
  const present = keyOfKind(found, scope);
  if (!all.some((part) => part.items.some(([key]) => key === present))) all.push({ label: "As text", items: [[present, "condition"]] });
  return all;
}

// Any operand. `only`: left (what is asked about), times, literals; `values` says what could
// stand here: an operand whose values are known.
export function operand(line, blocks, found, set, scope, { only = "right", label = "Value", values = null, onpicked, owner = found, slot = "kind" } = {}) {
  const key = keyOf(owner, slot);
  line.push(menu(only === "left" || only === "made" ? "Kind of what is asked" : `${label}: kind`, kinds(found, scope, only), keyOfKind(found, scope), (chosen) => {
    const made = become(chosen, found, scope);
    set(made);
    scope.redraw(key);
  }, { "data-key": key, class: only === "left" || only === "made" ? "kind" : "kind quiet" }));
  shape(line, blocks, found, scope, { label, values, onpicked });
}

function shape(line, blocks, found, scope, { label, values, onpicked }) {
  const key = keyOf(found, "value");
  switch (found.kind) {
    case "path": pathPicker(line, found, "parts", scope, { onpicked }); break;
    case "text": line.push(picker({
      label, key, value: found.text, placeholder: "a value", find: (q) => suggestions(values, scope, q),
      ontype: (text) => { found.text = text; scope.changed(); }, onpick: (option) => { found.text = option.value; scope.redraw(key); },
    })); break;
    case "number": numberField(line, label, key, () => found.text, (text) => { found.text = text; }, scope); break;
    case "truth": line.push(menu(label, [["yes", "yes"], ["no", "no"]], found.yes ? "yes" : "no", (value) => { found.yes = value === "yes"; scope.changed(); }, { "data-key": key })); break;
    case "instant": instant(line, found, scope, label); break;
    case "ago": durationField(line, found, scope, label); line.push(word("ago")); break;
    case "ahead": durationField(line, found, scope, label); line.push(word("from now")); break;
    case "start": start(line, found, scope); break;
    case "uploaded": line.push(picker({
      label, key, value: found.name, placeholder: "a list", find: (q) => pick({ kind: "list", q }),
      ontype: (text) => { found.name = text; scope.changed(); }, onpick: (option) => { found.name = option.value; scope.redraw(key); },
    })); break;
    case "list": list(line, blocks, found, scope, values); break;
    case "figure": figure(line, blocks, found, scope); break;
    case "call": call(line, blocks, found, scope, onpicked, label); break;
    case "code": scope.drawCode(line, found); break;
    default:
  }
}

async function suggestions(values, scope, q) {
  if (values?.kind === "call" && values.args[0]) return suggestions(values.args[0], scope, q);
  const parts = values?.kind === "path" ? values.parts : values?.kind === "figure" ? values.of : null;
  if (!parts) return [];
  const event = values.kind === "figure" ? values.event : scope.event?.();
  const known = await pick({ kind: "values", part: parts, event: parts[0] === "properties" ? event : null });
  return known.options.filter((option) => option.label.toLowerCase().includes(q.toLowerCase()));
}

function instant(line, found, scope, label) {
  const field = (type, name, extra) => h("input", {
    type, "aria-label": name === "date" ? `${label}: date` : `${label}: time (UTC)`, value: found[name], "data-key": keyOf(found, name), "data-needed": name === "date",
    ...extra, onchange: (event) => { found[name] = event.target.value; scope.changed(); }, oninput: (event) => { found[name] = event.target.value; scope.changed(); },
  });
  line.push(field("date", "date", { min: "0001-01-01", max: "9999-12-31" }));
  if (found.time) line.push(field("time", "time", { step: found.time.includes(".") ? "0.001" : "1" }), word("UTC"));
  else line.push(button("+ time", () => { found.time = "12:00:00"; scope.redraw(keyOf(found, "time")); }, { "data-key": keyOf(found, "time") }));
}

function start(line, found, scope) {
  line.push(menu("Start of", SPANS, found.unit, (unit) => { found.unit = unit; scope.changed(); }, { "data-key": keyOf(found, "unit") }), word("in"), picker({
    label: "Time zone", key: keyOf(found, "zone"), value: found.zone, placeholder: "a time zone", find: (q) => pick({ kind: "zone", q }),
    ontype: (text) => { found.zone = text; scope.changed(); }, onpick: (option) => { found.zone = option.value; scope.redraw(keyOf(found, "zone")); },
  }));
}

function list(line, blocks, found, scope, values) {
  found.items.forEach((item, at) => {
    const part = [];
    operand(part, blocks, item, (made) => { found.items[at] = made; }, scope, { values, label: `Value ${at + 1}`, owner: found, slot: `item-${at}` });
    if (alike(found)) part.shift();
    part.push(button("✕", () => { found.items.splice(at, 1); scope.redraw(keyOf(found, "more")); }, { "aria-label": `Remove value ${at + 1}`, class: "button small quiet cross" }));
    line.push(h("span", { class: "item" }, part));
  });
  line.push(button("+ value", () => add(found, scope), { "data-key": keyOf(found, "more") }));
}

// One more of the kind of the last.
function add(found, scope) {
  const made = found.items.at(-1)?.kind === "number" ? blank.number() : blank.text();
  found.items.push(made);
  scope.redraw(keyOf(made, "value"));
}

function figure(line, blocks, found, scope) {
  if (found.of !== null) {
    const inside = { ...scope, where: true, event: () => found.event };
    const [root] = rootOf(found.of, inside);
    const offered = roots(inside).filter(([key]) => key === root || !["person", "identifiers"].includes(key));
    line.push(menu("Of: kind", offered.map(([key, label]) => [key, label]), root, (chosen) => {
      found.of = [...offered.find(([key]) => key === chosen)[2], null];
      scope.redraw(keyOf(found, "of"));
    }, { "data-key": keyOf(found, "of-kind"), class: "kind quiet" }));
    pathPicker(line, found, "of", inside);
    line.push(word("of"));
  }
  eventPicker(line, found, scope);
  where(line, blocks, found, scope);
  windowField(line, found, scope);
}

function call(line, blocks, found, scope, onpicked, label) {
  found.args.forEach((arg, at) => {
    if (at) line.push(word(","));
    operand(line, blocks, arg, (made) => { found.args[at] = made; }, scope, { only: at ? "right" : "left", label: found.args.length > 1 ? `Argument ${at + 1}` : label, onpicked: at ? null : onpicked, owner: found, slot: `arg-${at}` });
  });
}
