// A select with data-insert puts what is chosen where the cursor was last, in a text of its form.
export const insert = {
  start() {
    let last = null;
    document.addEventListener("focusin", (event) => {
      if (event.target.matches("[data-liquid]")) last = event.target;
    });
    document.addEventListener("change", (event) => {
      const choice = event.target;
      if (!choice.matches("select[data-insert]") || !choice.value) return;
      const text = last?.form === choice.form ? last : choice.form.querySelector("textarea[data-liquid]");
      const [from, to] = [text.selectionStart, text.selectionEnd];
      text.setRangeText(choice.value, from, to, "end");
      choice.value = "";
      text.focus();
      text.dispatchEvent(new Event("input", { bubbles: true }));
    });
  },
};
