// Forms whose buttons change their parts on the server, which answers with all fields anew. What is
// typed meanwhile is not replaced: the server is asked again with it. What is added meanwhile waits;
// moving and removing don't, for by then another part may stand in that place.
const said = (place) => JSON.stringify([...place.querySelectorAll("input, select, textarea")]
  .map((item) => (["checkbox", "radio"].includes(item.type) ? item.checked : item.value)));

export const edits = {
  start() {
    const place = document.querySelector("form[data-redraw] > #fields");
    if (!place) return;
    let asked = null, again = false;
    const waiting = [];
    const mine = ({ detail }) => detail.target === place && detail.requestConfig?.elt.name === "edit";

    place.addEventListener("click", (event) => {
      const button = event.target.closest("button[name=edit]");
      if (!button || asked === null) return;
      event.preventDefault();
      event.stopPropagation();
      if (button.value.startsWith("add:")) waiting.push(button.value);
    }, true);
    document.addEventListener("htmx:beforeRequest", (event) => {
      if (!mine(event)) return;
      asked = said(place);
      place.setAttribute("aria-busy", "true");
    });
    document.addEventListener("htmx:beforeSwap", (event) => {
      if (!mine(event) || !event.detail.shouldSwap || said(place) === asked) return;
      event.detail.shouldSwap = false;
      again = true;
    });
    document.addEventListener("htmx:afterRequest", (event) => {
      if (!mine(event)) return;
      const next = again ? event.detail.requestConfig.elt.value : waiting.shift();
      if (!event.detail.successful) waiting.length = 0;
      asked = null;
      again = false;
      place.removeAttribute("aria-busy");
      // Once htmx is through with this one.
      if (next) setTimeout(() => place.querySelector(`button[name=edit][value="${CSS.escape(next)}"]`)?.click());
    });
  },
};
