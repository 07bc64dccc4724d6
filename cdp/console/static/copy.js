// Buttons with data-copy put their text on the clipboard and say so.
async function put(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain http on another machine has no clipboard API.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export const copyButtons = {
  start() {
    document.addEventListener("click", async (event) => {
      const button = event.target.closest("[data-copy]");
      if (!button) return;
      event.preventDefault();
      const word = button.dataset.word ??= button.textContent;
      try {
        await put(button.dataset.copy);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Can't copy";
      }
      setTimeout(() => { button.textContent = word; }, 1200);
    });
  },
};
