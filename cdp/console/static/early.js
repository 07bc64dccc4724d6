// Buttons that need scripts are seen before the scripts are there: what is pressed until then
// shows that it waits, and is done once they are. This file alone is loaded before the page.
{
  const waiting = new Set();
  const press = (event) => {
    const pressed = event.target.closest("a, button, input, select, textarea, label, summary, tr[data-href]");
    if (!pressed?.matches("button[type=button], tr[data-href]")) return;
    waiting.add(pressed);
    pressed.setAttribute("aria-busy", "true");
  };
  document.addEventListener("click", press, true);
  // Modules have run by then; what else waits for this event has its turn first.
  document.addEventListener("DOMContentLoaded", () => {
    document.removeEventListener("click", press, true);
    setTimeout(() => {
      for (const pressed of waiting) {
        pressed.removeAttribute("aria-busy");
        pressed.click();
      }
    });
  });
}
