// Short words in the corner. Good news leaves by itself, bad news waits.
function leave(toast) {
  if (!toast.classList.contains("bad")) setTimeout(() => toast.remove(), 6000);
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
