// What stands beside an operator: JSON form ↔ what fields hold. A kind that no field has is
// kept as it is ("code") and shown as text.
import { Unfinished, atOf, duration, instant, msOf } from "./units.js";
import { readGroup, writeGroup } from "./rows.js";

const need = (value, what) => {
  if (value === null || value === undefined || value === "") throw new Unfinished(what);
  return value;
};

export function readOperand(node) {
  switch (node.is) {
    case "number": return { kind: "number", text: node.text };
    case "path": return { kind: "path", parts: node.parts };
    case "list": return { kind: "list", items: node.items.map(readOperand) };
    case "uploaded": return { kind: "uploaded", name: node.name };
    case "instant": return { kind: "instant", ...instant(node.at) };
    case "relative": return relative(node.offset);
    case "start_of": return { kind: "start", unit: node.unit, zone: node.zone ?? "UTC" };
    case "call": return { kind: "call", name: node.name, args: node.args.map(readOperand) };
    case "aggregate": return { kind: "figure", ...readEvent(node.event), fn: node.fn, of: node.of?.parts ?? null, window: readWindow(node.window) };
    case "value": return literal(node.value);
    default: return { kind: "code", node };
  }
}

function literal(value) {
  if (value === null) return { kind: "nothing" };
  if (typeof value === "boolean") return { kind: "truth", yes: value };
  return value === "" ? { kind: "empty" } : { kind: "text", text: value };
}

function relative(offset) {
  if (offset === 0) return { kind: "now" };
  return { kind: offset < 0 ? "ago" : "ahead", ...duration(Math.abs(offset)) };
}

export function writeOperand(found) {
  switch (found.kind) {
    case "number": return { is: "number", text: number(found.text) };
    case "text": return { is: "value", value: need(found.text, "a value") };
    case "empty": return { is: "value", value: "" };
    case "truth": return { is: "value", value: found.yes };
    case "nothing": return { is: "value", value: null };
    case "path": return { is: "path", parts: path(found.parts) };
    case "list": return { is: "list", items: found.items.map(writeOperand) };
    case "uploaded": return { is: "uploaded", name: need(found.name, "a list") };
    case "instant": return { is: "instant", at: atOf(found) };
    case "now": return { is: "relative", offset: 0 };
    case "ago": return { is: "relative", offset: -msOf(found) };
    case "ahead": return { is: "relative", offset: msOf(found) };
    case "start": return { is: "start_of", unit: found.unit, ...(found.zone === "UTC" ? {} : { zone: need(found.zone, "a time zone") }) };
    case "call": return { is: "call", name: found.name, args: found.args.map(writeOperand) };
    case "figure": return figure(found);
    default: return found.node;
  }
}

function number(text) {
  const plain = String(text ?? "").trim();
  if (!/^-?\d+(\.\d+)?$/.test(plain)) throw new Unfinished("a number");
  return plain;
}

function path(parts) {
  if (!parts?.length || !parts[0] || parts.includes(null)) throw new Unfinished("a field");
  return parts;
}

function figure(found) {
  const of = found.of === null ? {} : { of: { is: "path", parts: path(found.of) } };
  return { is: "aggregate", fn: found.fn, event: writeEvent(found), ...of, ...writeWindow(found.window) };
}

// An event's name and what it must be like: {event, where}.
export function readEvent(ref) {
  return { event: ref.name, where: ref.where ? readGroup(ref.where) : null };
}

export function writeEvent({ event, where }) {
  const inner = where && where.items.length ? { where: writeGroup(where) } : {};
  return { name: need(event, "an event"), ...inner };
}

export function readWindow(window) {
  if (!window) return null;
  if (window.is === "within") return { kind: "within", ...duration(window.ms) };
  if (window.is === "between") return { kind: "between", older: duration(window.older), newer: duration(window.newer) };
  return { kind: "since", start: readOperand(window.start) };
}

// As a property of its node: nothing where there is none.
export function writeWindow(window) {
  if (!window) return {};
  if (window.kind === "within") return { window: { is: "within", ms: msOf(window) } };
  if (window.kind === "since") return { window: { is: "since", start: writeOperand(window.start) } };
  return { window: { is: "between", older: msOf(window.older), newer: msOf(window.newer) } };
}
