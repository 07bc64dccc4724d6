// Writing templates. A select with data-insert puts what is chosen where the cursor was last, in a text of its form.
import { pick } from "./pick.js";

// Of the languages of a form the chosen one is shown.
function showLanguage(form) {
  const chosen = form.querySelector("[name=lang]:checked")?.value ?? "";
  for (const part of form.querySelectorAll("[data-language]")) part.hidden = part.dataset.language !== chosen;
}

export const editor = {
  start() {
    let last = null;
    pick.start(() => last);
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
      if (choice.matches("[name=lang]")) showLanguage(choice.form);
      if (!choice.matches("select[data-insert]") || !choice.value) return;
      const here = last?.isConnected && last.form === choice.form;
      const text = here ? last : choice.form.querySelector("textarea[data-liquid], input[data-liquid]");
      const [from, to] = [text.selectionStart, text.selectionEnd];
      text.setRangeText(choice.value, from, to, "end");
      choice.value = "";
      text.focus();
      text.dispatchEvent(new Event("input", { bubbles: true }));
    });
  },
};
