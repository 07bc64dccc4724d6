// Writing templates. A select with data-insert puts what is chosen where the cursor was last, in a text of its form.
export const editor = {
  start() {
    let last = null;
    document.addEventListener("focusin", (event) => {
      if (event.target.matches("[data-liquid]")) last = event.target;
    });
    // Enter beside the preview looks or tries; it does not save.
    document.addEventListener("keydown", (event) => {
      const name = event.target.dataset?.enter;
      if (event.key !== "Enter" || name === undefined) return;
      event.preventDefault();
      if (name) document.getElementById(name).click();
      else event.target.dispatchEvent(new Event("change", { bubbles: true }));
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
