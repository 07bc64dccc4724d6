// How many may enter: everybody, a share, or stages one after the other.
import { button, h } from "../builder/dom.js";
import { labelled } from "./fields.js";

const WAYS = [["all", "Everybody, at once"], ["stages", "In stages, more and more"], ["share", "Only a share"]];
const USUAL = () => [{ share: 1, for: "1d" }, { share: 10, for: "2d" }, 100];

const text = (share) => String(share ?? "");
// "10 %" and "10" are the number that they mean; what is none stays, and the server says so.
const number = (said) => { const n = Number(said.replace("%", "").replace(",", ".")); return said.trim() === "" || Number.isNaN(n) ? said : n; };

export function rolloutField(field, spec, ctx, wrong) {
  const now = spec.rollout;
  const by = Array.isArray(now) ? "stages" : now === undefined || now === 100 ? "all" : "share";
  const main = labelled(field.label, "", by === "all" ? wrong : null, (id) => {
    const made = h("select", { id, onchange: () => {
      if (made.value === "all") delete spec.rollout;
      else spec.rollout = made.value === "stages" ? USUAL() : 10;
      ctx.redraw("rollout");
    } }, WAYS.map(([value, word]) => h("option", { value, selected: value === by }, word)));
    return made;
  }, field.required);
  if (by === "all") return main;
  if (by === "share") {
    return h("div", { class: "stack" }, main, labelled("Share in per cent", "Who may enter stays the same people.", wrong, (id) => {
      const made = h("input", { id, type: "text", inputmode: "decimal", value: text(now) });
      made.addEventListener("input", () => { spec.rollout = number(made.value); ctx.changed("rollout"); });
      return made;
    }));
  }
  return h("div", { class: "stack" }, main, h("fieldset", { class: "inner" }, h("legend", {}, "Stages"), wrong.map((said) => h("p", { class: "wrong" }, said)), stages(now, ctx),
    h("p", { class: "hint" }, "It goes from one to the next, unless it is held or the journey pauses itself. The last one stays.")));
}

function stages(now, ctx) {
  const of = (item) => (item && typeof item === "object" ? item : { share: item });
  // The last stage has no length; every other says one.
  const put = (items) => now.splice(0, now.length, ...items.map((item, at) => (at === items.length - 1 ? of(item).share : { share: of(item).share, for: of(item).for ?? "1d" })));
  const rows = now.map((item, at) => {
    const last = at === now.length - 1;
    const box = (name, label, read) => {
      const made = h("input", { type: "text", value: text(of(item)[name]), autocomplete: "off", "aria-label": `${label} of stage ${at + 1}`, inputmode: name === "share" ? "decimal" : null });
      made.addEventListener("input", () => { now[at] = last ? read(made.value) : { ...of(now[at]), [name]: read(made.value) }; ctx.changed("rollout"); });
      return made;
    };
    return h("div", { class: "line stage" }, box("share", "Per cent", number), h("span", { class: "muted" }, last ? "% and stays" : "% for"), last ? null : box("for", "Length", (said) => said.trim()),
      now.length > 2 ? button("✕", () => { put(now.toSpliced(at, 1)); ctx.redraw("rollout"); }, { "aria-label": `Remove stage ${at + 1}` }) : null);
  });
  const add = button("+ Stage", () => {
    const before = of(now.at(-2)).share;
    put([...now.slice(0, -1), { share: typeof before === "number" ? Math.min(before * 5, 90) : 50, for: "1d" }, now.at(-1)]);
    ctx.redraw("rollout");
  });
  return [...rows, now.length < 20 ? h("div", {}, add) : null];
}
