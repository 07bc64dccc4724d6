// Keeps the draft on the server a moment after each change, and in this browser while that
// can't be reached. Two who edit at once are told of each other; nobody's work is overwritten.
import { button, h } from "../builder/dom.js";
import { post } from "./ask.js";

const WAIT_MS = 400, AGAIN_MS = 4000;

export function keeper(editor) {
  const { given, model } = editor;
  const place = editor.parts.kept;
  const kept = `journey:${given.key}`;
  let rev = given.rev, timer = 0, going = false, dirty = false, stopped = false;

  const say = (...what) => place.replaceChildren(...what);

  async function send() {
    if (going || stopped) return false;
    going = true;
    dirty = false;
    const body = model.body();
    try {
      const answer = await post(given.addresses.draft, { body, rev });
      if (!answer.ok) throw new Error(answer.status === 401 ? "your login has expired; log in again in another tab" : `the server refused: ${answer.status}`);
      const said = await answer.json();
      if (said.author) { conflict(said); return false; }
      rev = said.rev;
      localStorage.removeItem(kept);
      if (!dirty) { say("All changes are kept."); editor.learn(said); }
    } catch (error) {
      localStorage.setItem(kept, JSON.stringify({ rev, body }));
      say(h("span", { class: "wrong" }, `Not kept on the server yet: ${error.message}. It is kept in this browser and tried again.`));
      dirty = true;
      clearTimeout(timer);
      timer = setTimeout(send, AGAIN_MS);
      return false;
    } finally { going = false; place.dataset.busy = dirty ? "1" : ""; }
    return dirty ? send() : true;
  }

  function conflict({ author, body, rev: theirs }) {
    stopped = true;
    const go = () => { stopped = false; rev = theirs; };
    say(h("span", { class: "wrong" }, `${author} has changed this draft since you opened it. Nothing of yours is lost yet. `),
      button("Take theirs", () => { go(); model.replace(body); say("You see theirs. Undo brings yours back."); }),
      button("Put mine over it", () => { go(); send(); }));
  }

  const mine = JSON.parse(localStorage.getItem(kept) ?? "null");
  if (mine && JSON.stringify(mine.body) !== JSON.stringify(model.body())) {
    say("This browser has changes that did not reach the server. ", button("Bring them back", () => { model.replace(mine.body); }), button("Forget them", () => { localStorage.removeItem(kept); say(""); }));
  }
  addEventListener("beforeunload", (event) => { if (dirty || going) event.preventDefault(); });

  return {
    changed() {
      dirty = true;
      place.dataset.busy = "1";
      clearTimeout(timer);
      timer = setTimeout(send, WAIT_MS);
      if (!stopped) say("Keeping…");
    },
    // Before one leaves for a page that reads the draft. Never at once: a form is not sent while
    // the event of its sending is still told.
    async now() {
      clearTimeout(timer);
      await new Promise((done) => { setTimeout(done); });
      do {
        while (going) await new Promise((done) => { setTimeout(done, 30); });
        if (dirty && !(await send())) return false;
      } while (dirty || going);
      return !stopped;
    },
  };
}
