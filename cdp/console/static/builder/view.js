// The rows on the page. A row is a sentence of controls; what belongs to a part of it (where,
// steps, the rows of a group) stands below it, indented.
import { button, h, menu } from "./dom.js";
import { picker } from "./picker.js";
import { keyOf, become, durationField, eventPicker, numberField, operand, pathPicker, where, windowField, word } from "./controls.js";
import { COUNTS, LITERALS, TIMES, operators, roots } from "./words.js";
import { group, readGroup } from "./rows.js";
import { pick } from "./server.js";

const JOINS = [["all", "all"], ["any", "any"], ["none", "none"], ["some", "not all"]];
const joinOf = ({ join, not }) => (not ? (join === "any" ? "none" : "some") : join);
const NAMES = {
  did: "Event", member: "Membership", followed: "Event after another", sequence: "Steps", changed: "Change of a trait", compare: "Comparison", text: "Written condition", group: "Group",
};

// The rows of a group with a field to add one.
export function drawGroup(found, scope, { lead = "", remove = null } = {}) {
  const head = h("div", { class: "line" });
  if (lead && found.items.length < 2 && !found.not) head.append(word(lead === "where" ? "where" : `${lead} this is true`));
  else {
    if (lead) head.append(word(lead));
    head.append(menu("How the rows below go together", JOINS, joinOf(found), (join) => {
      found.not = join === "none" || join === "some";
      found.join = join === "all" || join === "some" ? "all" : "any";
      scope.redraw(keyOf(found, "join"));
    }, { "data-key": keyOf(found, "join") }), word(lead === "where" ? "of:" : "of these are true"));
  }
  if (remove) head.append(h("span", { class: "tools" }, button("✕", remove, { class: "button small quiet cross", "aria-label": lead === "where" ? "Remove where" : "Remove group" })));
  const items = found.items.map((row, at) => drawRow(row, at, found, scope));
  return [head, h("div", { class: "rows-of" }, items), h("div", { class: "line" }, adder(found, scope))];
}

function drawRow(row, at, parent, scope) {
  const line = [], blocks = [];
  const remove = () => {
    parent.items.splice(at, 1);
    scope.redraw(parent.items.length ? keyOf(parent.items[Math.min(at, parent.items.length - 1)], "remove") : keyOf(parent, "add"));
  };
  if (row.kind === "group") {
    blocks.push(...drawGroup(row, scope, { remove }));
    return h("div", { class: "row of-group", role: "group", "aria-label": `${NAMES.group} ${at + 1}` }, blocks);
  }
  SHAPES[row.kind](line, blocks, row, scope, (made) => {
    // Rows may have gone or come while it was read.
    const now = parent.items.indexOf(row);
    if (now >= 0) parent.items[now] = made;
  });
  const wrap = () => { parent.items[at] = group([row], "any"); scope.redraw(keyOf(parent.items[at], "join")); };
  line.push(h("span", { class: "tools" },
    button("Group", wrap, { title: "Put it into a group of its own", "aria-label": `Put row ${at + 1} into a group` }),
    button("✕", remove, { "data-key": keyOf(row, "remove"), class: "button small quiet cross", "aria-label": `Remove row ${at + 1}` })));
  return h("div", { class: "row", role: "group", "aria-label": `${NAMES[row.kind]} ${at + 1}` }, h("div", { class: "line" }, line), blocks);
}

