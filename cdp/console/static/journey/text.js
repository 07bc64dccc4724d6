// The journey as its file has it. What is written there is read when one leaves the tab.
import { h } from "../builder/dom.js";
import { post } from "./ask.js";

export function textTab(editor) {
  const place = editor.parts.text;
  const area = h("textarea", { rows: 28, spellcheck: "false", "aria-label": "The journey as text", "aria-describedby": "journey-text-wrong" });
  const wrong = h("div", { id: "journey-text-wrong", role: "alert" });
  place.append(area, wrong);
  let was = "", reading = null;

  const say = (text) => wrong.replaceChildren(...(text ? [h("p", { class: "wrong" }, text)] : []));
  const ask = async (body) => {
    const answer = await post(editor.given.addresses.text, body).catch(() => null);
    if (answer?.ok) return answer.json();
    return { wrong: answer?.status === 401 ? "Your login has expired; log in again in another tab." : answer ? `The server refused: ${answer.status}` : "The server can’t be reached. Try again." };
  };

  async function enter() {
    // Until the text is there nothing can be written that it would replace.
    area.readOnly = true;
    const said = await ask({ body: editor.model.body() });
    say(said.wrong);
    if (said.text === undefined) return;
    was = area.value = said.text;
    area.readOnly = false;
    area.focus();
  }

  // Until all is read: one may write on while the server reads.
  async function read() {
    while (area.value !== was) {
      const text = area.value;
      const said = await ask({ text });
      if (!said.body) { say(said.wrong); area.focus(); return false; }
      was = text;
      editor.model.replace(said.body);
    }
    say("");
    return true;
  }

  // Reads what was written; false, with the reason and place shown, if that can't be. Whoever
  // asks while it is being read gets that answer: a second one could come after later changes.
  function leave() {
    reading ??= read().finally(() => { reading = null; });
    return reading;
  }

  area.addEventListener("change", leave);
  return { enter, leave };
}
