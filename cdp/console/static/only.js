// Settings that belong to one choice of another setting are shown with it alone. What was
// found wrong stays in sight.
function show(form) {
  for (const part of form.querySelectorAll("[data-only]")) {
    const chosen = form.elements[part.dataset.of]?.value;
    const fits = chosen === undefined || part.dataset.only.split(" ").includes(chosen);
    part.hidden = !fits && !part.querySelector(".bad");
  }
}

export const only = {
  start() {
    for (const form of document.querySelectorAll("form:has([data-only])")) {
      show(form);
      form.addEventListener("change", () => show(form));
      form.addEventListener("input", () => show(form));
    }
  },
};
