// A page is seen before its scripts are there: what is pressed, chosen or typed until then is
// done once they are, in its order. This file alone is loaded before the page.
{
  const waiting = new Map();
  const press = (event) => {
    const pressed = event.target.closest("a, button, input, select, textarea, label, summary, tr[data-href]");
    if (!pressed?.matches("button[type=button], tr[data-href]")) return;
    waiting.set(pressed, () => pressed.click());
    pressed.setAttribute("aria-busy", "true");
  };
  const choose = (event) => {
    const { target, type } = event;
    if (target.matches("input, select, textarea")) {
      waiting.set(target, () => target.dispatchEvent(new Event(type, { bubbles: true })));
    }
  };
  const find = (event) => {
    if (!(event.metaKey || event.ctrlKey) || event.key.toLowerCase() !== "k") return;
    event.preventDefault(); // or the browser has its own answer
    const { key, metaKey, ctrlKey } = event;
    const again = () => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, metaKey, ctrlKey, bubbles: true }));
    waiting.set(document, again);
  };
  const early = { click: press, input: choose, change: choose, keydown: find };
  for (const [type, note] of Object.entries(early)) document.addEventListener(type, note, true);
  // Modules have run by then; what else waits for this event has its turn first.
  document.addEventListener("DOMContentLoaded", () => {
    for (const [type, note] of Object.entries(early)) document.removeEventListener(type, note, true);
    setTimeout(() => {
      for (const [place, act] of waiting) {
        place.removeAttribute?.("aria-busy");
        if (place.isConnected) act();
      }
    });
  });
}
