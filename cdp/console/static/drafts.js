// What is typed into a form with data-draft outlives an expired login or a reload, in this tab.
const store = sessionStorage;
const keyOf = (form) => `draft:${form.dataset.draft}`;

const fields = (form) => [...form.elements].filter(
  (item) => item.name && !["hidden", "password", "submit", "button", "file"].includes(item.type),
);

function save(form) {
  const values = fields(form).map((item) => [item.name, ["checkbox", "radio"].includes(item.type) ? item.checked : item.value]);
  store.setItem(keyOf(form), JSON.stringify(values));
}

function restore(form) {
  const kept = store.getItem(keyOf(form));
  if (!kept || form.dataset.answered) return;
  const all = fields(form);
  JSON.parse(kept).forEach(([name, value], index) => {
    const item = all[index];
    if (!item || item.name !== name) return;
    if (typeof value === "boolean") item.checked = value;
    else item.value = value;
  });
}

export const drafts = {
  start() {
    const forms = [...document.querySelectorAll("form[data-draft]")];
    const sent = store.getItem("draft-sent");
    // What was sent has arrived, unless a login or an error page answered or one went back.
    const [how] = performance.getEntriesByType("navigation");
    const lost = document.body.classList.contains("alone") || how?.type === "back_forward"
      || document.querySelector("[data-error]");
    if (sent && !lost) store.removeItem(sent);
    store.removeItem("draft-sent");
    for (const form of forms) {
      restore(form);
      form.addEventListener("input", () => save(form));
      form.addEventListener("submit", () => store.setItem("draft-sent", keyOf(form)));
    }
  },
};