const SHAPES = {
  did(line, blocks, row, scope) {
    line.push(menu("Did or did not", [["did", "did"], ["not", "did not do"]], row.not ? "not" : "did", (value) => {
      row.not = value === "not";
      if (row.not) row.count = null;
      scope.redraw(keyOf(row, "not"));
    }, { "data-key": keyOf(row, "not") }));
    eventPicker(line, row, scope);
    where(line, blocks, row, scope);
    if (!row.not) {
      line.push(menu("How often", COUNTS, row.count?.op ?? "once", (op) => {
        row.count = op === "once" ? null : { op, n: row.count?.n ?? "" };
        scope.redraw(keyOf(row, "count"));
      }, { "data-key": keyOf(row, "count") }));
      if (row.count) {
        numberField(line, "Times", keyOf(row, "times"), () => row.count.n, (text) => { row.count.n = text; }, scope, "3");
        line.push(word("times"));
      }
    }
    windowField(line, row, scope);
  },

  member(line, blocks, row, scope) {
    const kinds = [["audience", "is in the audience"], ["not audience", "is not in the audience"], ["subscribed", "is subscribed to"], ["not subscribed", "is not subscribed to"], ["has_device", "has a device of"], ["not has_device", "has no device of"]];
    const [label, placeholder] = { audience: ["Audience", "an audience"], subscribed: ["Topic", "a topic"], has_device: ["System", "ios, android, web or expo"] }[row.fn];
    line.push(menu("Membership", kinds, `${row.not ? "not " : ""}${row.fn}`, (value) => {
      row.not = value.startsWith("not ");
      row.fn = value.replace("not ", "");
      scope.redraw(keyOf(row, "fn"));
    }, { "data-key": keyOf(row, "fn") }), picker({
      label, key: keyOf(row, "key"), value: row.key ?? "", placeholder, find: (q) => pick({ kind: { audience: "audience", subscribed: "topic", has_device: "system" }[row.fn], q }),
      ontype: (text) => { row.key = text; scope.changed(); }, onpick: (option) => { row.key = option.value; scope.redraw(keyOf(row, "key")); },
    }));
  },

  followed(line, blocks, row, scope) {
    line.push(menu("Did or did not", [["did", "did"], ["not", "did not do"]], row.not ? "not" : "did", (value) => { row.not = value === "not"; scope.changed(); }, { "data-key": keyOf(row, "not") }));
    eventPicker(line, row, scope);
    where(line, blocks, row, scope);
    line.push(word("within"));
    durationField(line, row.within, scope);
    line.push(word("after"));
    eventPicker(line, row.after, scope, "After the event");
    where(line, blocks, row.after, scope);
    windowField(line, row, scope);
  },

  sequence(line, blocks, row, scope) {
    line.push(menu("Did or did not", [["did", "did these in order"], ["not", "did not do these in order"]], row.not ? "not" : "did", (value) => { row.not = value === "not"; scope.changed(); }, { "data-key": keyOf(row, "not") }));
    windowField(line, row, scope);
    const steps = row.steps.map((step, at) => {
      const part = [word(at ? "then" : "first")], below = [];
      eventPicker(part, step, scope, `Step ${at + 1}`);
      where(part, below, step, scope);
      if (at) {
        part.push(menu("How soon", [["", "at any time after"], ["within", "within"]], step.within ? "within" : "", (value) => {
          step.within = value ? { n: "", unit: "h" } : null;
          scope.redraw(value ? keyOf(step.within, "n") : keyOf(step, "within"));
        }, { "data-key": keyOf(step, "within") }));
        if (step.within) durationField(part, step.within, scope);
      }
      if (row.steps.length > 2) part.push(h("span", { class: "tools" }, button("✕", () => { row.steps.splice(at, 1); row.steps[0].within = null; scope.redraw(keyOf(row, "step")); }, { class: "button small quiet cross", "aria-label": `Remove step ${at + 1}` })));
      return h("div", { class: "row" }, h("div", { class: "line" }, part), below);
    });
    blocks.push(h("div", { class: "rows-of" }, steps), h("div", { class: "line" }, button("+ step", () => {
      const made = { event: "", where: null, within: null };
      row.steps.push(made);
      scope.redraw(keyOf(made, "event"));
    }, { "data-key": keyOf(row, "step") })));
  },

  changed(line, blocks, row, scope) {
    line.push(word("trait"));
    pathPicker(line, row, "parts", scope, { root: ["traits", "trait", row.parts?.[0] === "person" ? ["person", "traits"] : ["traits"], "trait"] });
    line.push(menu("Changed or not", [["did", "changed"], ["not", "did not change"]], row.not ? "not" : "did", (value) => { row.not = value === "not"; scope.changed(); }, { "data-key": keyOf(row, "not") }));
    for (const [name, label] of [["before", "From"], ["after", "To"]]) {
      const key = keyOf(row, name);
      const choose = (kind) => { row[name] = kind ? become(kind, row[name], scope) : null; scope.redraw(kind ? keyOf(row[name], "value") : key); };
      line.push(word(label.toLowerCase()), menu(`${label}: kind`, [["", "anything"], ...LITERALS], row[name]?.kind ?? "", choose, { "data-key": key, class: "kind quiet" }));
      const part = [];
      if (row[name]) operand(part, blocks, row[name], () => {}, scope, { only: "literals", label, values: { kind: "path", parts: row.parts } });
      line.push(...part.slice(1));
    }
    windowField(line, row, scope);
  },

  compare(line, blocks, row, scope) {
    const plain = () => !row.right || (["text", "number"].includes(row.right.kind) && !row.right.text);
    const onpicked = ({ type }) => { if (type && plain()) suit(row, type); };
    operand(line, blocks, row.left, (made) => { row.left = made; suitFigure(row); }, scope, { only: "left", label: "What", onpicked, owner: row, slot: "left" });
    const timely = TIMES.includes(row.right?.kind);
    line.push(menu("Operator", operators(row.op, timely), row.op, (op) => { becomeOp(row, op); scope.redraw(keyOf(row, "op")); }, { "data-key": keyOf(row, "op") }));
    if (row.right) operand(line, blocks, row.right, (made) => { row.right = made; }, scope, { values: row.left, owner: row, slot: "right" });
  },

  text(line, blocks, row, scope, put) {
    scope.drawText(line, row, put, scope);
  },
};

