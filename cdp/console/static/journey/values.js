// Names with values, a row each. What is typed is a text unless it is plainly something else.
import { button, fresh, h } from "../builder/dom.js";
import { under } from "./fields.js";

export function jsonValue(text) {
  const given = text.trim();
  if (/^(-?\d|true$|false$|null$|[[{"])/.test(given)) {
    try { return JSON.parse(given); } catch { /* a text that only begins like one */ }
  }
  return text;
}

export function jsonText(value) {
  if (typeof value !== "string") return JSON.stringify(value);
  return jsonValue(value) === value ? value : JSON.stringify(value);
}

export function valuesField(field, spec, ctx, at, wrong) {
  const rows = Object.entries(spec[field.name] ?? {});
  const keep = () => { spec[field.name] = Object.fromEntries(rows.filter(([name]) => name)); ctx.changed(at); };
  const place = h("div", { class: "stack" });
  const draw = (focus) => {
    place.replaceChildren(...rows.map((row, index) => h("div", { class: "line pair" },
      h("input", { type: "text", "aria-label": `${field.label}: name ${index + 1}`, placeholder: "name", spellcheck: "false", value: row[0], oninput: (event) => { row[0] = event.target.value.trim(); keep(); } }),
      h("input", { type: "text", "aria-label": `${field.label}: value ${index + 1}`, placeholder: "value", spellcheck: "false", value: jsonText(row[1]), oninput: (event) => { row[1] = jsonValue(event.target.value); keep(); } }),
      button("✕", () => { rows.splice(index, 1); keep(); draw(); }, { "aria-label": `Remove ${row[0] || index + 1}` }))),
    h("div", {}, button("+ Add one", () => { rows.push(["", ""]); draw(true); })));
    if (focus) place.querySelector(".pair:nth-last-child(2) input")?.focus();
  };
  draw();
  return h("fieldset", {}, h("legend", {}, field.label), under(fresh("h"), `${field.about} Liquid may stand in texts: {{ customer.first_name }}.`, wrong), place);
}
