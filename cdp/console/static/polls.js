// What is asked again by itself takes nothing away from under a hand: what is pressed stays until
// it is let go, for a click on what has gone is none, and the focus stays where it is.
let pressed = null, held = null;

const like = (one) => [one.tagName, one.name, one.value, one.href, one.textContent].join("\n");
const same = (said) => [...document.querySelectorAll("main a, main button, main summary, main input")].filter((one) => like(one) === said);

export const polls = {
  start() {
    addEventListener("pointerdown", ({ target }) => { pressed = target; }, true);
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(() => { pressed = null; }), true);
    document.addEventListener("htmx:beforeSwap", ({ detail }) => {
      const { target, requestConfig } = detail;
      if (pressed && target.contains(pressed) && requestConfig.elt.getAttribute("hx-trigger")?.startsWith("every ")) {
        detail.shouldSwap = false; // the next answer brings it
        return;
      }
      const at = document.activeElement;
      // What has an id htmx finds itself.
      held = at !== target && target.contains(at) && !at.id ? [like(at), same(like(at)).indexOf(at)] : null;
    });
    document.addEventListener("htmx:afterSwap", () => {
      if (held && document.activeElement === document.body) same(held[0])[held[1]]?.focus({ preventScroll: true });
      held = null;
    });
  },
};