const NO_RIGHT = ["set", "unset", "true", "not true"];
const OF_TEXTS = /^(not )?(contains|starts_with|ends_with|match|regex|version .*)$/;

// Another operator takes another kind of value.
function becomeOp(row, op) {
  const many = op === "in" || op === "not in";
  if (NO_RIGHT.includes(op)) row.right = null;
  else if (!row.right) row.right = many ? { kind: "list", items: [{ kind: "text", text: "" }] } : { kind: "text", text: "" };
  else if (many && !["list", "path", "uploaded"].includes(row.right.kind)) row.right = { kind: "list", items: [row.right] };
  else if (!many && row.right.kind === "uploaded") row.right = { kind: "text", text: "" };
  else if (!many && row.right.kind === "list" && row.right.items.length < 2) row.right = row.right.items[0] ?? { kind: "text", text: "" };
  if ([">", ">=", "<", "<="].includes(op) && row.right?.kind === "text") row.right = { kind: "number", text: row.right.text };
  if (OF_TEXTS.test(op) && row.right?.kind === "number") row.right = { kind: "text", text: row.right.text };
  row.op = op;
}

// What a field of a type is most likely asked.
function suit(row, type) {
  if (type === "number") row.right = { kind: "number", text: "" };
  else if (type === "yes or no") { row.op = "="; row.right = { kind: "truth", yes: true }; }
  else if (type === "time") { row.op = ">"; row.right = { kind: "ago", n: "30", unit: "d" }; }
  else if (type === "list") { row.op = "has"; row.right = { kind: "text", text: "" }; }
  else { if (row.op === "has") row.op = "="; row.right ??= { kind: "text", text: "" }; }
}

function suitFigure(row) {
  if (row.right && row.right.kind !== "text" && row.right.kind !== "number") return;
  const { kind, fn, of, name } = row.left;
  if (kind === "call" && name === "length") { row.right = { kind: "number", text: row.right?.text ?? "" }; if (row.op === "has") row.op = ">="; }
  if (kind !== "figure") return;
  if (of === null && fn !== "count") { row.op = ">"; row.right = { kind: "ago", n: "30", unit: "d" }; }
  else if (["count", "sum", "avg", "min", "max"].includes(fn)) row.right = { kind: "number", text: row.right?.text ?? "" };
  else if (!row.right?.text) { row.op = fn === "unique" ? "has" : "="; row.right = { kind: "text", text: "" }; }
}

