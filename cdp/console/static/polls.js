// What is asked again by itself or as one types takes nothing away from under a hand, and the
// focus stays where it is.
import { hand } from "./hand.js";

let held = null;

const like = (one) => [one.tagName, one.name, one.value, one.href, one.textContent].join("\n");
const same = (said) => [...document.querySelectorAll("main a, main button, main summary, main input")].filter((one) => like(one) === said);

export const polls = {
  start() {
    const mine = hand(document);
    document.addEventListener("htmx:beforeSwap", ({ detail }) => {
      const { target, requestConfig } = detail;
      const { elt } = requestConfig, when = elt.getAttribute("hx-trigger") ?? "";
      if (mine.holds(target) && /^(every|input) /.test(when)) {
        detail.shouldSwap = false; // the next answer brings it
        if (when.startsWith("input")) mine.after(() => window.htmx.trigger(elt, "search"));
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
