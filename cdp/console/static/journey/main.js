// The canvas of a journey. It edits the draft, which the server keeps as one works; where
// nothing may be changed, it shows the steps with how many people are where.
import { button, h } from "../builder/dom.js";
import { hand } from "../hand.js";
import { Canvas } from "./draw.js";
import { figures } from "./figures.js";
import { START } from "./graph.js";
import { addMenu } from "./menu.js";
import { Model } from "./model.js";
import { outline } from "./outline.js";
import { Panel } from "./panel.js";
import { keeper } from "./keeper.js";
import { textTab } from "./text.js";
import { tryPanel } from "./try.js";
import { FRESH, NAMES, Words } from "./words.js";

class Editor {
  constructor(place) {
    const given = JSON.parse(place.querySelector("script[type='application/json']").textContent);
    Object.assign(this, { place, given, editable: "editable" in place.dataset });
    this.words = new Words(given.titles, given.shapes);
    this.words.learn(given.said);
    this.faults = this.editable ? given.said.faults : [];
    this.model = new Model(given.shapes, given.body);
    this.view = matchMedia("(max-width: 800px)").matches ? "outline" : "canvas";
    this.parts = Object.fromEntries([...place.querySelectorAll("[data-part]")].map((one) => [one.dataset.part, one]));
    const open = (id) => this.open(id), add = (where, from) => this.add(where, from);
    this.canvas = new Canvas(this.parts.canvas, { model: this.model, words: this.words, editable: this.editable, onopen: open, onadd: add });
    this.canvas.marks = given.marks;
    if (this.editable) {
      this.panel = new Panel(this.parts.panel, {
        model: this.model, words: this.words, shapes: given.shapes, journey: given.journey, titles: given.titles, addresses: given.addresses, editable: true,
        faults: () => this.faults, onclose: () => this.close(), onremove: (step) => this.remove(step), onduplicate: (step) => this.duplicate(step),
      });
      this.keeper = keeper(this);
      this.text = textTab(this);
      this.model.listeners.push(() => { this.draw(); this.keeper.changed(); });
      this.hand = hand(place);
      place.addEventListener("keydown", (event) => this.key(event));
      for (const item of document.querySelectorAll("[data-after-draft]")) item.addEventListener(item.matches("form") ? "submit" : "click", (event) => this.after(event));
      document.addEventListener("copy", (event) => this.copy(event));
      document.addEventListener("cut", (event) => { const step = this.current(); this.copy(event); if (event.defaultPrevented) this.remove(step); });
      document.addEventListener("paste", (event) => this.paste(event));
    }
    for (const tab of place.querySelectorAll("[data-view]")) tab.addEventListener("click", () => this.show(tab.dataset.view));
    for (const [name, act] of [["undo", () => this.turn("undo")], ["redo", () => this.turn("redo")], ["try", () => tryPanel(this)]]) place.querySelector(`[data-act=${name}]`)?.addEventListener("click", act);
    this.show(this.view);
    if (!this.editable) figures(this);
    const first = new URLSearchParams(location.search).get("step");
    if (first && this.editable) this.panel.show(first);
    place.dataset.ready = "1";
  }

  // Which of the faces is seen: canvas, outline or text.
  async show(view) {
    if (this.view === "text" && view !== "text" && this.text && !(await this.text.leave())) return;
    this.view = view;
    for (const tab of this.place.querySelectorAll("[data-view]")) tab.setAttribute("aria-pressed", String(tab.dataset.view === view));
    this.parts.canvas.hidden = view !== "canvas";
    this.parts.outline.hidden = view !== "outline";
    if (this.parts.text) this.parts.text.hidden = view !== "text";
    if (view === "text") { this.close(); await this.text.enter(); }
    this.draw();
  }

  draw() {
    const marked = new Map();
    const all = this.model.all();
    for (const { field, text } of this.faults) {
      const mine = all.filter(({ place }) => field.startsWith(`${place}.`) || field === place).at(-1)?.step.uid ?? START;
      marked.set(mine, [...(marked.get(mine) ?? []), text]);
    }
    const open = this.panel?.open === START ? START : all.find(({ place }) => place === this.panel?.open)?.step.uid ?? null;
    this.canvas.faults = marked;
    this.canvas.figures = this.figures ?? null;
    if (this.view === "canvas") this.canvas.draw(open);
    if (this.view === "outline") {
      const had = this.parts.outline.contains(document.activeElement) ? document.activeElement.dataset.item : null;
      this.parts.outline.replaceChildren(...outline({ model: this.model, words: this.words, faults: marked, figures: this.figures, editable: this.editable, onopen: (id) => this.open(id), onadd: (where) => this.add(where), open }));
      if (had) this.parts.outline.querySelector(`[data-item="${CSS.escape(had)}"]`)?.focus();
    }
    for (const [name, some] of [["undo", this.model.past], ["redo", this.model.ahead]]) {
      const tool = this.place.querySelector(`[data-act=${name}]`);
      if (tool) tool.disabled = !some.length;
    }
    this.todo();
  }

  // What is still to be done before it can be launched, each with the way there.
  todo() {
    const place = this.parts.todo;
    if (!place) return;
    const n = this.faults.length;
    const was = place.querySelector("details")?.open;
    place.replaceChildren(n ? h("details", { class: "fold", open: was }, h("summary", {}, `${n} thing${n === 1 ? "" : "s"} to do before it can be launched`),
      h("ul", { class: "stack small" }, this.faults.map(({ field, text }) => {
        const found = this.model.all().filter(({ place: at }) => field === at || field.startsWith(`${at}.`)).at(-1);
        const name = found ? NAMES[found.step.kind] ?? "A step" : "The journey";
        return h("li", {}, button(name, () => { this.panel.show(found?.place ?? START); this.draw(); }), ` ${text}`);
      }))) : h("p", { class: "small good" }, "Everything is filled in."));
  }