// Rows to start from.
export const START = {
  did: () => ({ kind: "did", not: false, event: "", where: null, count: null, window: null }),
  trait: (scope) => compare(become(`path:${roots(scope)[0][0]}`, null, scope)),
  account: () => compare({ kind: "path", parts: ["account", "traits", null] }),
  listed: () => ({ ...compare({ kind: "path", parts: ["traits", null] }), op: "in", right: { kind: "uploaded", name: "" } }),
  figure: () => ({ ...compare({ kind: "figure", fn: "sum", event: "", where: null, of: ["properties", null], window: null }), op: ">", right: { kind: "number", text: "" } }),
  sequence: () => ({ kind: "sequence", not: false, steps: [0, 1].map(() => ({ event: "", where: null, within: null })), window: null }),
  followed: () => ({ kind: "followed", not: true, event: "", where: null, within: { n: "", unit: "d" }, after: { event: "", where: null }, window: null }),
  changed: () => ({ kind: "changed", not: false, parts: ["traits", null], before: null, after: null, window: null }),
  audience: () => ({ kind: "member", not: false, fn: "audience", key: "" }),
  subscribed: () => ({ kind: "member", not: false, fn: "subscribed", key: "" }),
  device: () => ({ kind: "member", not: false, fn: "has_device", key: "" }),
  group: () => group([], "any"),
  text: () => ({ kind: "text", node: null, text: "" }),
};
const compare = (left) => ({ kind: "compare", op: "=", left, right: { kind: "text", text: "" } });

const MORE = [
  ["did", "Did something", "an event, how often and when"], ["trait", "A trait", "what is known of the person"], ["figure", "A figure of events", "sum, average, smallest, first, last…"],
  ["sequence", "Steps one after another", "two or more events in order"], ["followed", "Followed by something, or not", "an event within a time after another"],
  ["changed", "A trait that changed", "from and to a value"], ["audience", "In an audience", ""], ["listed", "In an uploaded list", "a trait that is one of its values"], ["account", "A trait of the account", "of the person’s company"], ["subscribed", "Subscribed to a topic", ""], ["device", "Has a device", "ios or android"],
  ["group", "A group", "any, all or none of several conditions"], ["text", "Written as text", "in the language of conditions"],
];

function more(scope, q) {
  const keys = scope.context === "person" && !scope.where ? MORE : [["trait", "A property", "what the message carries"], ...MORE.slice(-2)];
  const needle = q.toLowerCase();
  return keys.filter(([, label, sub]) => `${label} ${sub}`.toLowerCase().includes(needle)).map(([value, label, sub]) => ({ group: "Conditions", kind: "start", value, label, sub }));
}

function adder(found, scope) {
  const places = scope.where ? "a property" : scope.context === "person" ? "an event, a trait, an audience…" : "an event or property";
  return picker({
    label: "Add a condition", key: keyOf(found, "add"), value: "", placeholder: `Add: ${places}`, required: false, wide: true,
    find: async (q) => {
      const written = /["'=<>()]/.test(q) ? await scope.read(q) : null;
      const rows = written?.ok && written.form ? [{ group: "As it is written", kind: "form", value: written.form, label: written.prose, sub: "" }] : [];
      const [begin, seen] = [more(scope, q), await pick({ kind: "start", q, context: scope.where ? "message" : scope.context, event: scope.where ? scope.event?.() || "" : null })];
      return [...rows, ...(q ? [...seen, ...begin] : [...begin, ...seen])];
    },
    onpick: (option) => {
      const made = rowsOf(option, scope);
      found.items.push(...made);
      scope.redraw(null);
      scope.focusFirst(made[0]);
    },
  });
}

function rowsOf({ kind, value, type }, scope) {
  if (kind === "form") { const read = readGroup(value); return read.join === "all" && !read.not ? read.items : [read]; }
  if (kind === "start") return [START[value](scope)];
  if (kind === "audience") return [{ ...START.audience(), key: value }];
  if (kind === "event") {
    if (scope.context === "person") return [{ ...START.did(), event: value }];
    return [{ ...compare({ kind: "path", parts: ["event"] }), right: { kind: "text", text: value } }];
  }
  const row = compare({ kind: "path", parts: value });
  if (value[1] === "identifiers") row.op = "has";
  if (type) suit(row, type);
  return [row];
}
