// Walks somebody through the journey as it is drawn: what they do and how time goes on is a
// script; what comes of it is listed, and marked on the canvas up to the moment one looks at.
import { button, h } from "../builder/dom.js";
import { labelled } from "./fields.js";
import { post } from "./ask.js";
import { jsonText, jsonValue } from "./values.js";
import { NAMES } from "./words.js";

const WHAT = { entered: "entered", waits: "waits", left: "went on", held: "held", failed: "failed", ended: "left the journey", converted: "reached the goal", moved: "moved" };

export function tryPanel(editor) {
  const { panel, model } = editor;
  const place = panel.place;
  panel.show(null);
  const script = editor.script ??= begin(model.rest);
  let who = editor.tried ?? "";
  const rows = h("div", { class: "stack" }), out = h("div", { class: "stack tried", "aria-live": "polite" });

  const draw = () => rows.replaceChildren(...script.map((item, at) => row(item, at)), h("div", { class: "buttons" },
    button("+ They do something", () => { script.push({ event: "", properties: {} }); draw(); }), button("+ Time goes on", () => { script.push({ advance: "1d" }); draw(); }), button("+ Somebody decides", () => { script.push({ answer: "approved" }); draw(); })));

  function row(item, at) {
    const remove = button("✕", () => { script.splice(at, 1); draw(); }, { "aria-label": `Remove line ${at + 1}` });
    const text = (name, label, value, read) => h("input", { type: "text", spellcheck: "false", "aria-label": `${label}, line ${at + 1}`, placeholder: label.toLowerCase(), value, oninput: (event) => { item[name] = read ? read(event.target.value) : event.target.value; } });
    if ("advance" in item) return h("div", { class: "line" }, h("span", { class: "muted" }, "then wait"), text("advance", "How long", item.advance), remove);
    if ("answer" in item) {
      return h("div", { class: "line" }, h("select", { "aria-label": `Decision, line ${at + 1}`, onchange: (event) => { item.answer = event.target.value; } },
        [["approved", "approved"], ["rejected", "refused"]].map(([value, word]) => h("option", { value, selected: value === item.answer }, word))), remove);
    }
    if (item.type === "identify") return h("div", { class: "line" }, h("span", { class: "muted" }, "has traits"), text("traits", "Traits as JSON", jsonText(item.traits), jsonValue), remove);
    return h("div", { class: "line" }, text("event", "Event", item.event), text("properties", "Properties as JSON", jsonText(item.properties ?? {}), jsonValue), remove);
  }

  let last = 0;
  async function play() {
    const mine = ++last;
    out.replaceChildren(h("p", { class: "muted" }, "Walking…"));
    const answer = await post(editor.given.addresses.try, { body: model.body(), script, person: who }).catch(() => null);
    const said = answer?.ok ? await answer.json() : null;
    if (mine !== last) return;
    if (!said) { out.replaceChildren(h("p", { class: "wrong" }, `The server refused${answer ? `: ${answer.status}` : ""}.`)); return; }
    const { told, wrong } = said;
    if (wrong) { out.replaceChildren(h("p", { class: "wrong" }, wrong)); return; }
    show(told);
  }

  function show(told) {
    const steps = told.filter(({ kind }) => kind === "step");
    const list = h("ol", { class: "walk" }, told.map((item) => line(item)));
    const mark = (n) => {
      const marks = {};
      const places = Object.fromEntries(Object.entries(editor.words.ids).map(([at, id]) => [id, at]));
      for (const { step, what } of steps.slice(0, n)) {
        if (what === "entered") marks.start = "been";
        if (step && places[step]) marks[places[step]] = what === "waits" ? "waits" : "been";
      }
      const last = steps[n - 1];
      if (last?.step && places[last.step] && last.what !== "ended") marks[places[last.step]] = "here";
      editor.canvas.marks = marks;
      editor.draw();
      [...list.querySelectorAll("[data-n]")].forEach((one) => one.classList.toggle("after", Number(one.dataset.n) > n));
      slider.setAttribute("aria-valuetext", last ? `${when(last.at)}: ${last.step ?? ""} ${WHAT[last.what] ?? last.what}` : "before it begins");
    };
    let n = 0;
    for (const one of list.children) { if (one.dataset.step) { n += 1; } one.dataset.n = n; }
    const slider = h("input", { type: "range", min: 0, max: steps.length, value: steps.length, "aria-label": "Moment" });
    slider.value = steps.length;
    slider.addEventListener("input", () => mark(Number(slider.value)));
    out.replaceChildren(...(steps.length ? [slider, list] : [h("p", {}, "They do not enter. Is this the event that begins it, and do they meet its condition?"), list]));
    mark(steps.length);
  }

  const when = (at) => at.replace("T", " ").slice(0, 16);
  function line(item) {
    if (item.kind === "said") return h("li", { class: "said" }, h("span", { class: "muted small" }, when(item.at)), ` ${item.said.event ?? item.said.type ?? item.said.answer ?? item.said.enters ?? item.said.leaves ?? ""}`);
    const found = model.all().find(({ step, place: at }) => (step.id || editor.words.ids[at]) === item.step);
    const name = found ? `${NAMES[found.step.kind] ?? ""} ${editor.words.step(found.step)}` : item.step ?? "";
    const said = [WHAT[item.what] ?? item.what, item.exit && item.exit !== "next" ? item.exit.replace("exit:", "") : "", item.why?.until ? `until ${when(item.why.until)}` : ""].filter(Boolean).join(", ");
    return h("li", { "data-step": "1" }, h("span", { class: "muted small" }, when(item.at)), h("div", {}, h("strong", {}, item.what === "entered" ? "Trigger" : name), ` ${said}`), (item.why?.clauses ?? []).map((one) => h("p", { class: "small muted" }, `${one.holds ? "holds" : "does not hold"}: ${one.clause}${one.value === undefined || one.value === null ? "" : ` (${jsonText(one.value)})`}`)), (item.did ?? []).map(did));
  }

  function did(one) {
    if (!one.send) return h("p", { class: "small" }, jsonText(one));
    const texts = one.content ? ["subject", "title", "text", "body"].map((name) => one.content[name]).filter((text) => typeof text === "string" && text && !text.trimStart().startsWith("<")) : [];
    return h("details", { class: "fold" }, h("summary", {}, `Message ${editor.words.title("template", one.send[0])}`), one.error ? h("p", { class: "wrong" }, one.error) : null, texts.map((text) => h("pre", { class: "small" }, text)));
  }

  const close = () => { editor.canvas.marks = editor.given.marks; place.hidden = true; place.replaceChildren(); editor.draw(); editor.place.querySelector("[data-act=try]")?.focus(); };
  editor.closeTry = close;
  place.hidden = false;
  place.replaceChildren(h("div", { class: "title" }, h("h2", { tabindex: "-1" }, "Try it"), h("p", { class: "muted small" }, "Nothing is sent, and nothing is kept."), button("Close", close, { class: "button small quiet right" })),
    h("div", { class: "body form" }, labelled("Who", "A user id or email of somebody real, or nobody for a made-up person.", [], (id) => {
      const made = h("input", { id, type: "text", spellcheck: "false", value: who });
      made.addEventListener("input", () => { who = editor.tried = made.value; });
      return made;
    }, false), rows, h("div", { class: "buttons" }, button("Walk them through", play, { class: "button main" })), out));
  draw();
  place.querySelector("h2").focus();
}

// What the journey waits for first, and a month in which it may go on.
function begin({ trigger = {} }) {
  const first = trigger.event ? [{ event: trigger.event, properties: {} }] : trigger.trait ? [{ type: "identify", traits: { [trigger.trait]: trigger.to ?? "x" } }] : [];
  return [{ type: "identify", traits: { first_name: "Ada", email: "ada@example.com" } }, ...first, { advance: "30d" }];
}

