// Short words in the corner. Good news leaves by itself once somebody is there, bad news waits.
const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"];
const SEEN_MS = 6000, UNSEEN_MS = 20_000;

// Who looks away for a moment has not missed it: its time is short from when something is moved.
function leave(toast) {
  if (toast.classList.contains("bad")) return;
  const there = new AbortController();
  setTimeout(() => toast.remove(), UNSEEN_MS);
  const begin = () => { there.abort(); setTimeout(() => toast.remove(), SEEN_MS); };
  for (const sign of SIGNS) addEventListener(sign, begin, { signal: there.signal, passive: true });
}

export const toasts = {
  start() {
    document.querySelectorAll("[data-toast]").forEach(leave);
    document.addEventListener("click", (event) => {
      if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast]").remove();
    });
  },
  show(text, kind = "good") {
    const box = document.querySelector(".toasts");
    if (!box) return;
    const toast = document.createElement("div");
    toast.className = `toast ${kind}`;
    toast.dataset.toast = "";
    const words = document.createElement("span");
    words.textContent = text;
    const close = document.createElement("button");
    close.className = "copy";
    close.dataset.dismiss = "";
    close.setAttribute("aria-label", "Dismiss");
    close.textContent = "✕";
    toast.append(words, close);
    box.append(toast);
    leave(toast);
  },
};
