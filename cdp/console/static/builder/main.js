// The condition builder beside a field that holds the condition's text: rows, prose, and the
// text itself as a second tab. The field is what a form sends; without script it stays as it is.
import { button, h, redraw } from "./dom.js";
import { group, readGroup, readRow, writeGroup } from "./rows.js";
import { drawGroup } from "./view.js";
import { previews } from "./preview.js";
import { csrf, post } from "./server.js";
import { Unfinished } from "./units.js";
import { keyOf, operand } from "./controls.js";
import { readOperand, writeOperand } from "./operands.js";

const WAIT_MS = 200;

const figure = () => ({ kind: "figure", fn: "sum", event: "", where: null, of: ["properties", null], window: null });

class Builder {
  constructor(place) {
    this.place = place;
    this.field = document.getElementById(place.dataset.builder);
    this.context = place.dataset.context;
    // What the server is asked in: a journey's conditions know of more than a person's.
    this.asks = place.dataset.asks ?? this.context;
    this.panel = "panel" in place.dataset;
    // Where any value will do, the root is an operand instead of rows.
    this.value = "value" in place.dataset;
    this.root = this.value ? figure() : group();
    this.turn = 0;
    this.pending = null;
    this.unfinished = "";
    this.scope = {
      context: this.context, where: false, changed: () => this.changed(), drawGroup,
      redraw: (key) => { this.draw(key); this.changed(); }, focusFirst: (row) => this.focusFirst(row),
      read: (text, context) => this.ask("read", { text, ...(context ? { context, value: false } : {}) }),
      drawText: (line, row, put, scope) => this.drawText(line, row, put, scope), drawCode: (line, found) => this.drawCode(line, found),
    };
    const event = document.getElementById(place.dataset.event ?? "");
    this.scope.event = () => (event ? event.value || null : this.value ? null : eventOf(this.root));
    event?.addEventListener("change", () => this.draw());
  }

  ask(what, body) {
    return post(`/conditions/${what}`, { context: this.asks, value: this.value, event: this.scope.event(), ...body });
  }