  placeOf(id) { return id === START ? START : this.model.where(id)?.place ?? null; }

  open(id) {
    if (!this.editable) { this.leave(this.placeOf(id)); return; }
    this.panel.show(this.placeOf(id));
    this.draw();
  }

  // Where nothing is edited, a step leads to who is at it; before a launch, to where it is drawn.
  leave(place) {
    const { edit, people } = this.given.addresses;
    if (edit && place) location.assign(`${edit}?step=${encodeURIComponent(place)}`);
    else if (people && place !== START && this.words.ids[place]) location.assign(`${people}?step=${encodeURIComponent(this.words.ids[place])}`);
  }

  // What reads the draft waits until it is kept.
  after(event) {
    const item = event.currentTarget;
    if (item.dataset.kept) return;
    event.preventDefault();
    this.text.leave().then((read) => read && this.keeper.now()).then((kept) => {
      if (!kept) return;
      item.dataset.kept = "1";
      if (item.matches("form")) item.requestSubmit();
      else item.click();
      delete item.dataset.kept; // one may come back to this page
    });
  }

  close() {
    const open = this.panel?.open;
    if (!open) return;
    this.panel.show(null);
    this.draw();
    const uid = open === START ? START : this.model.all().find(({ place }) => place === open)?.step.uid;
    this.focus(uid);
  }

  focus(uid) {
    if (!uid) return;
    if (this.view === "canvas") this.canvas.move(uid);
    else this.parts[this.view]?.querySelector(`[data-item="${CSS.escape(uid)}"]`)?.focus();
  }

  add({ list, at }) {
    const put = (step) => { this.model.insert(list, at, step); this.open(step.uid); };
    const make = (kind) => put(this.model.readStep({ [kind]: structuredClone(FRESH[kind] ?? {}) }));
    addMenu(this.parts.menu, make, this.copied ? () => put(this.model.copyOf(this.copied)) : null);
  }

  remove(step) {
    const { list, at } = this.model.where(step.uid);
    const next = list[at + 1] ?? list[at - 1];
    const held = this.model.all().length;
    this.panel.show(null);
    this.model.remove(step);
    const gone = held - this.model.all().length;
    this.say(`Removed ${gone > 1 ? `${gone} steps` : NAMES[step.kind] ?? "a step"}. Undo with Ctrl-Z.`);
    this.focus(next?.uid ?? START);
  }

  duplicate(step) {
    const made = this.model.duplicate(step);
    if (made) this.open(made.uid);
  }

  turn(which) {
    const open = this.panel.open, at = this.placeOf(this.canvas.at);
    const stood = this.model.all().findIndex(({ place }) => place === at); // where that step is gone, the one before it
    this.model[which]();
    this.panel.show(open);
    const all = this.model.all();
    const again = at && at !== START ? (all.find(({ place }) => place === at) ?? all[Math.min(stood, all.length) - 1])?.step.uid : START;
    if (again) { this.canvas.at = again; this.draw(); this.focus(again); }
  }

  say(text) { if (this.parts.said) this.parts.said.textContent = text; }

  current() {
    const id = document.activeElement?.closest?.("[data-item]")?.dataset.item;
    return id ? this.model.where(id)?.step : null;
  }

  key(event) {
    const typing = event.target.closest("input, textarea, select");
    const mod = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (event.key === "Escape" && !this.panel.open && !this.parts.panel.hidden) { event.preventDefault(); this.closeTry?.(); return; }
    if (event.key === "Escape" && this.panel.open && !document.querySelector("dialog[open]")) { event.preventDefault(); this.close(); return; }
    if (typing && !(event.target.closest("[data-part=canvas]"))) return;
    const step = this.current();
    if (mod && letter === "z") this.turn(event.shiftKey ? "redo" : "undo");
    else if (mod && letter === "y") this.turn("redo");
    else if (mod && letter === "d" && step) this.duplicate(step);
    else if ((event.key === "Delete" || event.key === "Backspace") && step) this.remove(step);
    else if (event.key === "+" || (letter === "a" && !mod)) {
      if (step) { const { list, at } = this.model.where(step.uid); this.add({ list, at: at + 1 }); }
      else if (this.canvas.at === START) this.add({ list: this.model.steps, at: 0 });
      else return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  copy(event) {
    const step = this.current();
    if (!step || String(getSelection())) return;
    this.copied = this.model.write(step);
    event.clipboardData.setData("text/plain", JSON.stringify(this.copied, null, 2));
    event.preventDefault();
    this.say("Copied. Paste it with Ctrl-V, also in another journey.");
  }

  paste(event) {
    const step = this.current();
    const item = document.activeElement?.closest?.("[data-item]");
    if (!item || document.activeElement.closest("input, textarea")) return;
    let found;
    try { found = JSON.parse(event.clipboardData.getData("text/plain")); } catch { return; }
    if (!found || typeof found !== "object" || !Object.keys(found).some((name) => name in this.given.shapes)) return;
    event.preventDefault();
    const edge = this.canvas.graph?.edges.find(({ id }) => id === item.dataset.item);
    const where = step ? this.model.where(step.uid) : null;
    const [list, at] = where ? [where.list, where.at + 1] : edge?.add ? [edge.add.list, edge.add.at] : [this.model.steps, 0];
    const made = this.model.insert(list, at, this.model.copyOf(found));
    this.focus(made.uid);
  }

  // What the server said of the draft.
  learn(said) {
    this.words.learn(said);
    this.faults = said.faults;
    this.hand.after(() => this.draw());
  }
}

for (const place of document.querySelectorAll("[data-journey]")) new Editor(place);
