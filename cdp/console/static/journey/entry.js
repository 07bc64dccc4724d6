// How often a person may enter: a word, or a rule with a value.
import { h } from "../builder/dom.js";
import { labelled } from "./fields.js";

const RULES = [["once", "Once in their life"], ["every_time", "Each time it happens"], ["once_per", "Once for each value of a property"], ["again_after", "Again after a time"]];

export function entryField(field, spec, ctx, wrong) {
  const now = spec.entry ?? "once";
  const rule = typeof now === "string" ? now : Object.keys(now)[0];
  const main = labelled(field.label, "", rule in HINT ? null : wrong, (id) => {
    const made = h("select", { id, onchange: () => {
      spec.entry = made.value in HINT ? { [made.value]: made.value === "again_after" ? "30d" : "properties.order_id" } : made.value;
      ctx.redraw();
    } }, RULES.map(([value, word]) => h("option", { value, selected: value === rule }, word)));
    return made;
  });
  if (!(rule in HINT)) return main;
  const value = labelled(...HINT[rule], wrong, (id) => {
    const made = h("input", { id, type: "text", spellcheck: "false", value: now[rule] ?? "" });
    made.addEventListener("input", () => { spec.entry = { [rule]: made.value }; ctx.changed("entry"); });
    return made;
  });
  return h("div", { class: "stack" }, main, value);
}

const HINT = { once_per: ["Property", "Of the event that begins it, such as properties.order_id."], again_after: ["After", "Such as 30d."] };
