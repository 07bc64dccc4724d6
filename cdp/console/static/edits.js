// Forms whose buttons change their parts on the server, which answers with all fields anew. What is
// typed meanwhile is not replaced: the server is asked again with it. What is pressed meanwhile is
// done after it, one after the other, and to the part that was meant, wherever it stands by then.
const said = (place) => JSON.stringify([...place.querySelectorAll("input, select, textarea")]
  .map((item) => (["checkbox", "radio"].includes(item.type) ? item.checked : item.value)));

const ADD = "language:";
const MOVES = /^(up|down|copy|remove):(.+)\.(\d+)$/;

// The order that means the same part once `done` is carried out; null where that part is gone.
function moved(order, done) {
  const [, act, list, number] = MOVES.exec(done) ?? [];
  const start = order.lastIndexOf(":") + 1, n = Number(number);
  if (!act || !order.slice(start).startsWith(`${list}.`)) return order;
  const [place, ...inner] = order.slice(start + list.length + 1).split(".");
  const at = Number(place), other = act === "up" ? n - 1 : n + 1;
  if (act === "remove" && at === n) return null;
  const to = act === "remove" ? at - (at > n) : act === "copy" ? at + (at > n) : at === n ? other : at === other ? n : at;
  return order.slice(0, start) + [list, to, ...inner].join(".");
}

export const edits = {
  start() {
    const place = document.querySelector("form[data-redraw] > #fields");
    if (!place) return;
    const form = place.parentElement;
    // `leaving`: the button of the form itself that was pressed meanwhile; `ours`: none is pressed
    // but the order that waited.
    let asked = null, again = false, waiting = [], leaving = null, ours = false, unfolded = [];
    const mine = ({ detail }) => detail.target === place && detail.requestConfig?.elt.name === "edit";
    const button = (name, value) => place.querySelector(`button[name="${name}"][value="${CSS.escape(value)}"]:enabled`);

    // Once htmx is through with the last.
    const next = () => setTimeout(() => {
      if (asked !== null) return;
      let found = null;
      while (waiting.length && !found) {
        const order = waiting.shift();
        found = button("edit", order.startsWith(ADD) ? ADD : order);
        if (found) found.value = order;
      }
      ours = true;
      found?.click();
      ours = false;
      if (found) return;
      const by = leaving;
      leaving = null;
      if (by) form.requestSubmit(button(by.name, by.value));
    });

    place.addEventListener("click", (event) => {
      const pressed = event.target.closest("button[name=edit]");
      if (!pressed || ours) return;
      // The language that is typed now is meant.
      if (pressed.value.startsWith(ADD)) {
        pressed.value = ADD + place.querySelector("[name=new_language]").value.trim();
        place.querySelector("[name=new_language]").value = "";
      }
      if (asked === null) return;
      event.preventDefault();
      event.stopPropagation();
      waiting.push(pressed.value);
      pressed.setAttribute("aria-busy", "true");
    }, true);
    form.addEventListener("submit", (event) => {
      if (asked === null && !waiting.length) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      leaving = event.submitter;
      event.submitter.setAttribute("aria-busy", "true");
    }, true);
    document.addEventListener("htmx:beforeRequest", (event) => {
      if (!mine(event)) return;
      asked = said(place);
      place.setAttribute("aria-busy", "true");
    });
    document.addEventListener("htmx:beforeSwap", (event) => {
      if (!mine(event) || !event.detail.shouldSwap) return;
      again = said(place) !== asked;
      event.detail.shouldSwap = !again;
      unfolded = [...place.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
    });
    document.addEventListener("htmx:afterSwap", ({ detail }) => {
      if (detail.target !== place) return;
      for (const one of place.querySelectorAll("details > summary")) one.parentElement.open ||= unfolded.includes(one.textContent);
    });
    document.addEventListener("htmx:afterRequest", (event) => {
      if (!mine(event)) return;
      const done = event.detail.requestConfig.elt.value;
      if (!event.detail.successful) {
        if (done.startsWith(ADD)) place.querySelector("[name=new_language]").value ||= done.slice(ADD.length);
        [waiting, leaving] = [[], null];
        for (const one of place.querySelectorAll("button[aria-busy]")) one.removeAttribute("aria-busy");
      } else if (again) waiting.unshift(done);
      else waiting = waiting.map((order) => moved(order, done)).filter((order) => order !== null);
      asked = null;
      again = false;
      place.removeAttribute("aria-busy");
      next();
    });
  },
};
