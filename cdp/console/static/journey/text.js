// The journey as its file has it. What is written there is read when one leaves the tab.
import { h } from "../builder/dom.js";
import { post } from "./ask.js";

export function textTab(editor) {
  const place = editor.parts.text;
  const area = h("textarea", { rows: 28, spellcheck: "false", "aria-label": "The journey as text", "aria-describedby": "journey-text-wrong" });
  const wrong = h("div", { id: "journey-text-wrong", role: "alert" });
  place.append(area, wrong);
  let was = "";

  async function enter() {
    const answer = await post(editor.given.addresses.text, { body: editor.model.body() });
    const said = await answer.json();
    was = area.value = said.text;
    wrong.replaceChildren();
    area.focus();
  }

  // Reads what was written; false, with the reason and place shown, if that can't be.
  async function leave() {
    if (area.value === was) return true;
    const answer = await post(editor.given.addresses.text, { text: area.value });
    const said = await answer.json();
    if (!said.body) { wrong.replaceChildren(h("p", { class: "wrong" }, said.wrong)); area.focus(); return false; }
    editor.model.replace(said.body);
    was = area.value;
    return true;
  }

  area.addEventListener("change", async () => { if (await leave()) wrong.replaceChildren(); });
  return { enter, leave };
}
