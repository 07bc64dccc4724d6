// The same steps as a list, for narrow screens and for whoever likes lists better.
import { button, h } from "../builder/dom.js";
import { waysOf } from "./graph.js";
import { NAMES } from "./words.js";

export function outline({ model, words, faults, figures, editable, onopen, onadd, open }) {
  const plus = (list, at, label) => (editable ? h("li", { class: "adds" }, button("+", () => onadd({ list, at }, null), { "aria-label": `Add a step ${label}` })) : null);
  const row = (name, said, uid, note, figure, kind) => {
    const fault = faults.get(uid);
    return h("button", { type: "button", class: `node ${kind ?? ""}${fault ? " bad" : ""}${open === uid ? " open" : ""}`, "data-item": uid, onclick: () => onopen(uid) },
      h("span", { class: "name" }, name), h("span", { class: "said" }, said || (editable ? "Not filled in yet" : "")), note ? h("span", { class: "note-mark", title: note }, "Note", h("span", { class: "sr" }, `: ${note}`)) : null,
      figure ? h("span", { class: `inside${figure.held ? " held" : ""}` }, figure.text) : null, fault ? h("span", { class: "wrong" }, fault[0]) : null);
  };

  const item = (step) => {
    const ways = waysOf(step, words).filter((way) => way.list);
    const { place } = model.where(step.uid);
    const n = (way) => (figures ? ` · ${figures.way({ step, place }, way.exits, words)}` : "");
    return h("li", {}, row(NAMES[step.kind] ?? step.kind ?? "Not a step", words.step(step), step.uid, step.note, figures?.node({ id: step.uid, step, place }, words), step.kind),
      ways.length ? h("ul", { class: "ways" }, ways.map((way) => h("li", {}, h("p", { class: "way" }, way.label + n(way)), steps(way.list, `first: ${way.label}`)))) : null);
  };
  const steps = (list, first) => h("ol", { class: "outline" }, plus(list, 0, first), list.flatMap((step, at) => [item(step), step.kind === "exit" ? null : plus(list, at + 1, `after ${NAMES[step.kind] ?? "this"} ${words.step(step)}`)]));

  return [row("Trigger", words.trigger(model.rest), "start", "", figures?.node({ id: "start", kind: "start" }, words), "start"), steps(model.steps, "after the trigger")];
}