  async start() {
    this.rows = h("div", { class: "builder-rows" });
    this.prose = h("div", { class: "builder-prose", "aria-live": "polite" });
    this.wrong = h("div", { class: "builder-wrong", id: `${this.field.id}-wrong` });
    if (!this.panel) this.makeTabs();
    this.place.append(this.rows, this.wrong, this.prose);
    this.place.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); });
    this.place.addEventListener("paste", (event) => this.pasted(event));
    this.field.addEventListener("input", (event) => { if (!event.detail?.built) this.typed(); });
    this.field.form?.addEventListener("submit", (event) => this.submitted(event), true);
    await this.load(true);
    this.place.dataset.ready = "1";
  }

  makeTabs() {
    const tab = (name, label) => button(label, () => this.show(name), { role: "tab", class: "", "aria-selected": "false", "data-tab": name });
    this.tabs = h("div", { role: "tablist", class: "builder-tabs", "aria-label": "How to edit the condition" }, tab("rows", "Builder"), tab("text", "Text"));
    this.tabs.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const other = [...this.tabs.children].find((one) => one.getAttribute("aria-selected") === "false");
      other.click();
      other.focus();
    });
    this.place.before(this.tabs);
    // What the server said of the text is said here from now on.
    const before = document.getElementById(this.field.getAttribute("aria-describedby"));
    if (before) before.hidden = true;
    this.field.setAttribute("aria-describedby", this.wrong.id);
  }

  // Shows a tab; to the rows only if the text can be read.
  async show(name) {
    if (name === "rows" && !(await this.load())) { this.field.focus(); return; }
    // The last change of a row belongs into the text.
    while (name === "text" && this.pending !== null) await this.write();
    this.mode(name);
  }

  mode(name) {
    this.now = name;
    for (const one of this.tabs?.children ?? []) {
      one.setAttribute("aria-selected", String(one.dataset.tab === name));
      one.tabIndex = one.dataset.tab === name ? 0 : -1;
    }
    if (!this.panel) this.field.hidden = name === "rows";
    if (!this.panel) this.rows.hidden = name !== "rows";
  }

  // Reads the field into rows; false where it can't be read, which is then said.
  async load(first = false) {
    clearTimeout(this.typing);
    const turn = ++this.turn;
    let answer;
    try { answer = await this.scope.read(this.field.value); } catch (error) { answer = { ok: false, wrong: error.message }; }
    // Who types before the first answer is there writes text.
    if (turn !== this.turn) { if (first) this.mode("text"); return false; }
    this.say(answer);
    if (!answer.ok) { if (first) this.mode("text"); return false; }
    this.root = this.value ? (answer.form ? readOperand(answer.form) : figure()) : readGroup(answer.form);
    this.unfinished = "";
    this.draw();
    if (first) this.mode("rows");
    this.tell(answer);
    return true;
  }

  draw(key) {
    if (this.value) {
      const line = [], blocks = [];
      operand(line, blocks, this.root, (made) => { this.root = made; }, this.scope, { only: "made", label: "Value", owner: this, slot: "root" });
      redraw(this.rows, () => [h("div", { class: "row" }, h("div", { class: "line" }, line), blocks)], key);
      return;
    }
    const lead = this.context === "person" ? `${this.of()} for whom` : "Events for which";
    redraw(this.rows, () => drawGroup(this.root, this.scope, { lead }), key);
  }

  of() {
    return document.getElementById("f-of")?.value === "accounts" ? "Accounts" : "People";
  }

  focusFirst(row) {
    const prefix = keyOf(row, "").slice(0, -1);
    const mine = (one) => one.dataset.key?.startsWith(`${prefix}-`);
    const near = [...this.rows.querySelectorAll("[data-key]")].find(mine)?.closest(".row");
    const all = [...(near?.querySelectorAll("[data-key]") ?? [])];
    const needed = all.filter((one) => "needed" in one.dataset && !one.value);
    (needed[0] ?? all.find((one) => one.matches("select")) ?? all[0])?.focus();
  }

  // A row has changed: its text follows a moment later.
  changed() {
    clearTimeout(this.pending);
    this.turn += 1;
    this.pending = setTimeout(() => this.write(), WAIT_MS);
  }

  async write() {
    clearTimeout(this.pending);
    const turn = ++this.turn;
    let form;
    try { form = this.value ? writeOperand(this.root) : writeGroup(this.root); this.unfinished = ""; } catch (error) {
      if (!(error instanceof Unfinished)) throw error;
      this.pending = null;
      this.unfinished = `Not finished: a row still needs ${error.message}.`;
      this.say({ ok: true, prose: "", warnings: [], todo: this.unfinished });
      this.tell({ ok: false });
      return;
    }
    let answer;
    try { answer = await this.ask("write", { form }); } catch (error) { answer = { ok: false, wrong: error.message }; }
    if (turn !== this.turn) return;
    this.pending = null;
    if (!answer.ok) this.unfinished = answer.wrong;
    this.say(answer);
    if (answer.ok && this.field.value !== answer.text) {
      this.field.value = answer.text;
      this.field.dispatchEvent(new CustomEvent("input", { bubbles: true, detail: { built: true } }));
    }
    this.tell(answer);
  }

  tell(answer) {
    this.place.dispatchEvent(new CustomEvent("condition", { bubbles: true, detail: answer }));
  }

  // The text itself is being typed.
  typed() {
    clearTimeout(this.typing);
    clearTimeout(this.pending);
    this.pending = null;
    this.turn += 1;
    this.typing = setTimeout(async () => {
      if (this.panel) { await this.load(); return; }
      const turn = ++this.turn;
      const answer = await this.scope.read(this.field.value).catch((error) => ({ ok: false, wrong: error.message }));
      if (turn !== this.turn) return;
      this.say(answer);
      this.tell(answer);
    }, WAIT_MS);
  }

  say({ ok, prose, warnings, wrong, line, column, todo }) {
    const place = line ? `Line ${line}, column ${column}: ` : "";
    this.wrong.replaceChildren(...(ok ? (todo ? [h("p", { class: "hint" }, todo)] : []) : [h("p", { class: "wrong", role: "alert" }, place + wrong)]));
    if (!ok) { this.prose.replaceChildren(); return; }
    const said = [prose ? h("p", {}, prose) : null, ...(warnings ?? []).map((text) => h("p", { class: "hint" }, `Careful: ${text}`))];
    this.prose.replaceChildren(...said.filter(Boolean));
  }

  // A condition that is pasted outside of a field becomes rows.
  async pasted(event) {
    const text = event.clipboardData?.getData("text") ?? "";
    if (event.target.matches("input, textarea") || !text.trim() || this.value) return;
    event.preventDefault();
    const answer = await this.scope.read(text);
    if (!answer.ok) { this.say(answer); return; }
    const read = readGroup(answer.form);
    if (this.root.items.length) this.root.items.push(...(read.join === "all" && !read.not ? read.items : [read]));
    else this.root = read;
    this.draw();
    this.changed();
  }

  // A form waits for the last change; and is not sent with rows that say nothing yet.
  submitted(event) {
    if (this.now === "text" || (this.panel && this.place.hidden)) return;
    if (this.pending !== null || this.reading) {
      event.preventDefault();
      event.stopImmediatePropagation();
      const by = event.submitter;
      Promise.resolve(this.reading).then(() => this.write()).then(() => this.field.form.requestSubmit(by ?? undefined));
    } else if (this.unfinished) {
      event.preventDefault();
      event.stopImmediatePropagation();
      this.say({ ok: false, wrong: this.unfinished });
      const needed = [...this.rows.querySelectorAll("[data-needed]")].find((one) => !one.value);
      needed?.focus();
    }
  }

  // A row of text: what no other row says, or what one wants to write.
  drawText(line, row, put, scope) {
    const area = h("textarea", {
      rows: 2, "aria-label": "Condition as text", spellcheck: "false", "data-key": keyOf(row, "text"), "data-needed": true, value: row.text ?? "", class: "wide",
      oninput: () => { row.text = area.value; row.wrong = true; scope.changed(); },
      onchange: () => { this.reading = read().finally(() => { this.reading = null; }); },
    });
    const read = async () => {
      const text = area.value;
      const answer = await scope.read(text, scope.where ? "message" : this.asks).catch((error) => ({ ok: false, wrong: error.message }));
      if (area.value !== text) return;
      if (!answer.ok || !answer.form) { this.say(answer.ok ? { ok: true, todo: "A row of text is empty." } : answer); return; }
      const found = readRow(answer.form);
      put(found.kind === "text" ? { ...found, text: answer.text } : found);
      scope.redraw();
    };
    if (row.node && row.text === undefined) this.textOf(row.node).then((text) => { row.text = text; area.value = text; });
    line.push(area);
  }

  // Something inside of a row that no field has: its text, to be read.
  drawCode(line, found) {
    const code = h("code", {}, "…");
    this.textOf(found.node).then((text) => { code.textContent = text; });
    line.push(code);
  }

  async textOf(node) {
    const answer = await this.ask("write", { form: node, value: true });
    return answer.ok ? answer.text : (await this.ask("write", { form: node, value: true, context: "message" })).text ?? "";
  }
}

// Starts the builder at a place that was made by a script.
export function build(place) {
  return new Builder(place).start();
}

// The event that rows over one message ask for, so that its properties can be offered.
function eventOf(root) {
  for (const row of root.items) {
    if (row.kind === "compare" && row.op === "=" && row.left.kind === "path" && row.left.parts.length === 1 && row.left.parts[0] === "event") return row.right?.text || null;
  }
  return null;
}

for (const place of document.querySelectorAll("[data-preview]")) previews(place, csrf);
for (const place of document.querySelectorAll("[data-builder]")) build(place);

for (const opener of document.querySelectorAll("[data-builder-open]")) {
  opener.hidden = false;
  opener.addEventListener("click", () => {
    const place = document.getElementById(opener.dataset.builderOpen);
    place.hidden = !place.hidden;
    opener.setAttribute("aria-expanded", String(!place.hidden));
    if (!place.hidden) place.querySelector("[data-key]")?.focus();
  });
}
