// A condition within a form of the canvas: its text in a field, with the builder beside it.
import { build } from "../builder/main.js";
import { button, fresh, h } from "../builder/dom.js";
import { eventId, under } from "./fields.js";

export function conditionField(field, spec, ctx, at, wrong) {
  const value = spec[field.name];
  if (value === undefined && !field.required && field.name !== "when" && !ctx.opened.has(at)) {
    return h("div", { class: "field" }, h("div", {}, button(`+ ${field.label}`, () => { ctx.opened.add(at); ctx.redraw(); })), field.about ? h("p", { class: "hint" }, field.about) : null, under(fresh("h"), "", wrong));
  }
  const id = fresh("condition");
  const area = h("textarea", { id, rows: 3, spellcheck: "false", value: value ?? "", maxlength: 20000, "aria-describedby": `${id}-h` });
  area.addEventListener("input", () => { spec[field.name] = area.value; ctx.changed(at); });
  const message = field.context === "message";
  const place = h("div", {
    class: "builder", "data-builder": id, role: "group", "aria-label": field.label, "data-context": message ? "message" : "person",
    ...(message ? { "data-event": eventId(at.replace(/where$/, "event")) } : { "data-asks": "branch" }), ...(field.type === "expression" ? { "data-value": "" } : {}),
  });
  const made = h("div", { class: `field condition${wrong.length ? " bad" : ""}` }, h("label", { for: id }, field.label), area, place, under(`${id}-h`, field.about, wrong));
  // The builder looks for its field in the document.
  ctx.later(() => build(place));
  return made;
}
