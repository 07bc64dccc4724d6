// JSON form ↔ the rows of the builder. Every reading is written back and compared: what no row
// says exactly becomes a row of text, so that nothing is ever lost or bent.
import { Unfinished, duration, msOf } from "./units.js";
import { readEvent, readOperand, readWindow, writeEvent, writeOperand, writeWindow } from "./operands.js";

// Functions of two that are said as an operator, in the order of their menu.
export const CALLS = ["contains", "starts_with", "ends_with", "match", "regex"];
// Functions that ask for what somebody is part of, by a name that is written out.
const MEMBERS = ["audience", "subscribed", "has_device"];
const SIGNS = ["=", "!=", "<", "<=", ">", ">="];
const NULL = { is: "value", value: null };

export function same(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const [mine, theirs] = [Object.keys(a), Object.keys(b)];
  return Array.isArray(a) === Array.isArray(b) && mine.length === theirs.length
    && mine.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

// A group: `join` all or any of the items, `not` turns it around.
export const group = (items = [], join = "all", not = false) => ({ kind: "group", join, not, items });

export function readGroup(node) {
  if (!node) return group();
  const inner = node.is === "not" ? node.item : node;
  if (inner.is === "and" || inner.is === "or") {
    return group(inner.items.map(readRow), inner.is === "and" ? "all" : "any", inner !== node);
  }
  return group([readRow(node)]);
}

export function writeGroup({ items, join, not }) {
  const written = items.map(writeRow).filter((node) => node !== null);
  if (!written.length) return null;
  const inner = written.length === 1 ? written[0] : { is: join === "all" ? "and" : "or", items: written };
  return not ? { is: "not", item: inner } : inner;
}

export function readRow(node) {
  const found = guess(node);
  try {
    if (found && same(writeRow(found), node)) return found;
  } catch (error) {
    if (!(error instanceof Unfinished)) throw error;
  }
  return { kind: "text", node };
}

function guess(node) {
  if (node.is === "not") return negated(node.item) ?? negatedGroup(node);
  switch (node.is) {
    case "and": case "or": return readGroup(node);
    case "performed": return { kind: "did", not: false, ...readEvent(node.event), count: null, window: readWindow(node.window) };
    case "followed": return { kind: "followed", not: node.negated ?? false, ...readEvent(node.event), within: duration(node.ms), after: readEvent(node.after), window: readWindow(node.window) };
    case "sequence": return { kind: "sequence", not: false, steps: node.steps.map(step), window: readWindow(node.window) };
    case "changed": return { kind: "changed", not: false, parts: node.path.parts, before: literal(node.before), after: literal(node.after), window: readWindow(node.window) };
    case "call": return called(node);
    case "compare": return counted(node) ?? compared(node);
    case "in": return listed(node);
    case "path": return { kind: "compare", op: "true", left: readOperand(node), right: null };
    default: return null;
  }
}

const literal = (node) => (node ? readOperand(node) : null);
const step = ({ event, within }) => ({ ...readEvent(event), within: within === undefined ? null : duration(within) });

// Rows that say "not" themselves; anything else goes into a group of none.
function negated(item) {
  if (["compare", "followed", "not"].includes(item.is)) return null;
  const row = guess(item);
  if (!row || row.kind === "group") return null;
  if (row.kind === "compare") return { ...row, op: `not ${row.op}` };
  return { ...row, not: true };
}

function negatedGroup(node) {
  const { item } = node;
  return item.is === "and" || item.is === "or" ? readGroup(node) : group([readRow(item)], "any", true);
}

function called(node) {
  const args = node.args.map(readOperand);
  if (MEMBERS.includes(node.name)) {
    return { kind: "member", not: false, fn: node.name, key: node.args[0].value };
  }
  if (CALLS.includes(node.name)) return { kind: "compare", op: node.name, left: args[0], right: args[1] };
  if (node.name === "semver" && SIGNS.includes(node.args[1].value)) {
    return { kind: "compare", op: `version ${node.args[1].value}`, left: args[0], right: args[2] };
  }
  return { kind: "compare", op: "true", left: readOperand(node), right: null };
}

function counted({ op, left, right }) {
  if (left.is !== "aggregate" || left.fn !== "count" || right.is !== "number") return null;
  return { kind: "did", not: false, ...readEvent(left.event), count: { op, n: right.text }, window: readWindow(left.window) };
}

function compared({ op, left, right }) {
  if (same(right, NULL) && (op === "=" || op === "!=")) {
    return { kind: "compare", op: op === "=" ? "unset" : "set", left: readOperand(left), right: null };
  }
  return { kind: "compare", op, left: readOperand(left), right: readOperand(right) };
}

// `"a" in traits.tags` is said of the list: tags include "a".
function listed({ item, list }) {
  const [one, many] = [readOperand(item), readOperand(list)];
  if (["list", "uploaded"].includes(list.is) || (item.is !== "value" && item.is !== "number")) return { kind: "compare", op: "in", left: one, right: many };
  return { kind: "compare", op: "has", left: many, right: one };
}

// The node of a row; null of a group without rows.
export function writeRow(row) {
  switch (row.kind) {
    case "group": return writeGroup(row);
    case "did": return not(row, didNode(row));
    case "member": return not(row, { is: "call", name: row.fn, args: [writeOperand({ kind: "text", text: row.key })] });
    case "followed": return {
      is: "followed", event: writeEvent(row), ms: msOf(row.within), after: writeEvent(row.after), ...writeWindow(row.window), ...(row.not ? { negated: true } : {}),
    };
    case "sequence": return not(row, { is: "sequence", steps: row.steps.map(stepNode), ...writeWindow(row.window) });
    case "changed": return not(row, {
      is: "changed", path: writeOperand({ kind: "path", parts: row.parts }), ...maybe("before", row.before), ...maybe("after", row.after), ...writeWindow(row.window),
    });
    case "compare": return compareNode(row);
    default:
      if (!row.node || row.wrong) throw new Unfinished("a condition");
      return row.node;
  }
}

const not = (row, node) => (row.not ? { is: "not", item: node } : node);
const maybe = (name, operand) => (operand ? { [name]: writeOperand(operand) } : {});

function didNode(row) {
  if (!row.count) return { is: "performed", event: writeEvent(row), ...writeWindow(row.window) };
  const left = { is: "aggregate", fn: "count", event: writeEvent(row), ...writeWindow(row.window) };
  return { is: "compare", op: row.count.op, left, right: writeOperand({ kind: "number", text: row.count.n }) };
}

function stepNode(one, index) {
  const within = index && one.within ? { within: msOf(one.within) } : {};
  return { event: writeEvent(one), ...within };
}

function compareNode({ op, left, right }) {
  if (op.startsWith("not ")) return { is: "not", item: compareNode({ op: op.slice(4), left, right }) };
  const mine = writeOperand(left);
  if (op === "true") return mine;
  if (op === "set" || op === "unset") return { is: "compare", op: op === "set" ? "!=" : "=", left: mine, right: NULL };
  const theirs = writeOperand(right);
  if (op === "in") return { is: "in", item: mine, list: theirs };
  if (op === "has") return { is: "in", item: theirs, list: mine };
  if (op.startsWith("version ")) return { is: "call", name: "semver", args: [mine, { is: "value", value: op.slice(8) }, theirs] };
  if (CALLS.includes(op)) return { is: "call", name: op, args: [mine, theirs] };
  return { is: "compare", op, left: mine, right: theirs };
}
